//! A node's folder looked at from end to end, while no node runs: `p2pnode verify`. Nothing is changed.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::chain::Tip;
use crate::params::Params;
use crate::store::disk::FIRST_FORMAT;
use crate::store::disk::reach::rules_of;
use crate::store::disk::verify::{Scan, scan};
use crate::store::folder::{
    BANS_FILE, Ban, CHAIN_FILE, CHECKPOINT_FILE, Checkpoint, Folder, NODE_FILE, PEERS_FILE, Peer, Record,
    is_used, regular,
};
use crate::store::kept::kept;
use crate::store::open::{check_format, check_owner};
use crate::store::{Damage, OpenError};
use crate::types::NodeId;

/// Told of bytes done, and of how many there are; 0 where that is not known.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// What a folder holds, and what is wrong with it.
#[derive(Debug)]
pub struct Report {
    /// Whose it is.
    pub node: Option<NodeId>,
    /// Whole blocks, genesis and side branches included.
    pub blocks: u64,
    /// Their transactions.
    pub transactions: u64,
    /// Bytes of their encodings.
    pub bytes: u64,
    /// Whole transactions that wait for a block.
    pub waiting: u64,
    /// The active tip, where all hangs together.
    pub tip: Option<Tip>,
    /// Where something is wrong: the end of what a repair would keep.
    pub kept: Option<Tip>,
    /// Whether the node was killed, which is no damage: its next start recovers the file, unless something is wrong.
    pub unclosed: bool,
    /// Whether it was read without its lock, so that a node may have changed it meanwhile.
    pub unlocked: bool,
    /// What is wrong, in which file.
    pub findings: Vec<Damage>,
    /// How many findings more there were.
    pub more: u64,
}

/// All that was read.
pub(super) struct Looked {
    pub(super) report: Report,
    pub(super) scan: Option<Scan>,
}

/// Looks at the folder at `path`, of a node of the network `params`.
pub fn verify(path: &Path, params: &Arc<Params>, progress: Progress<'_>) -> Result<Report, OpenError> {
    let folder = take(path, Folder::take_to_read)?;
    let report = look(&folder, params, progress)?.report;
    Ok(Report { unlocked: !folder.is_locked(), ..report })
}

/// The folder, taken by `take`, if a node has been there and none is.
pub(super) fn take(
    path: &Path,
    take: impl FnOnce(&Path) -> Result<Folder, OpenError>,
) -> Result<Folder, OpenError> {
    if !is_used(path) {
        return Err(OpenError::Nothing { folder: path.to_owned() });
    }
    take(path)
}

/// The network that the record in the folder at `path` names, whether its node runs or not.
pub fn recorded_network(path: &Path) -> Option<Params> {
    let record = fs::read(regular(&path.join(NODE_FILE)).ok()?).ok()?;
    let record: Record = serde_json::from_slice(&record).ok()?;
    Params::from_text(&record.rules).ok()
}

/// The network whose node kept its chain in the folder at `path`, as far as what is there can be read: the
/// record says it, and so does the chain.
pub fn network_of(path: &Path) -> Option<Params> {
    let folder = take(path, Folder::take_to_read).ok()?;
    let record = || folder.look::<Record>(NODE_FILE).ok().flatten();
    let named = |rules: String| Params::from_text(&rules).ok();
    let chain = || rules_of(&folder.file(CHAIN_FILE));
    record().and_then(|record| named(record.rules)).or_else(|| chain().and_then(named))
}

pub(super) fn look(
    folder: &Folder,
    params: &Arc<Params>,
    progress: Progress<'_>,
) -> Result<Looked, OpenError> {
    let mut findings = Vec::new();
    let record: Option<Record> = readable(folder, NODE_FILE, &mut findings)?;
    let checkpoint: Option<Checkpoint> = readable(folder, CHECKPOINT_FILE, &mut findings)?;
    let peers: Option<Vec<Peer>> = readable(folder, PEERS_FILE, &mut findings)?;
    let _: Option<Vec<Ban>> = readable(folder, BANS_FILE, &mut findings)?;
    let ids = peers.iter().flatten().filter_map(|peer| peer.node.as_ref());
    if let Some(id) = ids.into_iter().find(|id| id.parse::<NodeId>().is_err()) {
        findings.push(Damage { path: folder.file(PEERS_FILE), what: format!("{id:?} is no node's id") });
    }
    if let Some(record) = &record {
        check_record(record, folder, params, &mut findings)?;
    }
    let chain = folder.file(CHAIN_FILE);
    let scan = match fs::metadata(&chain) {
        Ok(found) if found.len() == 0 => {
            findings.push(Damage { path: chain.clone(), what: "it is empty".to_owned() });
            None
        }
        Ok(_) => Some(scan(&chain, params, progress)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.push(Damage { path: chain.clone(), what: "it is missing".to_owned() });
            None
        }
        Err(error) => return Err(OpenError::Io { path: chain, error }),
    };
    let mut report = Report {
        node: record.as_ref().and_then(|record| record.node.parse().ok()),
        blocks: 0,
        transactions: 0,
        bytes: 0,
        waiting: 0,
        tip: None,
        kept: None,
        unclosed: false,
        unlocked: false,
        findings,
        more: 0,
    };
    if let Some(scan) = &scan {
        report.take(scan, &chain, params, record.as_ref(), checkpoint.as_ref())?;
    }
    if !report.findings.is_empty() {
        report.kept = Some(kept(scan.as_ref(), params).1);
    }
    Ok(Looked { report, scan })
}

fn readable<T: DeserializeOwned>(
    folder: &Folder,
    name: &str,
    findings: &mut Vec<Damage>,
) -> Result<Option<T>, OpenError> {
    match folder.look(name) {
        Err(OpenError::Damaged(damage)) => {
            findings.push(damage);
            Ok(None)
        }
        looked => looked,
    }
}

/// Whether `record` is one that a node of this network writes.
fn check_record(
    record: &Record,
    folder: &Folder,
    params: &Params,
    findings: &mut Vec<Damage>,
) -> Result<(), OpenError> {
    let path = folder.file(NODE_FILE);
    check_format(record.format, &path)?;
    let (theirs, ours) = (record.rules.clone(), params.rules().to_string());
    let is_same = record.network == params.network().to_string();
    if !is_same && theirs != ours {
        return Err(OpenError::OtherNetwork { path, theirs, ours });
    }
    if record.node.parse::<NodeId>().is_err() || !is_same || theirs != ours || record.format < FIRST_FORMAT {
        findings.push(Damage { path, what: "it is not what a node wrote".to_owned() });
    }
    Ok(())
}

impl Report {
    /// Adds what was found in the chain's file, and how that fits what is beside it.
    fn take(
        &mut self,
        scan: &Scan,
        chain: &Path,
        params: &Params,
        record: Option<&Record>,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), OpenError> {
        let mut found = |what: String| self.findings.push(Damage { path: chain.to_owned(), what });
        scan.findings.iter().cloned().for_each(&mut found);
        if let Some(owner) = &scan.owner {
            match check_owner(owner, chain, params) {
                // Another network has another id and other rules: here one of the two was changed.
                Err(OpenError::OtherNetwork { theirs, ours, .. }) if theirs == ours => {
                    found("its network's id is not the one that was stored".to_owned());
                }
                Err(OpenError::Damaged(damage)) => found(damage.what),
                Err(error) => return Err(error),
                Ok(()) if owner.rules != params.rules().to_string() => {
                    found("its network's rules are not those that were stored".to_owned());
                }
                Ok(()) => {}
            }
            self.node = Some(owner.node);
        }
        if let Some(Checkpoint { commits, tip }) = checkpoint {
            let is_behind = scan.commits < *commits;
            let differs = scan.tip.as_ref().is_some_and(|ours| ours.hash.to_string() != *tip);
            if is_behind || (scan.commits == *commits && differs) {
                found(format!("it knows of {} commits, and there were {commits}", scan.commits));
            }
        }
        if let (Some(owner), Some(record)) = (&scan.owner, record)
            && record.node != owner.node.to_string()
        {
            // The chain is what must not be lost: the record goes by it, and is written again.
            let what = format!("it names the node {}, and {CHAIN_FILE} is {}'s", record.node, owner.node);
            self.findings.push(Damage { path: chain.with_file_name(NODE_FILE), what });
        }
        self.blocks = scan.good.len() as u64;
        self.transactions = scan.transactions;
        self.bytes = scan.bytes;
        self.waiting = scan.waiting.len() as u64;
        self.tip = scan.tip;
        self.unclosed = scan.unclosed;
        self.more = scan.more;
        Ok(())
    }
}
