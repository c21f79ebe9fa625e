//! What every command that talks to a manager needs: which one, and where to say what it says.

use std::path::PathBuf;

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
        let url = talk.manager.clone().or_else(running_here).unwrap_or_else(|| USUAL_MANAGER.to_owned());
        let client = Client::new(&url).map_err(|error| {
            Failure::usage(format!("--manager {url}: {error}"), "leave it out for the usual one")
        })?;
        Ok(Context { client, output: Output::stdout(talk.json) })
    }
}

/// The manager of the network in this folder, if it runs.
fn running_here() -> Option<String> {
    let folder = std::env::var_os("NETWORKMNGR_DATA_DIR").map_or(PathBuf::from("network"), PathBuf::from);
    let text = std::fs::read(folder.join(record::FILE)).ok()?;
    let record: Value = serde_json::from_slice(&text).ok()?;
    let pid = record["manager"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())?;
    let http = record["manager"]["http"].as_str()?;
    process::is_alive(pid).then(|| format!("http://{http}"))
}

/// The time, in seconds since 1970.
pub(in crate::cli) fn now() -> f64 {
    jiff::Timestamp::now().as_microsecond() as f64 / 1e6
}
