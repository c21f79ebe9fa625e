//! The file of `--config`: each of its lines is a flag of `up`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};

use crate::cli::commands::Cli;
use crate::cli::manager::UpArgs;
use crate::cli::settings::known;
use crate::cli::{Failure, not_parsed, values};
use crate::limits::MAX_SCRIPT_BYTES;

/// Keys whose value is a path, relative to the file that says it.
const PATHS: [&str; 3] = ["data-dir", "node-program", "topology"];

/// What a file sets: each key, its line, and the words that set it.
pub(super) fn flags(path: &Path) -> Result<Vec<(String, usize, Vec<OsString>)>, Failure> {
    let shown = path.display();
    let text = read_text(path, "--config")?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let hint = "write `name = value` lines, such as amount = 4 or data-dir = \"network\"";
        let said = text.lines().nth(line - 1).unwrap_or_default().trim();
        let is_word =
            |value: &str| value.trim_start().starts_with(|c: char| c.is_alphabetic() || "./~".contains(c));
        let why = match said.split_once('=') {
            Some((_, value)) if is_word(value) => {
                format!("{said}: expected a number, true or false, or a text in quotes")
            }
            Some((key, _)) if error.message().starts_with("duplicate key") => {
                format!("{} is set twice", key.trim())
            }
            _ => error.message().lines().next().unwrap_or_default().to_owned(),
        };
        Failure::usage(format!("{shown}:{line}: {why}"), hint)
    })?;
    let known = known();
    let mut flags = Vec::new();
    for (key, value) in &table {
        let begins = |line: &str| line.trim_start().trim_start_matches(['"', '[']).starts_with(key.as_str());
        let line = text.lines().position(begins).map_or(1, |at| at + 1);
        let Some(arg) = known.iter().find(|arg| arg.get_long() == Some(key)) else {
            let names = known.iter().filter_map(|arg| arg.get_long());
            let error = format!("{shown}:{line}: there is no setting {key:?}");
            let meant = match key.as_str() {
                "verbose" => "log-level says how much to log; ".to_owned(),
                _ => values::nearest(names, key)
                    .map_or(String::new(), |name| format!("did you mean {name:?}? ")),
            };
            let hint = format!("{meant}`networkmngr up --help` lists them");
            return Err(Failure::usage(error, hint));
        };
        let takes_value = arg.get_action().takes_values();
        let wrong = |expected: &str| {
            let said = text.lines().nth(line - 1).unwrap_or_default().trim();
            Failure::usage(
                format!("{shown}:{line}: {said}: expected {expected}"),
                "see `networkmngr up --help`",
            )
        };
        let word: OsString = match value {
            toml::Value::Boolean(on) if !takes_value => {
                if *on {
                    flags.push((key.clone(), line, vec![format!("--{key}").into()]));
                }
                continue;
            }
            _ if !takes_value => return Err(wrong("true or false")),
            toml::Value::String(text) if text.contains('\0') => return Err(wrong("a text without \\u0000")),
            toml::Value::String(text) if PATHS.contains(&key.as_str()) => beside(path, key, text).into(),
            toml::Value::String(text) => text.into(),
            toml::Value::Integer(number) => number.to_string().into(),
            toml::Value::Float(number) => number.to_string().into(),
            _ => return Err(wrong("a text or a number")),
        };
        let mut flag = OsString::from(format!("--{key}="));
        flag.push(word);
        // Alone, so that what is wrong with it is said with its place.
        let only = UpArgs::augment_args(clap::Command::new("up"));
        if let Err(error) = only.try_get_matches_from([OsString::from("up"), flag.clone()])
            && error.kind() != ErrorKind::MissingRequiredArgument
        {
            let failure = not_parsed(&error, &Cli::command(), &["networkmngr".into(), "up".into()]);
            return Err(Failure::usage(format!("{shown}:{line}: {}", failure.error), failure.hint));
        }
        flags.push((key.clone(), line, vec![flag]));
    }
    Ok(flags)
}

/// The text of a small file.
pub(in crate::cli) fn read_text(path: &Path, flag: &str) -> Result<String, Failure> {
    let unread = |why: &dyn core::fmt::Display| {
        Failure::usage(
            format!("{} cannot be read: {why}", path.display()),
            format!("name another file ({flag})"),
        )
    };
    small_text(path).map_err(|error| unread(&error))
}

/// The text of a file that is small, or it is an error: what has no end, such as a device, is read no further.
pub(in crate::cli) fn small_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(MAX_SCRIPT_BYTES + 1).read_to_string(&mut text);
    if text.len() as u64 > MAX_SCRIPT_BYTES {
        return Err(io::Error::other(format!("it has more than {MAX_SCRIPT_BYTES} bytes")));
    }
    read?;
    // Some editors begin a text with a mark of how it is encoded.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The path `text`, which stands in the file `path`. A topology may be a word as well as a file.
fn beside(path: &Path, key: &str, text: &str) -> PathBuf {
    let joined = path.parent().unwrap_or(Path::new("")).join(text);
    if key == "topology" && !joined.is_file() { PathBuf::from(text) } else { joined }
}
