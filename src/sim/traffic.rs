//! What was said: messages and bytes, by kind.

use crate::wire::Kind;

/// Counts by the kinds' bytes.
#[derive(Debug)]
pub(super) struct Traffic([(u64, u64); 256]);

impl Default for Traffic {
    fn default() -> Self {
        Traffic([(0, 0); 256])
    }
}

impl Traffic {
    /// One more message of `bytes`.
    pub(super) fn add(&mut self, kind: Kind, bytes: usize) {
        let (count, sum) = &mut self.0[kind as usize];
        *count += 1;
        *sum += bytes as u64;
    }

    /// All messages.
    pub(super) fn messages(&self) -> u64 {
        self.0.iter().map(|(count, _)| count).sum()
    }

    /// Kinds that were used: how many messages, how many bytes.
    pub(super) fn by_kind(&self) -> impl Iterator<Item = (Kind, u64, u64)> + '_ {
        let all = Kind::ALL.iter().map(|kind| (*kind, self.0[*kind as usize]));
        all.filter(|(_, (count, _))| *count > 0).map(|(kind, (count, bytes))| (kind, count, bytes))
    }
}
