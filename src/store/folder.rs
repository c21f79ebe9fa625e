//! A node's folder: its locks, and the readable files beside the chain. Each is written anew beside the old
//! one, flushed, and put in its place, so that a crash leaves the old or the new one whole.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::file::{self, Readers};
use crate::store::{Damage, OpenError};

/// The chain, the pool and the identity: what must not be lost.
pub const CHAIN_FILE: &str = "chain.redb";
/// What was committed last, until the chain's file takes it up.
pub(super) const JOURNAL_FILE: &str = "chain.journal";
/// Who the node is, for people and programs.
pub const NODE_FILE: &str = "node.json";
/// Which other nodes it knows.
pub const PEERS_FILE: &str = "peers.json";
/// Which hosts misbehaved.
pub const BANS_FILE: &str = "bans.json";
/// How far the chain was at the last orderly end.
pub(super) const CHECKPOINT_FILE: &str = "checkpoint.json";
/// Locked while a node runs; its presence alone means nothing.
pub(super) const LOCK_FILE: &str = "lock";
/// What follows the name of a file that was damaged and set aside; a repair adds a number.
const ASIDE: &str = ".damaged";

/// The files of a node's folder.
const OWN: [&str; 7] =
    [CHAIN_FILE, JOURNAL_FILE, NODE_FILE, PEERS_FILE, BANS_FILE, CHECKPOINT_FILE, LOCK_FILE];

/// Whether a file of this name in a node's folder is the node's own, one that is being written, or one that was set
/// aside.
pub fn is_own(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let ends = OWN.iter().filter_map(|own| name.strip_prefix(own));
    ends.into_iter().any(|end| end.is_empty() || end == file::NEW || end.starts_with(ASIDE))
}

/// Whether a node has kept something in the folder at `path`: its chain, or what is there only beside one.
pub(super) fn is_used(path: &Path) -> bool {
    let kept = [CHAIN_FILE, JOURNAL_FILE, NODE_FILE, PEERS_FILE, CHECKPOINT_FILE];
    kept.iter().any(|name| path.join(name).exists())
}

/// Where a repair sets the file at `path` aside: the names to choose from.
pub(super) fn asides(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1u64..).map(move |nth| with_end(path, &format!("{ASIDE}-{nth}")))
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// A node's folder, locked for as long as this or its store lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    locks: Arc<Locks>,
    /// Whether it is only read: nothing in it is changed.
    is_to_read: bool,
}

/// What keeps others out of a folder. The lock says so before there is a chain; the chain's own file does where
/// somebody removed the lock.
#[derive(Debug, Default)]
pub(super) struct Locks {
    /// Not there where the folder is only read, and there is no lock, or this user may not open it.
    lock: OnceLock<File>,
    /// The chain's file, once it is there.
    chain: OnceLock<File>,
}

impl Locks {
    /// Fails if the folder at `path` is not the one that they are of: it was moved, and whatever has its name now is
    /// somebody else's.
    fn check_at(&self, path: &Path) -> io::Result<()> {
        let is_there = |held: &OnceLock<File>, name: &str| {
            held.get().is_some_and(|held| is_same(held, &path.join(name)).unwrap_or(false))
        };
        // One of the two may have been removed.
        match is_there(&self.lock, LOCK_FILE) || is_there(&self.chain, CHAIN_FILE) {
            true => Ok(()),
            false => Err(io::Error::other(format!("{} is no longer this node's folder", path.display()))),
        }
    }

    /// Fails if the chain's file was removed.
    pub(super) fn check_chain(&self) -> io::Result<()> {
        self.chain.get().map_or(Ok(()), file::check_linked)
    }
}

/// Whether the file at `path` is the one that is `held`.
fn is_same(held: &File, path: &Path) -> io::Result<bool> {
    let (held, there) = (held.metadata()?, fs::metadata(path)?);
    Ok((held.dev(), held.ino()) == (there.dev(), there.ino()))
}

/// Who a node is: `node.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the folder's format.
    pub format: u64,
    /// The node's id, 32 hex digits.
    pub node: String,
    /// The network's id, 64 hex digits.
    pub network: String,
    /// The network's rules, as text.
    pub rules: String,
    /// Where it took connections when it ran last.
    pub listen: SocketAddr,
    /// Where its HTTP was, if anywhere.
    pub http: Option<SocketAddr>,
    /// The program that wrote this.
    pub agent: String,
}

/// Another node: an entry of `peers.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its id, 32 hex digits; none where nobody was met yet.
    pub node: Option<String>,
    /// Where it takes connections.
    pub address: SocketAddr,
    /// Whether to stay connected to it.
    pub dial: bool,
    /// When it was last met by dialling it, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<u64>,
}

/// A host that misbehaved: an entry of `bans.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// An IPv4 address, or the first of an IPv6 /64.
    pub host: IpAddr,
    /// Until when it is kept out, in seconds since 1970.
    pub until: u64,
    /// What it did.
    pub why: String,
}

/// How far the chain was at an orderly end: a file that knows of less has lost something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Commits until then.
    pub(super) commits: u64,
    /// The tip then.
    pub(super) tip: String,
}

impl Folder {
    /// Makes the folder if it is not there, and takes it. Where somebody has it, it is as it was.
    pub fn take(path: &Path) -> Result<Folder, OpenError> {
        let failed = |at: &Path, error| OpenError::Io { path: at.to_owned(), error };
        let folder = Folder { path: path.to_owned(), locks: Arc::default(), is_to_read: false };
        folder.hold_chain()?;
        fs::create_dir_all(path).map_err(|error| failed(path, error))?;
        let name = path.join(LOCK_FILE);
        let lock = regular(&name).and_then(|name| File::options().create(true).append(true).open(name));
        let lock = lock.map_err(|error| failed(&name, error))?;
        let _ = folder.locks.lock.set(locked(path, &name, lock)?);
        // Perhaps somebody has made one meanwhile.
        folder.hold_chain()?;
        Ok(folder)
    }

    /// Takes a folder that is there, to read what is in it: nothing is made in it. The locks that are there and
    /// that this user may open are taken, to be shared with others who only read, and without any it goes on.
    pub(super) fn take_to_read(path: &Path) -> Result<Folder, OpenError> {
        let taken = |name: &str| match regular(&path.join(name))
            .and_then(File::open)
            .map(|file| shared(path, path, file))
        {
            Ok(Ok(lock)) => Ok(Some(lock)),
            Ok(Err(locked @ OpenError::Locked { .. })) => Err(locked),
            Ok(Err(_)) | Err(_) => Ok(None),
        };
        let held = |lock: Option<File>| lock.map_or_else(OnceLock::new, OnceLock::from);
        let chain = if is_file(&path.join(CHAIN_FILE)) { taken(CHAIN_FILE)? } else { None };
        let locks = Locks { lock: held(taken(LOCK_FILE)?), chain: held(chain) };
        Ok(Folder { path: path.to_owned(), locks: Arc::new(locks), is_to_read: true })
    }

    /// Locks the chain's file, if it is there and is not locked yet.
    pub(super) fn hold_chain(&self) -> Result<(), OpenError> {
        let path = self.file(CHAIN_FILE);
        if self.locks.chain.get().is_some() || !is_file(&path) {
            return Ok(());
        }
        // To write, as some file systems want it to be that is locked.
        let file = File::options().read(true).write(true).open(&path);
        let file = file.map_err(|error| OpenError::Io { path: path.clone(), error })?;
        let _ = self.locks.chain.set(locked(&self.path, &path, file)?);
        Ok(())
    }

    /// Whether nobody else can work in it meanwhile.
    pub(super) fn is_locked(&self) -> bool {
        self.locks.lock.get().is_some() || self.locks.chain.get().is_some()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The locks, for whoever must be done before another process may come.
    pub(super) fn locks(&self) -> Arc<Locks> {
        self.locks.clone()
    }

    /// The place of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.locks.check_at(&self.path)?;
        write_json(&self.file(name), value)
    }

    /// Writes `node.json`.
    pub fn write_record(&self, record: &Record) -> io::Result<()> {
        self.write(NODE_FILE, record)
    }

    /// Reads `node.json`, if it is there.
    pub(super) fn read_record(&self) -> Result<Option<Record>, OpenError> {
        let path = self.file(NODE_FILE);
        read_json(&path).map_err(|error| match error {
            Unread::Io(error) => OpenError::Io { path, error },
            Unread::Json(what) => OpenError::Damaged(Damage { path, what }),
        })
    }

    /// What is in the file `name`, if it is there.
    pub(super) fn look<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, OpenError> {
        let path = self.file(name);
        read_json(&path).map_err(|error| match error {
            // Nothing is wrong with a file that somebody else may read.
            Unread::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                OpenError::Io { path, error }
            }
            Unread::Io(error) => Damage { path, what: format!("it cannot be read: {error}") }.into(),
            Unread::Json(what) => Damage { path, what }.into(),
        })
    }

    /// Writes `peers.json`.
    pub fn write_peers(&self, peers: &[Peer]) -> io::Result<()> {
        self.write(PEERS_FILE, &peers)
    }

    /// Reads `peers.json`. One that makes no sense is set aside: what was in it can be learnt again.
    pub(super) fn read_peers(&self) -> Vec<Peer> {
        self.read_or_set_aside(PEERS_FILE).unwrap_or_default()
    }

    /// Writes `bans.json`.
    pub fn write_bans(&self, bans: &[Ban]) -> io::Result<()> {
        self.write(BANS_FILE, &bans)
    }

    /// Reads `bans.json`. One that makes no sense is set aside: whoever misbehaves will again.
    pub(super) fn read_bans(&self) -> Vec<Ban> {
        self.read_or_set_aside(BANS_FILE).unwrap_or_default()
    }

    /// Reads `checkpoint.json`. One that makes no sense is set aside, unless nothing is to be changed.
    pub(super) fn read_checkpoint(&self) -> Option<Checkpoint> {
        self.read_or_set_aside(CHECKPOINT_FILE)
    }

    fn read_or_set_aside<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let path = self.file(name);
        let why = match read_json(&path) {
            Ok(read) => return read,
            Err(Unread::Io(error)) => error.to_string(),
            Err(Unread::Json(what)) => what,
        };
        let is_aside = !self.is_to_read && fs::rename(&path, with_end(&path, ASIDE)).is_ok();
        tracing::warn!(path = %path.display(), %why, set_aside = is_aside, "a file cannot be read: going on without");
        None
    }
}

/// The file `name`, locked, which says that the folder at `path` is taken.
fn locked(path: &Path, name: &Path, file: File) -> Result<File, OpenError> {
    held(path, name, file, File::try_lock)
}

/// The same for one that only reads: others who do may come, and nobody who writes.
fn shared(path: &Path, name: &Path, file: File) -> Result<File, OpenError> {
    held(path, name, file, File::try_lock_shared)
}

fn held(
    path: &Path,
    name: &Path,
    file: File,
    lock: impl FnOnce(&File) -> Result<(), TryLockError>,
) -> Result<File, OpenError> {
    match lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { folder: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::Io { path: name.to_owned(), error }),
    }
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file())
}

impl Checkpoint {
    /// Writes `checkpoint.json` in `folder`, if that is still the one that `locks` are of.
    pub(super) fn write(&self, folder: &Path, locks: &Locks) -> io::Result<()> {
        locks.check_at(folder)?;
        write_json(&folder.join(CHECKPOINT_FILE), self)
    }
}

/// The path, unless something else than a file is there: a pipe may never be opened, nor have an end.
pub(super) fn regular(path: &Path) -> io::Result<&Path> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(path),
    }
}

enum Unread {
    Io(io::Error),
    Json(String),
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Unread> {
    let bytes = match regular(path).and_then(fs::read) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Unread::Io(error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| Unread::Json(error.to_string()))
}

/// Writes `value` as JSON for people, in one step.
fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::other)?;
    text.push(b'\n');
    file::replace(path, Readers::Usual, |mut file| file.write_all(&text))
}
