//! Where a setting comes from: a flag, or else the environment, or else the file of `--config`, or else what
//! it is by itself.
//!
//! The file names the flags of `up`. What it sets and neither a flag nor the environment does is put in front
//! of the flags, and all is read as if it had been typed: one set of rules and of messages.

mod file;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches};
use serde::Serialize;

use crate::cli::commands::Cli;
use crate::cli::manager::UpArgs;
use crate::cli::{Failure, not_parsed};

pub(super) use file::{read_text, small_text};

/// Commands that take the flags of `up`.
const WITH_FLAGS: [&str; 3] = ["up", "config", "doctor"];

/// A flag of `up`, what it is, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Setting {
    /// Its name.
    pub name: String,
    /// What it is; none: not given.
    pub value: Option<String>,
    /// Whence: `flag`, `environment`, `file`, `folder` (the network that is there has it) or `default`.
    pub from: &'static str,
    /// The variable, the file, or the folder.
    pub place: Option<String>,
    /// The line of the file.
    pub line: Option<usize>,
}

impl Setting {
    /// Where it is set, if neither by a flag nor by itself: `network.toml:3`, `NETWORKMNGR_PORT`.
    pub(super) fn at(&self) -> Option<String> {
        let place = self.place.as_ref()?;
        Some(self.line.map_or_else(|| place.clone(), |line| format!("{place}:{line}")))
    }
}

/// A setting of a file: its name, and where it is.
#[derive(Debug)]
struct OfFile {
    name: String,
    file: PathBuf,
    line: usize,
    /// The words that set it.
    words: Vec<OsString>,
}

/// `failure` with the place where the setting that it complains of is set.
pub(super) fn placed(failure: Failure, settings: &[Setting]) -> Failure {
    let is_meant = |setting: &&Setting| {
        let flag = format!("--{}", setting.name);
        let mut words = failure.error.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        failure.flag == Some(flag.as_str()) || words.any(|word| word == flag)
    };
    match settings.iter().filter(is_meant).find_map(Setting::at) {
        Some(place) => Failure { error: format!("{place}: {}", failure.error), ..failure },
        None => failure,
    }
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// The command and its flags.
    pub cli: Cli,
    /// Where each flag of `up` comes from, for the commands that take them.
    pub settings: Vec<Setting>,
    /// The words that say the same without the file.
    pub words: Vec<OsString>,
}

/// Why nothing is to be done.
#[derive(Debug)]
pub(super) enum NotAsked {
    /// Help, or the version, is to be shown.
    Shown(clap::Error),
    /// It makes no sense.
    Wrong(Failure),
}

impl From<Failure> for NotAsked {
    fn from(failure: Failure) -> NotAsked {
        NotAsked::Wrong(failure)
    }
}

/// Reads a command line, its program's name first.
pub(super) fn read(words: Vec<OsString>) -> Result<Asked, NotAsked> {
    let mut words = with_command(words);
    // `help` takes a command for every word, and a flag for none.
    if let [_, help, flag] = words.as_slice()
        && help == "help"
        && (flag == "--help" || flag == "-h")
    {
        words.pop();
    }
    let mut from_file: Vec<OfFile> = Vec::new();
    if let Some((sub, matches)) = leniently(&words)
        && let Some(file) = matches.get_one::<PathBuf>("config")
    {
        let set = |key: &str| {
            matches
                .value_source(&key.replace('-', "_"))
                .is_some_and(|source| source != ValueSource::DefaultValue)
        };
        let mut flags = Vec::new();
        for (name, line, words) in file::flags(file)? {
            if !set(&name) {
                flags.extend(words.iter().cloned());
                from_file.push(OfFile { name, file: file.clone(), line, words });
            }
        }
        let at = words.iter().position(|word| *word == sub.as_str()).map_or(words.len(), |at| at + 1);
        words.splice(at..at, flags);
    }
    let matches =
        command().try_get_matches_from(&words).map_err(|error| at_fault(error, &words, &from_file))?;
    let mut settings = Vec::new();
    if let Some((_, sub)) = matches.subcommand().filter(|(name, _)| WITH_FLAGS.contains(name)) {
        settings = all(sub, &from_file);
    }
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| refused(error, &words))?;
    cli.talk.by_flag = words.iter().any(|word| word.to_string_lossy().starts_with("--manager"));
    Ok(Asked { cli, settings, words })
}

fn refused(error: clap::Error, words: &[OsString]) -> NotAsked {
    match error.use_stderr() {
        false => NotAsked::Shown(error),
        true => NotAsked::Wrong(not_parsed(&error, &Cli::command(), words)),
    }
}

/// What a refused command line comes to, with the line or the variable that is at fault, if one is: without
/// that line nothing would be wrong, or that variable alone is refused in the same way.
fn at_fault(error: clap::Error, words: &[OsString], from_file: &[OfFile]) -> NotAsked {
    let at = |place: String, error| match refused(error, words) {
        NotAsked::Wrong(failure) => {
            NotAsked::Wrong(Failure { error: format!("{place}: {}", failure.error), ..failure })
        }
        shown => shown,
    };
    for set in from_file {
        let rest = words.iter().filter(|word| !set.words.contains(word));
        if !set.words.is_empty() && command().try_get_matches_from(rest).is_ok() {
            return at(format!("{}:{}", set.file.display(), set.line), error);
        }
    }
    for arg in known() {
        let (Some(long), Some(name)) = (arg.get_long(), arg.get_env()) else { continue };
        let Some(value) = std::env::var_os(name) else { continue };
        // A flag without a value has one in its variable, and none there is one, too.
        let of_variable = match value.is_empty() {
            true => format!("a value is required for '--{long}"),
            false => format!("invalid value '{}' for '--{long}'", value.to_string_lossy()),
        };
        if !arg.get_action().takes_values() && first_line(&error).contains(&of_variable) {
            return at(name.to_string_lossy().into_owned(), error);
        }
        let mut flag = OsString::from(format!("--{long}="));
        flag.push(value);
        let flag = if arg.get_action().takes_values() { flag } else { format!("--{long}").into() };
        let alone = UpArgs::augment_args(clap::Command::new("up")).try_get_matches_from(["up".into(), flag]);
        if alone.is_err_and(|alone| alone.kind() == error.kind() && first_line(&alone) == first_line(&error))
        {
            return at(name.to_string_lossy().into_owned(), error);
        }
    }
    refused(error, words)
}

fn first_line(error: &clap::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The words with the command that is meant where none is named: `up`.
fn with_command(mut words: Vec<OsString>) -> Vec<OsString> {
    let mut at = 1;
    while let Some(word) = words.get(at).and_then(|word| word.to_str()) {
        match word {
            "--json" => at += 1,
            "--manager" => at += 2,
            _ if word.starts_with("--manager=") => at += 1,
            "-h" | "--help" | "-V" | "--version" => return words,
            _ if word.starts_with('-') => break,
            _ => return words,
        }
    }
    words.insert(1.min(words.len()), "up".into());
    words
}

/// A first look, which complains of nothing: the file has to be known before the rest makes sense.
fn leniently(words: &[OsString]) -> Option<(String, ArgMatches)> {
    let matches = command().ignore_errors(true).try_get_matches_from(words).ok()?;
    let (name, sub) = matches.subcommand().filter(|(name, _)| WITH_FLAGS.contains(name))?;
    Some((name.to_owned(), sub.clone()))
}

/// All commands, the flags of `up` with the variables that set them.
pub(super) fn command() -> clap::Command {
    WITH_FLAGS
        .iter()
        .fold(Cli::command(), |command, name| command.mut_subcommand(name, |sub| sub.mut_args(with_variable)))
}

/// A flag of `up` that its variable sets as well: `--base-http` and `NETWORKMNGR_BASE_HTTP`.
fn with_variable(arg: clap::Arg) -> clap::Arg {
    match arg.get_long().filter(|_| !arg.is_hide_set() && !matches!(arg.get_action(), clap::ArgAction::Count))
    {
        Some(long) => {
            let name = format!("NETWORKMNGR_{}", long.to_uppercase().replace('-', "_"));
            arg.env(name).hide_env(true)
        }
        None => arg,
    }
}

/// The flags of `up` that a file may set: all but the file itself, and `-v`, whose setting is the log level.
fn known() -> Vec<clap::Arg> {
    let command = UpArgs::augment_args(clap::Command::new("up")).mut_args(with_variable);
    let not_set = ["config", "verbose"];
    let is_one = |arg: &&clap::Arg| {
        arg.get_long().is_some() && !arg.is_hide_set() && !not_set.contains(&arg.get_id().as_str())
    };
    command.get_arguments().filter(is_one).cloned().collect()
}

/// Each flag of `up` as it holds.
fn all(matches: &ArgMatches, from_file: &[OfFile]) -> Vec<Setting> {
    let of = |arg: &clap::Arg| {
        let (name, id) = (arg.get_long().unwrap_or_default().to_owned(), arg.get_id().as_str());
        let values = matches.get_raw(id);
        let value = values.map(|values| {
            values.map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>().join(",")
        });
        let file = from_file.iter().find(|set| set.name == name);
        let variable = || arg.get_env().map(|name| name.to_string_lossy().into_owned());
        let (from, place) = match (matches.value_source(id), file) {
            (_, Some(set)) => ("file", Some(set.file.display().to_string())),
            (Some(ValueSource::CommandLine), None) => ("flag", None),
            (Some(ValueSource::EnvVariable), None) => ("environment", variable()),
            _ => ("default", None),
        };
        // A flag that is given stands for true.
        let value = match arg.get_action().takes_values() {
            true => value,
            false => Some(matches.get_flag(id).to_string()),
        };
        Setting { name, value, from, place, line: file.map(|set| set.line) }
    };
    known().iter().map(of).collect()
}
