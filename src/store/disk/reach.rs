//! A file that may be damaged, read above it: what cannot be read is an error for itself, and hides nothing
//! else.

use std::io;
use std::path::Path;

use redb::{Database, DatabaseError, ReadableDatabase};

use crate::store::disk::load::{builder, owner};
use crate::store::disk::overlay::Overlay;
use crate::store::disk::tables::{BLOCKS, HEADERS, META, Trouble, guarded, meta, number, sized};
use crate::store::disk::{Held, journal};
use crate::types::{BlockHash, Header};

/// Small values, as far as they are of use here.
pub(super) struct Meta {
    pub(super) tip: BlockHash,
    pub(super) commits: u64,
    pub(super) bytes: u64,
    pub(super) indexed: u64,
}

/// The rows of one number.
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) header: Option<Header>,
    pub(super) encoded: Option<Vec<u8>>,
}

/// A file that may be damaged, opened for reading above it.
pub(in crate::store) struct Found {
    pub(in crate::store) database: Held,
    /// Whether what is whole of its journal is in it.
    pub(super) has_journal: bool,
}

/// The file with what is whole of its journal where that can be laid over it: only tables whose every page is whole
/// are written to, be it in memory.
pub(in crate::store) fn look(path: &Path) -> Result<Found, String> {
    let with_whole = || {
        let database = alone(path, true)?;
        guarded(|| journal::replay_whole(&database, path))?;
        Ok(database)
    };
    let opened = opened(path, true).or_else(|_: Trouble| with_whole());
    let found = opened.map(|database| Found { database, has_journal: true });
    let found = found.or_else(|_: Trouble| Ok(Found { database: alone(path, false)?, has_journal: false }));
    found.map_err(|trouble: Trouble| trouble.damage(path).what)
}

/// What the file says of its network's rules.
pub(in crate::store) fn rules_of(path: &Path) -> Option<String> {
    alone(path, false).and_then(|database| owner(&database)).ok().map(|owner| owner.rules)
}

/// The file with what its journal adds, opened; with `check`, every page of it was held against its checksum. So
/// it was if nobody closed the file: then it may be a copy that was made while its node wrote to it.
pub(super) fn opened(path: &Path, check: bool) -> Result<Held, Trouble> {
    let is_closed = is_closed(path);
    let database = alone(path, check || !is_closed)?;
    guarded(|| match is_closed {
        true => journal::replay(&database, path),
        false => journal::replay_of_killed(&database, path),
    })?;
    Ok(database)
}

/// The file without its journal.
fn alone(path: &Path, check: bool) -> Result<Held, Trouble> {
    guarded(|| {
        let overlay = Overlay::open(path).map_err(Trouble::Io)?;
        Held::to_look_at(overlay, builder().set_check_integrity_on_open(check))
    })
}

/// Whether the next start will have to recover it.
pub(super) fn is_unclosed(path: &Path) -> bool {
    matches!(opened_to_read(path), Ok(Err(DatabaseError::RepairAborted)))
}

/// Whether it was closed in order, as far as it says so itself.
fn is_closed(path: &Path) -> bool {
    matches!(opened_to_read(path), Ok(Ok(())))
}

fn opened_to_read(path: &Path) -> Result<Result<(), DatabaseError>, Trouble> {
    guarded(|| {
        let overlay = Overlay::open(path).map_err(Trouble::Io)?;
        Ok(builder().open_read_only_with_backend(overlay).map(drop))
    })
}

/// Errors that the file's own bytes led to.
pub(super) fn is_about_content(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// The block of `number`, if it is there and can be read.
pub(in crate::store) fn encoded(database: &Database, number: u64) -> Option<Vec<u8>> {
    let read = || Ok(database.begin_read()?.open_table(BLOCKS)?.get(number)?.map(|row| row.value().to_vec()));
    guarded(read).ok().flatten()
}

/// The rows of the first number from `from` on.
pub(super) fn row(database: &Database, from: u64) -> Result<Option<Row>, Trouble> {
    guarded(|| {
        let read = database.begin_read()?;
        let (headers, blocks) = (read.open_table(HEADERS)?, read.open_table(BLOCKS)?);
        let header = headers.range(from..)?.next().transpose()?.map(|row| row.0.value());
        let block = blocks.range(from..)?.next().transpose()?.map(|row| row.0.value());
        let Some(number) = header.into_iter().chain(block).min() else { return Ok(None) };
        Ok(Some(Row {
            number,
            header: headers.get(number)?.map(|header| Header::from_bytes(header.value())),
            encoded: blocks.get(number)?.map(|encoded| encoded.value().to_vec()),
        }))
    })
}

impl Meta {
    /// Reads them.
    pub(super) fn read(database: &Database) -> Result<Meta, Trouble> {
        let table = database.begin_read()?.open_table(META)?;
        Ok(Meta {
            tip: BlockHash(sized(&table, meta::TIP)?),
            commits: number(&table, meta::COMMITS)?,
            bytes: number(&table, meta::BYTES)?,
            indexed: number(&table, meta::INDEXED)?,
        })
    }
}
