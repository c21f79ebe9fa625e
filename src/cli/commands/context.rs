//! What every command that talks to a manager needs: which one, and where to say what it says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::commands::{Talk, with_manager};
use crate::cli::output::Output;
use crate::cli::{Failure, UNREACHABLE, process};
use crate::manager::{node_folder, record};

/// Where a manager is that was started without any flag.
const USUAL_MANAGER: &str = "http://127.0.0.1:4999";

/// What a command works with.
#[derive(Debug)]
pub(in crate::cli) struct Context {
    /// The manager.
    pub client: Client,
    /// Where words go.
    pub output: Output,
}

impl Context {
    /// A context for the manager that is meant.
    pub(super) fn new(talk: &Talk) -> Result<Context, Failure> {
        let here = if talk.manager.is_none() { Here::usual() } else { None };
        let running = here.as_ref().filter(|here| process::is_alive(here.pid));
        let url = talk.manager.clone().or_else(|| running.map(|here| here.url.clone()));
        let url = url.unwrap_or_else(|| USUAL_MANAGER.to_owned());
        let place = if talk.by_flag { "--manager " } else { "NETWORKMNGR_MANAGER=" };
        let mut client = Client::new(&url).map_err(|error| {
            Failure::usage(
                format!("{place}{url}: {error}"),
                "leave it out for the usual one, or see `networkmngr --help`",
            )
        })?;
        if let Some(here) = here {
            client = client.of(here);
        }
        let mut output = Output::stdout(talk.json);
        output.manager = Some(client.url()).filter(|url| talk.by_flag && *url != usual());
        Ok(Context { client, output })
    }

    /// `failure`, with what it says to do said of this manager.
    pub(super) fn named(&self, failure: Failure) -> Failure {
        let hint = self.output.named(&failure.hint);
        Failure { hint, ..failure }
    }
}

/// The manager that a command without a flag talks to.
#[allow(clippy::disallowed_methods, reason = "what it would be is asked though the flag is there")]
fn usual() -> String {
    let variable = std::env::var("NETWORKMNGR_MANAGER").ok();
    let here = || Here::usual().filter(|here| process::is_alive(here.pid)).map(|here| here.url);
    let url = variable.or_else(here).unwrap_or_else(|| USUAL_MANAGER.to_owned());
    Client::new(&url).map(|client| client.url()).unwrap_or_default()
}

/// `text`, whose commands (between backquotes) go to the manager at `http` from wherever they are called: they name
/// it unless that is what commands without a flag talk to anyway.
pub(in crate::cli) fn for_manager(text: &str, http: SocketAddr) -> String {
    let url = format!("http://{http}");
    if url == USUAL_MANAGER && url == usual() { text.to_owned() } else { with_manager(text, &url) }
}

/// A manager that a folder names.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Here {
    folder: PathBuf,
    /// Its process.
    pub pid: u32,
    /// Where it is.
    pub url: String,
    /// The flags of `up` that start it again where it and its nodes were.
    flags: String,
}

impl Here {
    /// The manager of the network in `folder`. One that ends in order takes its record along, so whoever has one
    /// runs, or died.
    pub(in crate::cli) fn of(folder: &Path) -> Option<Here> {
        let text = std::fs::read(folder.join(record::FILE)).ok()?;
        let record: Value = serde_json::from_slice(&text).ok()?;
        let pid = record["manager"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())?;
        let url = format!("http://{}", record["manager"]["http"].as_str()?);
        Some(Here { folder: folder.to_owned(), pid, url, flags: flags(&record) })
    }

    /// Whether it is the one that its folder names, and its process is there.
    pub(in crate::cli) fn is_still_there(&self) -> bool {
        Here::of(&self.folder).is_some_and(|now| now.pid == self.pid) && process::is_alive(self.pid)
    }

    /// Why nothing listens where it was, if that is known by now.
    pub(in crate::cli) fn why_gone(&self) -> Option<Failure> {
        let folder = self.folder.display();
        let failure = match Here::of(&self.folder) {
            None => Failure::new(
                format!("the network in {folder} was stopped: its manager has ended in order"),
                "`networkmngr up --detach` starts one again",
            ),
            Some(now) if now.pid == self.pid && !process::is_alive(self.pid) => {
                let does = match node_folder(&self.folder, 0).is_dir() {
                    true => "goes on with it where its nodes were",
                    false => "starts one anew: it was kept in memory only",
                };
                Failure::new(
                    format!(
                        "the network in {folder} died: its manager, process {}, has gone without an end",
                        self.pid
                    ),
                    format!("`networkmngr up --detach{}` {does}", self.flags),
                )
            }
            Some(_) => return None,
        };
        Some(Failure { code: UNREACHABLE, ..failure })
    }

    /// Why who listens says nothing, if that is known: a process that is stopped is still connected to.
    pub(in crate::cli) fn why_silent(&self) -> Option<Failure> {
        process::is_stopped(self.pid).then(|| {
            let (pid, folder) = (self.pid, self.folder.display());
            let error =
                format!("the manager of {folder}, process {pid}, is stopped, as by its terminal's Ctrl-Z");
            let hint = format!("`kill -CONT {pid}`, or `fg` in its terminal, has it go on");
            Failure { code: UNREACHABLE, ..Failure::new(error, hint) }
        })
    }

    /// That of the folder which commands look into.
    fn usual() -> Option<Here> {
        let folder = std::env::var_os("NETWORKMNGR_DATA_DIR").map_or(PathBuf::from("network"), PathBuf::from);
        Here::of(&folder)
    }
}

/// The flags of `up` that are not as usual for the network of this record: how many nodes, on which ports.
fn flags(record: &Value) -> String {
    let port = |address: &Value| Some(u64::from(address.as_str()?.parse::<SocketAddr>().ok()?.port()));
    let nodes = record["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    // The nodes' ports follow each other, or were any that were free.
    let base = |name: &str| {
        let first = nodes.first().and_then(|node| port(&node[name]))?;
        let follow = (first..).zip(nodes).all(|(expected, node)| port(&node[name]) == Some(expected));
        Some(if follow { first } else { 0 })
    };
    let said = [
        ("-a", Some(nodes.len() as u64), 6),
        ("-p", port(&record["manager"]["http"]), 4999),
        ("--base-http", base("http"), 5000),
        ("--base-listen", base("p2p"), 6000),
    ];
    let said =
        said.into_iter().filter_map(|(flag, value, usual)| Some((flag, value.filter(|it| *it != usual)?)));
    said.map(|(flag, value)| format!(" {flag} {value}")).collect()
}

/// The time, in seconds since 1970.
pub(in crate::cli) fn now() -> f64 {
    jiff::Timestamp::now().as_microsecond() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// (amount, the manager's port, the first node's HTTP and P2P ports, how far apart; the flags)
    #[test]
    fn a_network_is_started_again_where_it_was() {
        let rows = [
            (6, 4999, 5000, 6000, 1, ""),
            (2, 4999, 5000, 6000, 1, " -a 2"),
            (3, 7000, 7100, 7200, 1, " -a 3 -p 7000 --base-http 7100 --base-listen 7200"),
            (6, 4999, 5000, 40_000, 2, " --base-http 0 --base-listen 0"),
        ];
        for (amount, manager, http, p2p, apart, expected) in rows {
            let at = |base: u16, number: u16| format!("127.0.0.1:{}", base + number * apart);
            let nodes: Vec<Value> = (0..amount)
                .map(|number| json!({ "http": at(http, number), "p2p": at(p2p, number) }))
                .collect();
            let record = json!({ "manager": { "http": at(manager, 0) }, "nodes": nodes });
            assert_eq!(flags(&record), expected);
        }
    }

    /// The record of a manager of this process number, or none.
    fn recorded(folder: &Path, pid: Option<u32>) {
        let path = folder.join(record::FILE);
        match pid {
            Some(pid) => {
                let record = json!({ "manager": { "http": "127.0.0.1:7000", "pid": pid }, "nodes": [] });
                std::fs::write(path, record.to_string()).expect("a file");
            }
            None => std::fs::remove_file(path).expect("it is there"),
        }
    }

    #[test]
    fn a_manager_that_stopped_in_order_did_not_die() {
        let folder = tempfile::tempdir().expect("a folder");
        // A process that has ended, and one that runs.
        let mut ended = std::process::Command::new("true").spawn().expect("a process");
        ended.wait().expect("its end");
        let (dead, alive) = (ended.id(), std::process::id());
        let why = |here: &Here| here.why_gone().map(|failure| failure.error).unwrap_or_default();
        recorded(folder.path(), Some(dead));
        let here = Here::of(folder.path()).expect("a record");
        assert!(why(&here).contains("died: its manager"), "{}", why(&here));
        recorded(folder.path(), None);
        assert!(why(&here).contains("was stopped: its manager has ended in order"), "{}", why(&here));
        // One that is about to stop, and another that took its place.
        recorded(folder.path(), Some(alive));
        assert_eq!(why(&here), "");
        assert_eq!(why(&Here::of(folder.path()).expect("a record")), "");
    }
}
