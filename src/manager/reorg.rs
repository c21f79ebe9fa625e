//! The newest reorganisation: of many nodes, each of which tells of its own, in steps: pure.
//!
//! Nodes that leave a block for the same branch went through one reorganisation, as the halves of a partition do
//! when it heals. Bodies come one by one, so a node tells of the first tip that had more work, and then of those
//! after it. The branch that won is as long as it was when it won: what was found since is none of it.

use crate::manager::blocks::Blocks;
use crate::manager::happened::seconds;
use crate::manager::view;
use crate::types::BlockHash;
use crate::wire::manage::Place;

/// A reorganisation, as far as it was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reorg {
    /// Who went through it, in the order in which they told of it.
    nodes: Vec<usize>,
    /// Those of them that may not have all of the branch yet.
    on_the_way: Vec<usize>,
    /// When the first one did, in microseconds since 1970.
    at: u64,
    /// The last block of both branches.
    ancestor: Place,
    /// The tip given up.
    old: Place,
    /// Blocks given up.
    depth: u32,
    /// Contents that wait again.
    returned: u32,
    /// The tip of the branch that won.
    new: Place,
}

impl Reorg {
    /// What node `number` told at `at`: it left `old`, `depth` blocks above `ancestor`, for `new`.
    pub fn of(
        number: usize,
        at: u64,
        (old, ancestor, new): (Place, Place, Place),
        (depth, returned): (u32, u32),
    ) -> Reorg {
        Reorg { nodes: vec![number], on_the_way: vec![number], at, ancestor, old, depth, returned, new }
    }

    /// Whether `other` is another node's part of the same one.
    pub fn is_of(&self, other: &Reorg, blocks: &Blocks) -> bool {
        let (one, two) = (self.new.hash, other.new.hash);
        let is_one_branch = one == two || blocks.is_ancestor(one, two) || blocks.is_ancestor(two, one);
        self.ancestor.hash == other.ancestor.hash && is_one_branch
    }

    /// Takes in `other`, another part of it. The most that a node gave up is what was given up; whoever comes
    /// later took what was found since, too.
    pub fn join(&mut self, other: Reorg, blocks: &Blocks) {
        for node in other.nodes {
            if !self.nodes.contains(&node) {
                self.nodes.push(node);
                self.on_the_way.push(node);
            }
        }
        self.at = self.at.min(other.at);
        if other.depth > self.depth {
            (self.depth, self.old, self.returned) = (other.depth, other.old, other.returned);
        }
        self.grow(other.new.hash, blocks);
    }

    /// Node `number` has another tip: a further step along the branch that won, if it is one of these nodes.
    pub fn follow(&mut self, number: usize, tip: BlockHash, blocks: &Blocks) {
        if !self.on_the_way.contains(&number) {
            return;
        }
        let is_further = blocks.get(&tip).filter(|block| block.height > self.new.height);
        if is_further.is_some_and(|block| block.seen > self.at) {
            // It has passed the end of what there was.
            self.on_the_way.retain(|other| *other != number);
        }
        self.grow(tip, blocks);
    }

    /// The branch that won is known as far as `tip`, if that is on it and was there then.
    fn grow(&mut self, tip: BlockHash, blocks: &Blocks) {
        let further: Vec<_> = blocks.chain(tip, self.new.height + 1).collect();
        let is_on_it = further.last().is_some_and(|lowest| lowest.previous == self.new.hash);
        let was_there = further.into_iter().find(|block| is_on_it && block.seen <= self.at);
        if let Some(block) = was_there {
            self.new = Place { hash: block.hash, height: block.height };
        }
    }

    /// As the API says it.
    pub fn report(&self) -> view::Reorg {
        let mut nodes = self.nodes.clone();
        nodes.sort_unstable();
        view::Reorg {
            node: self.nodes.first().copied().unwrap_or_default(),
            nodes,
            time: seconds(self.at),
            depth: u64::from(self.depth),
            gained: self.new.height.saturating_sub(self.ancestor.height),
            old: self.old.hash.to_string(),
            new: self.new.hash.to_string(),
            returned: u64::from(self.returned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::blocks::Arrival;
    use crate::types::{CompactTarget, NodeId};
    use crate::wire::manage::{Origin, SeenBlock};

    fn place(name: u8, height: u64) -> Place {
        Place { hash: BlockHash([name; 32]), height }
    }

    /// 0 - 1 - 2, and the branch 0 - 11 - … - 16, its block of a height found at that time.
    fn forked() -> Blocks {
        let mut blocks = Blocks::default();
        let main = (0..3_u8).map(|height| (height, height.wrapping_sub(1), height));
        let branch = (11..17).map(|name| (name, if name == 11 { 0 } else { name - 1 }, name - 10));
        for (name, previous, height) in main.chain(branch) {
            let seen = SeenBlock {
                hash: BlockHash([name; 32]),
                previous: BlockHash([previous; 32]),
                height: u64::from(height),
                time: 0,
                bits: CompactTarget(0x207f_ffff),
                work: [height; 32],
                transactions: 1,
                bytes: 200,
                origin: Origin::Mined,
                from: None,
                miner: NodeId([0; 16]),
                content: Default::default(),
            };
            let at = u64::from(height);
            let arrival = Arrival { node: 0, at, from: None, origin: Origin::Mined, live: true };
            blocks.seen(&seen, None, arrival);
        }
        blocks
    }

    fn told(number: usize, at: u64, old: (u8, u64), new: (u8, u64)) -> Reorg {
        let places = (place(old.0, old.1), place(0, 0), place(new.0, new.1));
        Reorg::of(number, at, places, (old.1 as u32, number as u32))
    }

    #[test]
    fn many_nodes_have_one_reorganisation_and_the_branch_is_as_long_as_it_was() {
        let blocks = forked();
        // The branch had five blocks then; the sixth was found after it had won.
        let mut reorg = told(2, 5, (1, 1), (12, 2));
        let other = told(1, 6, (2, 2), (13, 3));
        assert!(reorg.is_of(&other, &blocks) && other.is_of(&reorg, &blocks));
        reorg.join(other, &blocks);
        let said = reorg.report();
        assert_eq!(
            (said.node, said.nodes.as_slice(), said.depth, said.returned),
            (2, [1, 2].as_slice(), 2, 1)
        );
        assert_eq!((said.old.as_str(), said.gained), (place(2, 2).hash.to_string().as_str(), 3));
        for (number, tip, gained) in [(2, 13, 3), (1, 14, 4), (9, 15, 4), (1, 2, 4), (1, 16, 5), (2, 16, 5)] {
            reorg.follow(number, BlockHash([tip; 32]), &blocks);
            assert_eq!(reorg.report().gained, gained, "node {number} at {tip}");
        }
        assert_eq!(reorg.report().new, place(15, 5).hash.to_string());
        assert!(reorg.on_the_way.is_empty(), "what comes is not looked at any more");
    }

    #[test]
    fn whoever_comes_later_has_the_branch_grow_by_nothing_that_was_found_since() {
        let blocks = forked();
        let mut reorg = told(0, 3, (2, 2), (13, 3));
        // It was not there, and goes to what the branch is by now at once.
        let late = told(1, 9, (2, 2), (16, 6));
        assert!(reorg.is_of(&late, &blocks));
        reorg.join(late, &blocks);
        reorg.follow(1, BlockHash([16; 32]), &blocks);
        let said = reorg.report();
        assert_eq!((said.nodes.as_slice(), said.time, said.gained), ([0, 1].as_slice(), seconds(3), 3));
        assert_eq!(said.new, place(13, 3).hash.to_string());
    }

    #[test]
    fn another_way_is_another_reorganisation() {
        let (blocks, reorg) = (forked(), told(2, 5, (2, 2), (13, 3)));
        assert!(!reorg.is_of(&told(2, 9, (13, 3), (2, 2)), &blocks), "back again");
        let later = Reorg::of(1, 9, (place(14, 4), place(13, 3), place(15, 5)), (1, 0));
        assert!(!reorg.is_of(&later, &blocks), "from a later block");
    }
}
