//! How a block spreads: when how many nodes have stopped working below it.
//!
//! A node is informed of a height once its own tip is as high: from then on it does not work against a block
//! found there. That is the f(t) of Decker and Wattenhofer's analysis ("Information Propagation in the
//! Bitcoin Network", 2013): the blocks that the others find meanwhile are the ones that can go stale. Where
//! nobody else finds one, it is also when the block itself is there.

/// The shares of the nodes whose time is kept, in percent.
pub(super) const MARKS: [u32; 4] = [50, 90, 99, 100];

/// One height's way through the network.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    /// When the first block of this height was found, in nanoseconds.
    pub(super) found: u64,
    /// Honest nodes that ran then.
    pub(super) nodes: u32,
    /// How many of them are informed.
    pub(super) informed: u32,
    /// The sum of their delays, in nanoseconds.
    pub(super) sum: u128,
    /// The delays until so many of them were, by [`MARKS`].
    pub(super) marks: [Option<u64>; MARKS.len()],
}

/// All heights.
#[derive(Debug, Default)]
pub(super) struct Spreads {
    /// The height of the first.
    first: u64,
    heights: Vec<Spread>,
}

impl Spreads {
    /// A block of `height` was found, while so many honest nodes ran.
    pub(super) fn found(&mut self, height: u64, at: u64, nodes: usize) {
        if self.heights.is_empty() {
            self.first = height;
        }
        if height == self.first + self.heights.len() as u64 {
            let marks = [None; MARKS.len()];
            self.heights.push(Spread { found: at, nodes: nodes as u32, informed: 0, sum: 0, marks });
        }
    }

    /// The tip of a node that runs since `since` rose from one height to another.
    pub(super) fn rose(&mut self, from: u64, to: u64, since: u64, at: u64) {
        for height in (from + 1).max(self.first)..=to {
            let Some(spread) = self.heights.get_mut((height - self.first) as usize) else { return };
            if since <= spread.found {
                spread.inform(at - spread.found);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Spread> {
        self.heights.iter()
    }
}

impl Spread {
    fn inform(&mut self, delay: u64) {
        self.informed += 1;
        self.sum += u128::from(delay);
        for (mark, percent) in self.marks.iter_mut().zip(MARKS) {
            let reached = u64::from(self.informed) * 100 >= u64::from(percent) * u64::from(self.nodes);
            if mark.is_none() && reached {
                *mark = Some(delay);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_set_by_whom_they_count() {
        let mut spreads = Spreads::default();
        spreads.found(5, 1000, 4);
        for (delay, since) in [(0, 0), (10, 0), (15, 1001), (20, 0), (30, 1000)] {
            spreads.rose(4, 5, since, 1000 + delay);
        }
        let spread = spreads.iter().next().expect("one height");
        assert_eq!((spread.informed, spread.sum), (4, 60), "who came later does not count");
        assert_eq!(spread.marks, [Some(10), Some(30), Some(30), Some(30)]);
    }

    #[test]
    fn a_tip_that_jumps_informs_of_all_between_and_a_rival_of_its_height() {
        let mut spreads = Spreads::default();
        spreads.found(1, 100, 1);
        spreads.found(1, 150, 1);
        spreads.found(2, 200, 1);
        spreads.rose(0, 2, 0, 300);
        let marks: Vec<_> = spreads.iter().map(|spread| spread.marks[3]).collect();
        assert_eq!(marks, [Some(200), Some(100)]);
    }
}
