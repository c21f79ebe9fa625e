//! Where transactions are. The index in the file is written behind the tip, when the writer has had nothing
//! else to do for a moment, so that no acknowledgement waits for it; until then a block's ids are known in memory,
//! and a start reads them again from the blocks above the mark. What a few blocks bring becomes rows, what a sync
//! does becomes runs (`runs`).

use redb::{Durability, ReadableDatabase, Table, WriteTransaction};

use crate::encoding;
use crate::limits::{MAX_UNINDEXED, MIN_FREE_TO_MERGE_BYTES, MIN_RUN};
use crate::store::Damage;
use crate::store::disk::runs::{self, Place, RUNS};
use crate::store::disk::tables::{FORMAT, INDEX, META, Trouble, guarded, if_there, meta};
use crate::store::disk::writer::{Writer, free_bytes};
use crate::store::disk::{Shared, State};
use crate::types::{Block, BlockHash, TxId};

/// Rows for which there is always room.
const UNINDEXED_ROOM: usize = 1024;

impl Shared {
    /// The blocks that hold a transaction, oldest arrival first. Each is read: ids may begin alike.
    pub(super) fn find(&self, id: &TxId) -> Result<Vec<BlockHash>, Damage> {
        let begins = id.beginning();
        let range = (begins, 0)..=(begins, u64::MAX);
        // First memory, then the file: what moves to the file meanwhile is found in one of them.
        let mut numbers: Vec<u64> =
            self.read_state().unindexed.iter().filter(|row| range.contains(row)).map(|row| row.1).collect();
        let read = || -> Result<Vec<u64>, Trouble> {
            let read = self.database.begin_read()?;
            let rows = read.open_table(INDEX)?.range(range)?.map(|row| Ok(row?.0.value().1));
            let mut numbers = rows.collect::<Result<Vec<u64>, Trouble>>()?;
            if let Some(table) = if_there(&read, RUNS)? {
                for run in runs::all(&table)? {
                    numbers.extend(runs::find(&table, run, begins)?);
                }
            }
            Ok(numbers)
        };
        numbers.extend(guarded(read).map_err(|trouble| trouble.damage(&self.path))?);
        numbers.sort_unstable();
        numbers.dedup();
        let mut found = Vec::new();
        for number in numbers {
            // One that was forgotten meanwhile is nowhere.
            let Some((bytes, _)) = self.fetch(number)? else { continue };
            let block: Block = encoding::decode(&bytes)
                .map_err(|error| self.damage(format!("block number {number} cannot be decoded: {error}")))?;
            let hash = block.hash();
            let is_kept = self.read_state().has(&hash, number);
            if is_kept && block.ids().contains(id) {
                found.push(hash);
            }
        }
        Ok(found)
    }
}

impl State {
    /// Notes where the transactions of block `number` are.
    pub(super) fn note(&mut self, number: u64, ids: &[TxId]) {
        self.unindexed.extend(ids.iter().map(|id| (id.beginning(), number)));
    }

    /// The number of the first block that is not in the tables: the index goes no further.
    fn first_pending(&self) -> u64 {
        self.pending.keys().next().copied().unwrap_or(self.next)
    }

    /// Whether a block is in the tables and not in their index.
    fn is_index_behind(&self) -> bool {
        let next = self.first_pending();
        self.unindexed.iter().any(|(_, number)| *number < next)
    }
}

/// The places of a block's transactions.
pub(super) fn places(number: u64, encoded: &[u8]) -> Vec<Place> {
    // What cannot be read has none; whoever reads the block itself finds that out.
    let ids = encoding::decode::<Block>(encoded).map(|block| block.ids()).unwrap_or_default();
    ids.iter().map(|id| (id.beginning(), number)).collect()
}

/// All that leads from ids to blocks, open for a commit that drops some.
pub(super) struct Index<'a> {
    rows: Table<'a, Place, ()>,
    runs: Table<'a, (u64, u64, u64), &'static [u8]>,
    /// Of all runs.
    numbers: Vec<u64>,
}

impl<'a> Index<'a> {
    pub(super) fn open(transaction: &'a WriteTransaction) -> Result<Index<'a>, Trouble> {
        let (rows, runs) = (transaction.open_table(INDEX)?, transaction.open_table(RUNS)?);
        let numbers = runs::all(&runs)?;
        Ok(Index { rows, runs, numbers })
    }

    /// Takes `place` out, wherever it is.
    pub(super) fn remove(&mut self, place: Place) -> Result<(), Trouble> {
        if self.rows.remove(place)?.is_none() {
            runs::remove(&mut self.runs, &self.numbers, place)?;
        }
        Ok(())
    }
}

impl Writer {
    /// Whether the index may fall no further behind.
    pub(super) fn index_is_due(&self) -> bool {
        self.shared.read_state().unindexed.len() > MAX_UNINDEXED
    }

    /// Whether a merge of runs can be no reason for a full disk.
    fn has_room_to_merge(&self) -> bool {
        let free = self.folder.as_ref().map(|folder| free_bytes(folder));
        free.is_none_or(|free| free.is_ok_and(|free| free >= MIN_FREE_TO_MERGE_BYTES))
    }

    /// Writes what the index lacks of committed blocks; the number up to which they are in it then.
    pub(super) fn write_index(&self, transaction: &WriteTransaction) -> Result<u64, Trouble> {
        let (mut places, next): (Vec<Place>, u64) = {
            let state = self.shared.read_state();
            let next = state.first_pending();
            (state.unindexed.iter().copied().filter(|(_, number)| *number < next).collect(), next)
        };
        // Neighbours in the index are written one after another.
        places.sort_unstable();
        places.dedup();
        let mut marks = transaction.open_table(META)?;
        if places.len() < MIN_RUN {
            let mut index = transaction.open_table(INDEX)?;
            for place in places {
                index.insert(place, ())?;
            }
        } else {
            let committed = if_there(&self.shared.database.begin_read()?, RUNS)?;
            let before = committed.filter(|_| self.has_room_to_merge());
            runs::add(&mut transaction.open_table(RUNS)?, before.as_ref(), places)?;
            marks.insert(meta::FORMAT, &FORMAT.to_le_bytes()[..])?;
        }
        marks.insert(meta::INDEXED, &next.to_le_bytes()[..])?;
        Ok(next)
    }

    /// What was written, of blocks below `next`, is not kept in memory any more.
    pub(super) fn indexed(&self, next: u64) {
        let mut state = self.shared.write_state();
        state.unindexed.retain(|(_, number)| *number >= next);
        // Room for what a sync brings is not kept when there is none.
        state.unindexed.shrink_to(UNINDEXED_ROOM);
    }

    /// Brings the index up to date. Not flushed to the disk: the next commit does that, and a crash before
    /// it costs a little reading at the start.
    pub(super) fn catch_up(&self) {
        if !self.shared.read_state().is_index_behind() {
            return;
        }
        let written = guarded(|| {
            let mut transaction = self.shared.database.begin_write()?;
            transaction.set_durability(Durability::None)?;
            let next = self.write_index(&transaction)?;
            transaction.commit()?;
            Ok(next)
        });
        match written {
            Ok(next) => self.indexed(next),
            Err(trouble) => {
                let damage = trouble.damage(&self.shared.path);
                tracing::error!(%damage, "the index of transactions cannot be written");
            }
        }
    }
}
