//! `networkmngr down`: the end, of every process.

use core::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::cli::commands::Context;
use crate::cli::render::count;
use crate::cli::{Failure, TIMED_OUT, process, watch};
use crate::limits::{API_TIMEOUT, DOWN_POLL, DOWN_TIMEOUT};
use crate::manager::view::{Life, Network};

/// Stops the network, and waits until every process has ended.
pub(in crate::cli) async fn down(context: &mut Context) -> Result<(), Failure> {
    let network = watch::network(&context.client).await?;
    // What still holds a process now; one that has ended is nobody's to wait for.
    let nodes: Vec<u32> =
        network.nodes.iter().filter(|node| node.state != Life::Ended).map(|node| node.pid).collect();
    let _: Value = context.client.post("/api/v1/shutdown", &json!({}), API_TIMEOUT).await?;
    ended(&network, DOWN_TIMEOUT).await?;
    let manager = &network.manager;
    let said = json!({"stopped": nodes.len(), "data_dir": manager.data_dir, "ephemeral": manager.ephemeral});
    context.output.data(&said, |_| {
        let (stopped, folder) = (count(nodes.len(), "node"), network.manager.data_dir.display());
        match network.manager.ephemeral {
            true => format!("stopped {stopped}; of their chain nothing is kept, the logs are in {folder}\n"),
            false => format!("stopped {stopped}; they go on from {folder} when started again\n"),
        }
    });
    Ok(())
}

/// Waits until no process of `network` is left.
pub(in crate::cli) async fn ended(network: &Network, within: Duration) -> Result<(), Failure> {
    let deadline = Instant::now() + within;
    let pids = || network.nodes.iter().map(|node| node.pid).chain([network.manager.pid]);
    loop {
        let left: Vec<String> =
            pids().filter(|pid| process::is_alive(*pid)).map(|pid| pid.to_string()).collect();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let error = format!("still there after {} s: {}", within.as_secs(), left.join(", "));
            let hint = format!("end them with `kill -9 {}`", left.join(" "));
            return Err(Failure { code: TIMED_OUT, ..Failure::new(error, hint) });
        }
        sleep(DOWN_POLL).await;
    }
}
