//! `networkmngr up --detach`: a manager in the background.
//!
//! It is this very program in a session of its own. It has a pipe for stdout, says there what it would say on
//! a terminal, and lets go of it once the network is up: the pipe's end, and a network.json with its number,
//! are its word that all is well. If it ends instead, what it said on stderr is why.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::cli::client::Client;
use crate::cli::manager::{UpArgs, settings};
use crate::cli::output::Output;
use crate::cli::{Failure, process};
use crate::manager::exit::INTERRUPTED;
use crate::manager::record;
use crate::manager::signals::Signals;

/// A manager that was started in the background, and is up.
#[derive(Debug)]
pub(in crate::cli) struct Detached {
    /// How it is called.
    pub client: Client,
    /// What it said of the network.
    pub said: String,
    /// Its process. Where it has a lifeline, this holds it.
    pub child: Child,
}

/// Starts a network in the background, and tells of it.
pub(super) async fn up(args: &UpArgs, words: &[OsString], output: &mut Output) -> Result<(), Failure> {
    // What makes no sense is said by whoever is asked.
    settings(args)?;
    // As text or as JSON, it is the manager's own word.
    output.write(&start(words, &args.data_dir, false).await?.said);
    Ok(())
}

/// Starts the manager that `words` (a command line of `up`) describe. With a `lifeline` it ends with us, and
/// the words are all that it goes by: no variable of the user's changes what they say.
pub(in crate::cli) async fn start(
    words: &[OsString],
    data_dir: &Path,
    lifeline: bool,
) -> Result<Detached, Failure> {
    let failed = |what: &str, error: std::io::Error| {
        Failure::new(format!("{what}: {error}"), "start it without --detach, to see more")
    };
    let program =
        std::env::current_exe().map_err(|error| failed("this program's own file cannot be found", error))?;
    let mut command = Command::new(program);
    command.args(words.iter().skip(1)).arg("--detached").stdout(Stdio::piped()).stderr(Stdio::piped());
    if lifeline {
        command.arg("--lifeline").stdin(Stdio::piped());
        let ours = |name: &OsString| name.to_string_lossy().starts_with("NETWORKMNGR_");
        for name in std::env::vars_os().map(|(name, _)| name).filter(ours) {
            command.env_remove(name);
        }
    } else {
        command.stdin(Stdio::null());
    }
    let mut signals = Signals::new().map_err(|error| failed("signals cannot be caught", error))?;
    let mut child = command.spawn().map_err(|error| failed("the manager cannot be run", error))?;
    let pid = child.id().unwrap_or_default();
    let (mut out, mut wrong) = (String::new(), String::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let hearing = async {
        tokio::join!(read(stdout, &mut out), read(stderr, &mut wrong));
    };
    tokio::select! {
        () = hearing => {}
        () = signals.next() => {
            process::terminate(pid);
            let _ = child.wait().await;
            let failure = Failure::new("interrupted: the network was stopped while it started", "");
            return Err(Failure { code: INTERRUPTED as u8, ..failure });
        }
    }
    if let Some(client) = recorded(data_dir, pid) {
        return Ok(Detached { client, said: out, child });
    }
    let ended = child.wait().await.map_err(|error| failed("the manager's end is not known", error))?;
    let code = ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1).max(1);
    Err(Failure { code, ..told(&wrong, &format!("the manager ended before the network was up ({ended})")) })
}

async fn read(pipe: Option<impl tokio::io::AsyncRead + Unpin>, into: &mut String) {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What was read until it broke is what there is.
        let _ = pipe.read_to_end(&mut bytes).await;
    }
    *into = String::from_utf8_lossy(&bytes).into_owned();
}

/// The manager of process `pid`, if the record in its folder is its own.
fn recorded(data_dir: &Path, pid: u32) -> Option<Client> {
    let text = std::fs::read(data_dir.join(record::FILE)).ok()?;
    let manager: Value = serde_json::from_slice::<Value>(&text).ok()?["manager"].take();
    let is_its = manager["pid"].as_u64() == Some(u64::from(pid));
    is_its.then(|| Client::new(manager["http"].as_str()?).ok())?
}

/// The failure that a program told on stderr: `error: …`, `hint: …`.
fn told(text: &str, otherwise: &str) -> Failure {
    let text = text.trim();
    let (error, hint) = text.rsplit_once("\nhint: ").unwrap_or((text, ""));
    let error = error.strip_prefix("error: ").unwrap_or(error);
    match error.is_empty() {
        true => Failure::new(otherwise, "its log may say more: network/logs/manager.log"),
        false => Failure::new(error, hint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manager_says_is_passed_on() {
        let failure = told("error: 0 of 2 nodes are there; node 0: no\n  node 1: no\nhint: try\n", "ended");
        assert_eq!(failure.error, "0 of 2 nodes are there; node 0: no\n  node 1: no");
        assert_eq!(failure.hint, "try");
        assert_eq!(told("error: x", "ended").error, "x");
        assert_eq!(told("", "ended").error, "ended");
    }
}
