//! Where transactions are. The index in the file is written behind the tip, when the writer has nothing
//! else to do, so that no acknowledgement waits for it; until then a block's ids are known in memory, and a
//! start reads them again from the blocks above the mark.

use redb::{Durability, ReadableDatabase, WriteTransaction};

use crate::encoding;
use crate::limits::MAX_UNINDEXED;
use crate::store::disk::tables::{INDEX, META, Trouble, guarded, meta};
use crate::store::disk::writer::Writer;
use crate::store::disk::{Shared, State};
use crate::store::{Damage, beginning};
use crate::types::{Block, BlockHash, TxId};

/// Rows for which there is always room.
const UNINDEXED_ROOM: usize = 1024;

impl Shared {
    /// The blocks that hold a transaction, oldest arrival first. Each is read: ids may begin alike.
    pub(super) fn find(&self, id: &TxId) -> Result<Vec<BlockHash>, Damage> {
        let begins = beginning(&id.0);
        let range = (begins, 0)..=(begins, u64::MAX);
        // First memory, then the file: what moves to the file meanwhile is found in one of them.
        let mut numbers: Vec<u64> =
            self.read_state().unindexed.iter().filter(|row| range.contains(row)).map(|row| row.1).collect();
        let read = || -> Result<Vec<u64>, Trouble> {
            let index = self.database.begin_read()?.open_table(INDEX)?;
            index.range(range)?.map(|row| Ok(row?.0.value().1)).collect()
        };
        numbers.extend(guarded(read).map_err(|trouble| trouble.damage(&self.path))?);
        numbers.sort_unstable();
        numbers.dedup();
        let mut found = Vec::new();
        for number in numbers {
            // One that was forgotten meanwhile is nowhere.
            let Some(bytes) = self.fetch(number)? else { continue };
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
        self.unindexed.extend(ids.iter().map(|id| (beginning(&id.0), number)));
    }
}

/// The rows of a block.
pub(super) fn rows(number: u64, encoded: &[u8]) -> Vec<(u64, u64)> {
    // What cannot be read has no rows; whoever reads the block itself finds that out.
    let ids = encoding::decode::<Block>(encoded).map(|block| block.ids()).unwrap_or_default();
    ids.iter().map(|id| (beginning(&id.0), number)).collect()
}

impl Writer {
    /// Whether the index may fall no further behind.
    pub(super) fn index_is_due(&self) -> bool {
        self.shared.read_state().unindexed.len() > MAX_UNINDEXED
    }

    /// Writes what the index lacks of committed blocks; the number up to which they are in it then.
    pub(super) fn write_index(&self, transaction: &WriteTransaction) -> Result<u64, Trouble> {
        let (mut rows, next): (Vec<(u64, u64)>, u64) = {
            let state = self.shared.read_state();
            let next = state.pending.keys().next().copied().unwrap_or(state.next);
            (state.unindexed.iter().copied().filter(|(_, number)| *number < next).collect(), next)
        };
        // Neighbours in the index are written one after another.
        rows.sort_unstable();
        let mut index = transaction.open_table(INDEX)?;
        for row in rows {
            index.insert(row, ())?;
        }
        transaction.open_table(META)?.insert(meta::INDEXED, &next.to_le_bytes()[..])?;
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
        if self.shared.read_state().unindexed.is_empty() {
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
