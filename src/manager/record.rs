//! What a network leaves in its folder for programs: a lock, so that it is the only one there, and
//! `network.json`, which says where everything is.
//!
//! ```json
//! {"manager": {"http": "127.0.0.1:4999", "pid": 100},
//!  "network": {"id": "<64 hex>", "rules": "lab start=1e0fffff limit=1e0fffff"},
//!  "nodes": [{"node": 0, "id": "<32 hex>", "http": "127.0.0.1:5000", "p2p": "127.0.0.1:6000", "pid": 101,
//!             "log": "./network/logs/node-000.log"}]}
//! ```
//!
//! It appears, whole, when the network is up, is written anew when a node was started again, and goes when
//! the network ends in order. Whether one that is there
//! belongs to a network that runs is told by the lock, not by the numbers of processes.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::file::{self, Readers};
use crate::manager::Error;
use crate::manager::cluster::{Cluster, Member};
use crate::params::Params;

/// The file that says where everything is.
pub const FILE: &str = "network.json";

/// The file that is locked while a network runs. It stays when the network ends.
const LOCK: &str = "network.lock";

/// A folder that is ours for as long as this lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder and its logs, and takes it. What a dead network left is removed.
    pub fn take(path: &Path, logs: &Path) -> Result<Folder, Error> {
        let failed = |at: &Path| {
            let path = at.to_owned();
            move |error| Error::Folder { path, error }
        };
        fs::create_dir_all(logs).map_err(failed(logs))?;
        let name = path.join(LOCK);
        let lock = File::options().create(true).append(true).open(&name).map_err(failed(&name))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(Error::Folder { path: name, error }),
        }
        let folder = Folder { path: path.to_owned(), _lock: lock };
        folder.clear();
        Ok(folder)
    }

    /// Says where everything is: all of it, or nothing.
    pub fn write(&self, cluster: &Cluster, params: &Params, http: SocketAddr) -> Result<(), Error> {
        let nodes: Vec<_> = cluster.members().iter().map(|member| node(member)).collect();
        let record = json!({
            "manager": { "http": http, "pid": std::process::id() },
            "network": { "id": params.network().to_string(), "rules": params.rules().to_string() },
            "nodes": nodes,
        });
        let (text, path) = (format!("{record:#}\n"), self.path.join(FILE));
        let written = file::replace(&path, Readers::Usual, |mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Error::Folder { path, error })
    }

    fn clear(&self) {
        match fs::remove_file(self.path.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "{FILE} could not be removed");
            }
            _ => {}
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.clear();
    }
}

fn node(member: &Member) -> serde_json::Value {
    let there = member.there();
    json!({
        "node": member.number, "id": there.node.to_string(), "http": there.http, "p2p": there.listen,
        "pid": there.child.pid(), "log": member.log,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 88 of docs/hostile.md.
    #[test]
    fn a_folder_has_one_network_and_what_a_dead_one_left_is_no_obstacle() {
        let place = tempfile::tempdir().expect("a folder");
        let logs = place.path().join("logs");
        fs::write(place.path().join(FILE), "stale").expect("a file");
        let ours = Folder::take(place.path(), &logs).expect("nobody else is there");
        assert!(logs.is_dir() && !place.path().join(FILE).exists());
        assert!(matches!(Folder::take(place.path(), &logs), Err(Error::Locked(_))));
        drop(ours);
        assert!(Folder::take(place.path(), &logs).is_ok());
    }
}
