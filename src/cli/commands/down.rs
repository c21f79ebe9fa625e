//! `networkmngr down`: the end, of every process.

use core::time::Duration;
use std::path::Path;

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
        let folder = &manager.data_dir;
        // One that is relative is so to the manager, which may have been started elsewhere.
        stopped(nodes.len(), folder, manager.ephemeral, folder.is_relative() || folder.exists())
    });
    Ok(())
}

/// What has become of so many nodes, and of what they kept in `folder`, if that is there.
fn stopped(nodes: usize, folder: &Path, ephemeral: bool, is_there: bool) -> String {
    let (they_go, their) = if nodes == 1 { ("it goes", "its") } else { ("they go", "their") };
    let stopped = if nodes == 0 {
        "no node ran any more".to_owned()
    } else {
        format!("stopped {}", count(nodes, "node"))
    };
    let folder = folder.display();
    match (is_there, ephemeral) {
        (false, _) => format!("{stopped}; {their} folder, {folder}, was moved or removed\n"),
        (true, true) => format!("{stopped}; of {their} chain nothing is kept, the logs are in {folder}\n"),
        (true, false) => format!("{stopped}; {they_go} on from {folder} when started again\n"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stopped_is_told_for_none_one_and_many() {
        let rows = [
            (4, false, true, "stopped 4 nodes; they go on from net when started again\n"),
            (1, false, true, "stopped 1 node; it goes on from net when started again\n"),
            (0, false, true, "no node ran any more; they go on from net when started again\n"),
            (1, true, true, "stopped 1 node; of its chain nothing is kept, the logs are in net\n"),
            (4, false, false, "stopped 4 nodes; their folder, net, was moved or removed\n"),
        ];
        for (nodes, ephemeral, is_there, said) in rows {
            assert_eq!(stopped(nodes, Path::new("net"), ephemeral, is_there), said);
        }
    }
}
