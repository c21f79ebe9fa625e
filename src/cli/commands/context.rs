//! What every command that talks to a manager needs: which one, and where to say what it says.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::commands::Talk;
use crate::cli::output::Output;
use crate::cli::{Failure, process};
use crate::manager::record;

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
        if let Some(Here { folder, pid, .. }) = here {
            let folder = folder.display();
            client = client.or_died(
                format!("the network in {folder} died: its manager, process {pid}, has gone without an end"),
                "`networkmngr up --detach` goes on with it where its nodes were".to_owned(),
            );
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

/// A manager that a folder names.
pub(in crate::cli) struct Here {
    folder: PathBuf,
    /// Its process.
    pub pid: u32,
    /// Where it is.
    pub url: String,
}

impl Here {
    /// The manager of the network in `folder`. One that ends in order takes its record along, so whoever has one
    /// runs, or died.
    pub(in crate::cli) fn of(folder: &Path) -> Option<Here> {
        let text = std::fs::read(folder.join(record::FILE)).ok()?;
        let record: Value = serde_json::from_slice(&text).ok()?;
        let pid = record["manager"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())?;
        let url = format!("http://{}", record["manager"]["http"].as_str()?);
        Some(Here { folder: folder.to_owned(), pid, url })
    }

    /// That of the folder which commands look into.
    fn usual() -> Option<Here> {
        let folder = std::env::var_os("NETWORKMNGR_DATA_DIR").map_or(PathBuf::from("network"), PathBuf::from);
        Here::of(&folder)
    }
}

/// The time, in seconds since 1970.
pub(in crate::cli) fn now() -> f64 {
    jiff::Timestamp::now().as_microsecond() as f64 / 1e6
}
