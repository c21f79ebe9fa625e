//! Slots in pieces of one size: a tree that grows moves none of them, and has room for a piece too many at most,
//! where a vector would double.

use crate::chain::tree::{Index, Slot};

/// Slots in a piece.
const PIECE: usize = 1024;

/// Slots by their places.
#[derive(Debug)]
pub(super) struct Arena {
    /// All but the last are full.
    pieces: Vec<Vec<Slot>>,
}

impl Arena {
    /// With `root` at its place.
    pub(super) fn of(root: Slot) -> Arena {
        Arena { pieces: vec![vec![root]] }
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        let last = self.pieces.last().map_or(0, Vec::len);
        self.pieces.len().saturating_sub(1) * PIECE + last
    }

    pub(super) fn at(&self, index: Index) -> &Slot {
        let position = index.position();
        &self.pieces[position / PIECE][position % PIECE]
    }

    pub(super) fn at_mut(&mut self, index: Index) -> &mut Slot {
        let position = index.position();
        &mut self.pieces[position / PIECE][position % PIECE]
    }

    /// Puts `slot` at a place, or at the first one behind all.
    pub(super) fn put(&mut self, index: Index, slot: Slot) {
        if index.position() < self.len() {
            *self.at_mut(index) = slot;
            return;
        }
        match self.pieces.last_mut().filter(|piece| piece.len() < PIECE) {
            Some(piece) => piece.push(slot),
            None => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(slot);
                self.pieces.push(piece);
            }
        }
    }

    /// All places, those that hold nothing any more included.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Index, &Slot)> {
        let slots = self.pieces.iter().flatten().enumerate();
        slots.filter_map(|(position, slot)| Some((Index::at(position)?, slot)))
    }
}
