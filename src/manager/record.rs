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
//! It appears, whole, when the network is up, is written anew when a node was started again or another network
//! took its place, and goes when the manager ends in order. Whether one that is there belongs to a network that
//! runs is told by the lock, not by the numbers of processes.
//!
//! What stays beside the nodes' folders is the network's shape, as `--topology` has it, for whoever goes on with
//! it: a shape's name, or the links. None: the usual one.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::file::{self, Readers};
use crate::manager::cluster::{Cluster, Member};
use crate::manager::shape::Shape;
use crate::manager::{Error, LOG_END, Settings, key};

/// The file that says where everything is.
pub const FILE: &str = "network.json";

/// The file that says who is linked with whom, unless it is as usual.
pub const SHAPE: &str = "topology";

/// The file that is locked while a network runs. It stays when the network ends.
pub const LOCK: &str = "network.lock";

/// Where logs are.
pub const LOGS: &str = "logs";

/// The manager's log, among them.
pub const MANAGER_LOG: &str = "manager.log";

/// What a manager in the background says, among them.
pub const MANAGER_OUT: &str = "manager.out";

/// Whether a file of this name in a network's folder is the network's own, or one that is being written.
pub fn is_own(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let name = name.strip_suffix(file::NEW).unwrap_or(name);
    [FILE, LOCK, LOGS].contains(&name) || is_of_a_network(name)
}

/// Whether a file of this name among a network's logs is one of them.
pub fn is_log(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    [MANAGER_LOG, MANAGER_OUT].contains(&name) || name.strip_suffix(LOG_END).is_some_and(is_a_nodes)
}

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

    /// Whether a network runs in the folder at `path`.
    pub fn is_taken(path: &Path) -> bool {
        let lock = File::open(path.join(LOCK));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Says where everything is: all of it, or nothing.
    pub fn write(&self, cluster: &Cluster, settings: &Settings, http: SocketAddr) -> Result<(), Error> {
        let params = &settings.params;
        // Of nodes that keep nothing there is nothing to go on with.
        if !settings.ephemeral {
            self.write_shape(&settings.shape, cluster.state.borrow().links.expected())?;
        }
        let nodes: Vec<_> = cluster.members().iter().map(|member| node(member)).collect();
        let record = json!({
            "manager": { "http": http, "pid": std::process::id() },
            "network": { "id": params.network().to_string(), "rules": params.rules().to_string() },
            "nodes": nodes,
        });
        self.replace(FILE, &format!("{record:#}\n"))
    }

    /// Says who is linked with whom: `links`, where no shape has a name for it.
    fn write_shape(&self, shape: &Shape, links: impl Iterator<Item = (usize, usize)>) -> Result<(), Error> {
        match shape {
            Shape::Usual => {
                self.remove(SHAPE);
                Ok(())
            }
            Shape::Named(name) => self.replace(SHAPE, &format!("{name}\n")),
            Shape::Listed(_) => {
                let lines: String = links.map(|(from, to)| format!("{from} {to}\n")).collect();
                self.replace(SHAPE, &lines)
            }
        }
    }

    fn replace(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        let written = file::replace(&path, Readers::Usual, |mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Error::Folder { path, error })
    }

    /// Moves what the nodes kept, and the key that they obeyed, to the folder `before`, which is made.
    pub fn set_aside(&self, before: &Path) -> Result<(), Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| Error::Folder { path, error }
        };
        fs::create_dir(before).map_err(failed(before))?;
        for entry in fs::read_dir(&self.path).map_err(failed(&self.path))? {
            let entry = entry.map_err(failed(&self.path))?;
            if is_of_a_network(&entry.file_name().to_string_lossy()) {
                let there = entry.path();
                fs::rename(&there, before.join(entry.file_name())).map_err(failed(&there))?;
            }
        }
        Ok(())
    }

    /// Removes what a network that did not come up has made: its nodes' folders and their key. What cannot be
    /// removed stays: the failure itself is worse.
    pub fn remove_network(&self) {
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let path = entry.path();
            if is_of_a_network(&entry.file_name().to_string_lossy()) {
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                if let Err(error) = removed {
                    tracing::warn!(path = %path.display(), %error, "could not be removed");
                }
            }
        }
    }

    fn clear(&self) {
        self.remove(FILE);
    }

    fn remove(&self, name: &str) {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "{name} could not be removed");
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

/// Whether a file of this name is one network's, and none of the next one's: the key, the shape, and each node's
/// folder.
fn is_of_a_network(name: &str) -> bool {
    [key::FILE, SHAPE].contains(&name) || is_a_nodes(name)
}

/// Whether this is the name of a node's folder.
fn is_a_nodes(name: &str) -> bool {
    let number = name.strip_prefix("node-");
    number.is_some_and(|number| number.len() >= 3 && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A folder in `path` that is not there yet, for what was there until now: `before-20260131-120000`, in UTC.
pub fn before(path: &Path) -> PathBuf {
    let now = jiff::Timestamp::now().strftime("before-%Y%m%d-%H%M%S").to_string();
    let names = (2..u32::MAX).map(|nth| format!("{now}-{nth}"));
    let mut free = [now.clone()].into_iter().chain(names).map(|name| path.join(name));
    free.find(|path| !path.exists()).unwrap_or_else(|| path.join(&now))
}

fn node(member: &Member) -> serde_json::Value {
    let there = member.there();
    json!({
        "node": member.number, "id": there.node.to_string(), "http": there.http, "p2p": there.listen,
        "pid": there.child.pid(), "log": member.log.to_string_lossy(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::{node_folder, node_name};

    /// Row 88 of docs/hostile.md.
    #[test]
    fn a_folder_has_one_network_and_what_a_dead_one_left_is_no_obstacle() {
        let place = tempfile::tempdir().expect("a folder");
        let logs = place.path().join("logs");
        fs::write(place.path().join(FILE), "stale").expect("a file");
        let ours = Folder::take(place.path(), &logs).expect("nobody else is there");
        assert!(logs.is_dir() && !place.path().join(FILE).exists());
        assert!(matches!(Folder::take(place.path(), &logs), Err(Error::Locked(_))));
        assert!(Folder::is_taken(place.path()));
        drop(ours);
        assert!(!Folder::is_taken(place.path()));
        assert!(Folder::take(place.path(), &logs).is_ok());
    }

    #[test]
    fn what_a_network_writes_has_names_of_its_own() {
        let is_own_at = |path: PathBuf| path.file_name().is_some_and(is_own);
        for number in [0, 7, 1234] {
            assert!(is_own_at(node_folder(Path::new("network"), number)), "{number}");
            assert!(is_log(OsStr::new(&format!("{}{LOG_END}", node_name(number)))), "{number}");
        }
        assert!(is_own_at(file::beside(&Path::new("network").join(key::FILE))));
        for name in
            ["chain.p2p", "node-0", "node-000.p2p", "network.json.p2p", "my-network.json", "manager.log"]
        {
            assert!(!is_own(OsStr::new(name)), "{name}");
        }
        assert!(!is_log(OsStr::new("node.log")));
    }

    #[test]
    fn a_shape_is_kept_as_topology_has_it() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::take(place.path(), &place.path().join("logs")).expect("nobody else is there");
        let kept = || fs::read_to_string(place.path().join(SHAPE)).ok();
        let listed = Shape::listed("0-1\n1-2", 3).expect("links");
        // With a fourth node, which was added.
        let links = [(0, 1), (1, 2), (3, 2)];
        let ring = Shape::Named("ring".parse().expect("a shape"));
        for (shape, expected) in
            [(&ring, Some("ring\n")), (&listed, Some("0 1\n1 2\n3 2\n")), (&Shape::Usual, None)]
        {
            folder.write_shape(shape, links.into_iter()).expect("it can be written");
            assert_eq!(kept().as_deref(), expected);
        }
    }

    #[test]
    fn what_a_network_kept_is_set_aside_and_what_is_not_its_own_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::take(place.path(), &place.path().join("logs")).expect("nobody else is there");
        for node in ["node-000", "node-007", "node-x", "mine"] {
            fs::create_dir(place.path().join(node)).expect("a folder");
        }
        fs::write(place.path().join(key::FILE), "secret").expect("a file");
        let to = before(place.path());
        folder.set_aside(&to).expect("it can be moved");
        let names = |path: &Path| {
            let entries = fs::read_dir(path).expect("a folder");
            let mut names: Vec<String> = entries
                .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(&to), ["manager.key", "node-000", "node-007"]);
        let moved = to.file_name().and_then(|name| name.to_str()).expect("a name");
        assert_eq!(names(place.path()), [moved, "logs", "mine", LOCK, "node-x"]);
        assert_ne!(before(place.path()), to, "it is never moved over another");

        // One that takes its place, and does not come up.
        fs::create_dir_all(place.path().join("node-000/x")).expect("a folder");
        fs::write(place.path().join(key::FILE), "another").expect("a file");
        folder.remove_network();
        assert_eq!(names(place.path()), [moved, "logs", "mine", LOCK, "node-x"]);
        assert_eq!(names(&to), ["manager.key", "node-000", "node-007"]);
    }
}
