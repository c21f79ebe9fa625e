//! What is in the file, table by table, but for those that one concern alone knows (`runs`, `checksum`). A change
//! here or there is another format version.

use core::fmt;
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Error, Key, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, TableError, Value};

use crate::encoding;
use crate::store::Damage;
use crate::types::{Block, BlockHash, Header, Transaction, TxId, merkle};

/// The version of all of this. Files of an earlier one are read and written: 2 has runs, and a file of 1 becomes
/// one of 2 with the first of them.
pub(in crate::store) const FORMAT: u64 = 2;

/// The earliest version that is known.
pub(in crate::store) const FIRST_FORMAT: u64 = 1;

/// Small values by name: see the names below.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Headers by the number of their block's arrival; genesis is 0. What a start reads.
pub(super) const HEADERS: TableDefinition<'_, u64, &[u8; Header::LEN]> = TableDefinition::new("headers");
/// Whole blocks, canonically encoded, by the same number.
pub(super) const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// Transactions that wait, by arrival: the id and the canonical encoding.
pub(super) const WAITING: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("waiting");
/// Where transactions are: the beginning of an id and a block's number. Built behind the tip; what many blocks
/// bring at once is in [`super::runs::RUNS`] instead.
pub(super) const INDEX: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("index");

/// Names in [`META`]. Numbers are little-endian.
pub(super) mod meta {
    /// [`super::FORMAT`], 8 bytes.
    pub(in crate::store) const FORMAT: &str = "format";
    /// The network's id, 32 bytes.
    pub(in crate::store) const NETWORK: &str = "network";
    /// The network's rules, as text.
    pub(in crate::store) const RULES: &str = "rules";
    /// The node's id, 16 bytes.
    pub(in crate::store) const NODE: &str = "node";
    /// Of the records in the journal, 16 bytes; files of [`super::FIRST_FORMAT`] have none.
    pub(in crate::store) const KEY: &str = "journal";
    /// There if the journal always has room behind its last record. No other version: whoever does not know of it
    /// reads and writes the rest as before.
    pub(in crate::store) const ROOM: &str = "room";
    /// The active tip's hash, 32 bytes.
    pub(in crate::store) const TIP: &str = "tip";
    /// How many commits there were, 8 bytes.
    pub(in crate::store) const COMMITS: &str = "commits";
    /// Bytes of all encoded blocks, 8 bytes.
    pub(in crate::store) const BYTES: &str = "bytes";
    /// Blocks below this number are in the index, 8 bytes.
    pub(in crate::store) const INDEXED: &str = "indexed";
}

/// Why the library did not do it.
pub(super) enum Trouble {
    /// The system failed it.
    Io(io::Error),
    /// What it found makes no sense.
    Damaged(String),
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        match error.into() {
            Error::Io(error) => Trouble::Io(error),
            error => Trouble::Damaged(error.to_string()),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Io(error) => error.fmt(f),
            Trouble::Damaged(what) => f.write_str(what),
        }
    }
}

impl Trouble {
    /// As damage: a reader has no other use for a file that cannot be read.
    pub(super) fn damage(self, path: &Path) -> Damage {
        let what = match self {
            Trouble::Io(error) => format!("it cannot be read: {error}"),
            Trouble::Damaged(what) => what,
        };
        Damage { path: path.to_owned(), what }
    }
}

/// What `work` comes to. The library trusts what it wrote: on a damaged file it may panic, which is how
/// that damage is found then, and no reason for the process to end.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Trouble::Damaged(said(&*panic))))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing more is known");
    format!("its structure is broken ({text})")
}

/// The block of `bytes`, if they are just those that were stored under `hash`: an encoding has one value
/// and a value one encoding, the header names the block, and the header's Merkle root its transactions.
pub(in crate::store) fn verified(bytes: &[u8], hash: &BlockHash) -> Result<Block, String> {
    let block: Block =
        encoding::decode(bytes).map_err(|error| format!("the block {hash} cannot be decoded: {error}"))?;
    if block.hash() != *hash {
        return Err(format!("the block {hash} has another header than was stored"));
    }
    if merkle::root(&block.ids()).0 != block.header.merkle_root {
        return Err(format!("the block {hash} has other transactions than were stored"));
    }
    Ok(block)
}

/// The table, unless the file is of a version that had none.
pub(super) fn if_there<K: Key, V: Value>(
    read: &ReadTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, Trouble> {
    match read.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The row of a transaction that waits.
pub(super) fn waiting_row(id: &TxId, encoded: &[u8]) -> Vec<u8> {
    [&id.0[..], encoded].concat()
}

/// The transaction in a row, if it is the one that was put there.
pub(super) fn waiting(row: &[u8]) -> Result<(TxId, Transaction), String> {
    let (id, encoded) = row.split_first_chunk::<32>().ok_or("a waiting transaction is cut short")?;
    let id = TxId(*id);
    let transaction: Transaction = encoding::decode(encoded)
        .map_err(|error| format!("the waiting transaction {id} cannot be decoded: {error}"))?;
    if transaction.id() != id {
        return Err(format!("the waiting transaction {id} is not the one that was stored"));
    }
    Ok((id, transaction))
}

/// A value of [`META`] that has `N` bytes.
pub(super) fn sized<const N: usize>(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<[u8; N], Trouble> {
    let wrong = |_| Trouble::Damaged(format!("its {name} is cut short"));
    value(table, name)?.try_into().map_err(wrong)
}

/// A number of [`META`].
pub(super) fn number(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<u64, Trouble> {
    sized(table, name).map(u64::from_le_bytes)
}

/// A value of [`META`].
pub(super) fn value(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<Vec<u8>, Trouble> {
    let value = table.get(name)?.map(|value| value.value().to_vec());
    value.ok_or_else(|| Trouble::Damaged(format!("its {name} is missing")))
}
