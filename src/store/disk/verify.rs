//! Every row of a chain's file, read and held against what it must be. The file is not changed: the library
//! checks and recovers it in memory, above the file.
//!
//! Rows are looked up one by one, so that one that cannot be read hides no other. In memory are the headers,
//! the pool and a bounded list of findings; of the blocks one at a time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use crate::chain::{Chain, CheckedBlock, Tip};
use crate::encoding;
use crate::limits::{MAX_FINDINGS, MAX_JOURNAL_FILE_BYTES, MAX_UNREADABLE};
use crate::params::Params;
use crate::store::disk::checksum::{self, CHECKSUMS};
use crate::store::disk::load::{Owner, owner};
use crate::store::disk::reach::{Found, Meta, Row, is_about_content, is_unclosed, look, opened, row};
use crate::store::disk::runs::{self, RUNS};
use crate::store::disk::tables::{INDEX, Trouble, WAITING, guarded, if_there, waiting};
use crate::store::disk::{Held, journal, salvage};
use crate::store::{OpenError, Progress, Waiting};
use crate::types::{Block, BlockHash, Header, Transaction};

/// What a file holds, and what is wrong with it.
#[derive(Debug, Default)]
pub(in crate::store) struct Scan {
    /// Whose it is, if that can be read.
    pub(in crate::store) owner: Option<Owner>,
    /// Whether a node left it without closing it.
    pub(in crate::store) unclosed: bool,
    /// Commits so far.
    pub(in crate::store) commits: u64,
    /// Whole blocks by number of arrival, genesis among them.
    pub(in crate::store) good: Vec<Good>,
    /// Their transactions and bytes.
    pub(in crate::store) transactions: u64,
    pub(in crate::store) bytes: u64,
    /// Whole transactions that wait.
    pub(in crate::store) waiting: Vec<Waiting>,
    /// The active tip, where all hangs together.
    pub(in crate::store) tip: Option<Tip>,
    /// Whether blocks are missing that must have been there, or may have been.
    lost: bool,
    /// What is wrong, the first of it in words.
    pub(in crate::store) findings: Vec<String>,
    /// How many findings more there were.
    pub(in crate::store) more: u64,
}

/// Where a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Place {
    /// In the table of blocks, under its number.
    Row,
    /// Its encoding begins here in the file's bytes, and is so long.
    Bytes(u64, usize),
    /// The same, in the journal's.
    Journal(u64, usize),
}

/// A block that is whole.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Good {
    /// Its number; of one that was found in the file's bytes, one after all numbers.
    pub(in crate::store) number: u64,
    /// Where it is.
    pub(in crate::store) place: Place,
    /// Its header.
    pub(in crate::store) header: Header,
    /// Its height, as its coinbase has it.
    pub(in crate::store) claimed: u64,
}

/// Reads all of the file at `path`.
pub(in crate::store) fn scan(
    path: &Path,
    params: &Arc<Params>,
    progress: Progress<'_>,
) -> Result<Scan, OpenError> {
    let mut scan = Scan { unclosed: is_unclosed(path), ..Scan::default() };
    let Found { database, has_journal } = match opened(path, true) {
        Ok(database) => Found { database, has_journal: true },
        Err(Trouble::Io(error)) if !is_about_content(&error) => {
            return Err(OpenError::Io { path: path.to_owned(), error });
        }
        Err(trouble) => {
            scan.found(trouble.damage(path).what);
            // What is in it may be in order all the same, or part of it.
            let Ok(found) = look(path) else {
                scan.found("it cannot be opened: its blocks are looked for in its bytes".to_owned());
                scan.journal_pool(None, path);
                scan.salvage(path, Some(journal::beside(path)), params, progress);
                return Ok(scan);
            };
            // If it is the journal that cannot be taken up, what is whole of it is looked for.
            scan.lost = own_journal(&found.database, path).is_some();
            found
        }
    };
    match owner(&database) {
        Ok(owner) => scan.owner = Some(owner),
        Err(trouble) => scan.found(trouble.damage(path).what),
    }
    let meta = match guarded(|| Meta::read(&database)) {
        Ok(meta) => Some(meta),
        Err(trouble) => {
            scan.found(trouble.damage(path).what);
            None
        }
    };
    scan.commits = meta.as_ref().map_or(0, |meta| meta.commits);
    scan.blocks(&database, meta.as_ref(), params, progress);
    scan.pool(&database);
    if !has_journal {
        scan.journal_pool(Some(&database), path);
    }
    if scan.lost {
        scan.salvage(path, own_journal(&database, path), params, progress);
    }
    if let Some(meta) = meta {
        scan.chain(&meta, params);
    }
    Ok(scan)
}

/// The journal beside the file, unless there is none or it is another's.
fn own_journal(database: &Held, path: &Path) -> Option<PathBuf> {
    let is_own = !guarded(|| journal::has_anothers(database, path)).unwrap_or(false);
    Some(journal::beside(path)).filter(|path| is_own && path.exists())
}

impl Row {
    /// The block, if it is one that a node would have stored here.
    fn checked(&self, params: &Params) -> Result<CheckedBlock, String> {
        let number = self.number;
        let encoded = self.encoded.as_ref().ok_or(format!("block number {number} is missing"))?;
        let block: Block = encoding::decode(encoded)
            .map_err(|error| format!("block number {number} cannot be decoded: {error}"))?;
        let hash = block.hash();
        if self.header != Some(block.header) {
            return Err(format!("block number {number} and its header's row are not of the same block"));
        }
        if (number == 0) != (hash == params.genesis_hash()) {
            return Err(format!("block number {number}, {hash}, is not the network's first one"));
        }
        CheckedBlock::check(block, params)
            .map_err(|rule| format!("block number {number} breaks the rule {}: {rule}", rule.name()))
    }
}

impl Scan {
    /// Notes what is wrong.
    pub(in crate::store) fn found(&mut self, what: String) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(what);
        } else {
            self.more += 1;
        }
    }

    /// Headers, blocks, and the index both ways.
    fn blocks(&mut self, database: &Database, meta: Option<&Meta>, params: &Params, progress: Progress<'_>) {
        let indexed = meta.map_or(0, |meta| meta.indexed);
        let (mut from, mut unreadable, mut places) = (0u64, 0, 0);
        loop {
            let row = match row(database, from) {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(Trouble::Io(error)) if !is_about_content(&error) => {
                    self.lost = true;
                    self.found(format!("what comes from block number {from} on cannot be read: {error}"));
                    break;
                }
                Err(trouble) => {
                    self.lost = true;
                    if unreadable == 0 {
                        self.found(format!("block number {from} cannot be reached: {trouble}"));
                    }
                    unreadable += 1;
                    from += 1;
                    if unreadable > MAX_UNREADABLE {
                        self.found(format!("what comes from block number {from} on cannot be reached"));
                        break;
                    }
                    continue;
                }
            };
            unreadable = 0;
            let Some(next) = row.number.checked_add(1) else { break };
            from = next;
            match row.checked(params) {
                Ok(block) => {
                    let height = block.block().transactions.first().and_then(Transaction::as_coinbase);
                    self.good.push(Good {
                        number: row.number,
                        place: Place::Row,
                        header: *block.header(),
                        claimed: height.map_or(0, |coinbase| coinbase.height),
                    });
                    self.transactions += block.ids().len() as u64;
                    self.bytes += block.encoded().len() as u64;
                    self.checksum(database, row.number, block.encoded());
                    if row.number < indexed {
                        places += self.index(database, row.number, &block);
                    }
                }
                Err(what) => {
                    self.lost = true;
                    self.found(what);
                }
            }
            progress(self.bytes, meta.map_or(0, |meta| meta.bytes));
        }
        if meta.is_some_and(|meta| meta.bytes != self.bytes) && self.findings.is_empty() {
            self.found("its blocks are not as long as its count of bytes says".to_owned());
        }
        if self.good.last().map_or(0, |last| last.number + 1) < indexed && self.findings.is_empty() {
            self.found(format!("its index says that it goes up to block number {indexed}"));
        }
        self.index_back(database, places);
    }

    /// Looks for blocks that no row leads to any more, in the file and in its journal.
    fn salvage(&mut self, path: &Path, journal: Option<PathBuf>, params: &Params, progress: Progress<'_>) {
        let mut known: BTreeSet<BlockHash> = self.good.iter().map(|good| good.header.hash()).collect();
        let first = self.good.iter().map(|good| good.number + 1).max().unwrap_or(0);
        let mut more = Vec::new();
        let journal = journal.filter(|path| journal::may_be_at(path));
        type InFile = fn(u64, usize) -> Place;
        let files: [(_, InFile, u64); 2] = [
            (Some(path.to_owned()), Place::Bytes, u64::MAX),
            (journal, Place::Journal, MAX_JOURNAL_FILE_BYTES),
        ];
        for (path, place, most) in
            files.into_iter().filter_map(|(path, place, most)| Some((path?, place, most)))
        {
            let searched = salvage::search(&path, most, params, progress, &mut |offset, block| {
                if known.insert(block.hash()) {
                    let height = block.block().transactions.first().and_then(Transaction::as_coinbase);
                    self.transactions += block.ids().len() as u64;
                    self.bytes += block.encoded().len() as u64;
                    more.push(Good {
                        number: first + more.len() as u64,
                        place: place(offset, block.encoded().len()),
                        header: *block.header(),
                        claimed: height.map_or(0, |coinbase| coinbase.height),
                    });
                }
            });
            if let Err(error) = searched {
                self.found(format!("its bytes cannot be searched: {error}"));
            }
        }
        match more.len() {
            0 => {}
            count => {
                self.found(format!("{count} whole blocks were found in its bytes, and no row leads there"))
            }
        }
        self.good.append(&mut more);
    }

    /// Whether the transactions of a block are in the index; how many places they have there.
    fn index(&mut self, database: &Database, number: u64, block: &CheckedBlock) -> u64 {
        let mut places: Vec<runs::Place> = block.ids().iter().map(|id| (id.beginning(), number)).collect();
        places.sort_unstable();
        places.dedup();
        let missing = guarded(|| {
            let read = database.begin_read()?;
            let (rows, table) = (read.open_table(INDEX)?, if_there(&read, RUNS)?);
            let mut runs = table.as_ref().map_or(Ok(Vec::new()), runs::all)?;
            let mut missing = 0u64;
            for place in &places {
                let mut found = rows.get(*place)?.is_some();
                if let Some(table) = &table {
                    for at in 0..runs.len() {
                        if found {
                            break;
                        }
                        found = runs::has(table, runs[at], *place)?;
                        // A block's places are mostly in one run: the next is looked for there first.
                        runs.swap(0, if found { at } else { 0 });
                    }
                }
                missing += u64::from(!found);
            }
            Ok(missing)
        });
        match missing {
            Ok(0) => {}
            Ok(_) => self.found(format!("a transaction of block number {number} is not in the index")),
            Err(trouble) => self.found(format!("the index cannot be read: {trouble}")),
        }
        places.len() as u64
    }

    /// Whether the checksum of a block is its own, if it has one.
    fn checksum(&mut self, database: &Database, number: u64, encoded: &[u8]) {
        let Some(right) = checksum::of(encoded) else { return };
        let kept = guarded(|| {
            let table = if_there(&database.begin_read()?, CHECKSUMS)?;
            let kept = table.map(|table| table.get(number)).transpose()?.flatten();
            Ok(kept.map(|kept| kept.value()))
        });
        match kept {
            Ok(kept) if kept.is_none_or(|kept| kept == right) => {}
            Ok(_) => self.found(format!("the checksum of block number {number} is another block's")),
            Err(trouble) => self.found(format!("checksums cannot be read: {trouble}")),
        }
    }

    /// Whether the index holds nothing else. Where every transaction has its place, as many places as that
    /// are all there is.
    fn index_back(&mut self, database: &Database, places: u64) {
        let counted = guarded(|| {
            let read = database.begin_read()?;
            let index = read.open_table(INDEX)?;
            let mut count = 0u64;
            for row in index.iter()? {
                row?;
                count += 1;
            }
            let said = index.len()?;
            let in_runs = if_there(&read, RUNS)?.map_or(Ok(0), |table| runs::count(&table))?;
            Ok((count + in_runs, said + in_runs))
        });
        match counted {
            Ok((count, said)) if count == said && count == places => {}
            Ok(_) if !self.findings.is_empty() => {}
            Ok((count, _)) => self.found(format!("the index has {count} places, and {places} belong there")),
            Err(trouble) => self.found(format!("the index cannot be read: {trouble}")),
        }
    }

    /// What waits for a block.
    fn pool(&mut self, database: &Database) {
        let mut from = 0;
        loop {
            let row = guarded(|| {
                let table = database.begin_read()?.open_table(WAITING)?;
                let row = table.range(from..)?.next().transpose()?;
                Ok(row.map(|(at, row)| (at.value(), row.value().to_vec())))
            });
            match row {
                Ok(None) => return,
                Ok(Some((at, row))) => {
                    match waiting(&row) {
                        Ok((_, transaction)) => self.waiting.push(Waiting::from(&transaction)),
                        Err(what) => self.found(format!("{what} (row {at})")),
                    }
                    let Some(next) = at.checked_add(1) else { return };
                    from = next;
                }
                Err(trouble) => {
                    return self.found(format!("waiting transactions cannot be read: {trouble}"));
                }
            }
        }
    }

    /// What waits by the journal as well, where nothing can be laid over the tables, or they cannot be read at all.
    fn journal_pool(&mut self, database: Option<&Held>, path: &Path) {
        if let Some(database) = database
            && let Ok(of_both) = guarded(|| journal::waiting_whole(database, path, self.waiting.clone()))
        {
            self.waiting = of_both;
            return;
        }
        match journal::waiting_salvaged(path) {
            Ok(Some(more)) => self.waiting.extend(more),
            Ok(None) => self.found(
                "what waits in its journal cannot be told from another node's, for the key to it is lost: it stays \
                 in that file"
                    .to_owned(),
            ),
            Err(error) => self.found(format!("its journal cannot be read: {error}")),
        }
    }

    /// The chain of the blocks that are whole, by the rules of consensus.
    fn chain(&mut self, meta: &Meta, params: &Arc<Params>) {
        let headers: Vec<Header> =
            self.good.iter().map(|good| good.header).filter(|h| h.hash() != params.genesis_hash()).collect();
        let restored = match Chain::restore(params.clone(), &headers, meta.tip) {
            Ok(restored) => restored,
            Err(error) => return self.found(error.to_string()),
        };
        for good in self.good.clone() {
            let hash = good.header.hash();
            let height = restored.chain.get(&hash).map(|entry| entry.height);
            if height.is_some_and(|height| height != good.claimed) {
                self.found(format!("the block {hash}, number {}, claims another height", good.number));
            }
        }
        self.tip = Some(restored.chain.tip());
    }
}
