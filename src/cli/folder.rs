//! Where a node keeps what must outlive it, and what is said when that cannot be had.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy;

use crate::cli::network::NetworkArgs;
use crate::cli::{DATA, Failure, IO, http, io_code};
use crate::limits::{MAX_BANS, MAX_KNOWN_NODES, MAX_MANUAL_PEERS};
use crate::manager::record;
use crate::net::Failed;
use crate::node::view::{Ban, KnownAddress};
use crate::params::Params;
use crate::store::{self, Failure as StoreFailure, OpenError, Opened, Peer, is_own};
use crate::text::quoted;
use crate::time::UnixTime;
use crate::types::NodeId;

/// A node's folder if no other is named: one for each network and port, so that nodes of one machine do not
/// meet in it.
pub(super) fn usual(params: &Params, port: u16) -> Result<PathBuf, Failure> {
    let data = etcetera::base_strategy::choose_native_strategy().map_err(|error| {
        Failure::new(
            format!("this user's data folder is not known: {error}"),
            "name a folder with --data-dir, or use --ephemeral",
        )
    })?;
    let network = params.network().to_string();
    let network = format!("{}-{}", params.rules().name, &network[..8]);
    Ok(data.data_dir().join("p2pnode").join(network).join(port.to_string()))
}

/// Whether the file `path` is, or would be, in `folder` itself, by whatever links.
pub(super) fn holds(folder: &Path, path: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else { return false };
    let there = fs::canonicalize(path).ok();
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => fs::canonicalize(parent).ok(),
        _ => fs::canonicalize(".").ok(),
    };
    there.as_deref().and_then(Path::parent) == Some(&folder) || parent == Some(folder)
}

/// Whose own files have a name like that of `file`, if anybody's: in whichever folder it is, what is there would be
/// destroyed.
pub(super) fn owner(file: &Path) -> Option<&'static str> {
    if is_called(file, |name| is_own(name) || http::is_cookie(name)) {
        return Some("a node's");
    }
    is_called(file, record::is_own).then_some("a network's")
}

/// Whether `file` has a name of one of a network's logs.
pub(super) fn is_a_networks_log(file: &Path) -> bool {
    is_called(file, record::is_log)
}

/// Whether `file` has one of these names, by itself or behind a link.
fn is_called(file: &Path, is_one: impl Fn(&OsStr) -> bool) -> bool {
    let is_one = |path: &Path| path.file_name().is_some_and(&is_one);
    is_one(file) || fs::canonicalize(file).is_ok_and(|path| is_one(&path))
}

/// Opens a node's folder; a new one becomes `fresh`'s.
pub(super) fn open(path: &Path, params: &Arc<Params>, fresh: NodeId) -> Result<Opened, Failure> {
    store::open(path, params, fresh).map_err(|error| refused(&error).at("--data-dir"))
}

/// What a folder that cannot be used comes to.
pub(super) fn refused(error: &OpenError) -> Failure {
    let code = match error {
        OpenError::Damaged(_) | OpenError::Missing { .. } | OpenError::Mixed { .. } => DATA,
        OpenError::Io { error, .. } => io_code(error),
        OpenError::Nothing { .. }
        | OpenError::Locked { .. }
        | OpenError::Newer { .. }
        | OpenError::OtherNetwork { .. } => 1,
    };
    let hint = match error {
        OpenError::OtherNetwork { theirs, .. } => match flags(theirs) {
            Some(flags) => format!("`{flags}` names it; or name another folder with --data-dir"),
            None => error.hint(),
        },
        _ => error.hint(),
    };
    Failure { code, ..Failure::new(error.to_string(), hint) }
}

/// The flags that name the network of these rules, if any do.
pub(super) fn flags(rules: &str) -> Option<String> {
    Some(NetworkArgs::of(&Params::from_text(rules).ok()?)?.flags().join(" "))
}

/// What a node that could not go on ends with; `folder` is where it kept its chain.
pub(super) fn failure(failed: &Failed, folder: Option<&Path>) -> Failure {
    let (code, hint) = match failed {
        Failed::Store(failure @ StoreFailure::Damaged(_)) => (DATA, failure.hint()),
        Failed::Store(failure) => (IO, failure.hint()),
        Failed::Stored(_) => (DATA, repair(folder)),
    };
    Failure { code, ..Failure::new(failed.to_string(), hint) }
}

fn repair(folder: Option<&Path>) -> String {
    let folder = quoted(&folder.unwrap_or(Path::new(".")).to_string_lossy());
    format!("`p2pnode verify {folder}` says what is damaged, and how to repair it")
}

/// The hosts of a record that are kept out.
pub(super) fn banned(bans: &[store::Ban]) -> Vec<Ban> {
    let ban = |ban: &store::Ban| {
        let store::Ban { host, until, why } = ban.clone();
        Ban { host, until: UnixTime::from_secs(until), why }
    };
    bans.iter().take(MAX_BANS).map(ban).collect()
}

/// The nodes of a record, as a node that starts again remembers them.
pub(super) fn remembered(peers: &[Peer]) -> Vec<KnownAddress> {
    let known = |peer: &Peer| KnownAddress {
        node: peer.node.as_ref().and_then(|node| node.parse().ok()),
        address: peer.address,
        dial: peer.dial,
        reached: peer.reached.map(UnixTime::from_secs),
    };
    peers.iter().take(MAX_KNOWN_NODES + MAX_MANUAL_PEERS).map(known).collect()
}
