//! Lives that a chain can have, and what a store holds after each of their batches.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use super::*;

/// What a store holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    pub(super) headers: Vec<Header>,
    pub(super) tip: BlockHash,
    pub(super) waiting: Vec<Transaction>,
}

impl Held {
    fn after(&self, batch: &Batch, blocks: &[Block], waiting: &[Transaction]) -> Held {
        let mut held = self.clone();
        held.headers.extend(blocks.iter().map(|block| block.header));
        held.headers.retain(|header| !batch.forget.contains(&header.hash()));
        held.tip = batch.tip;
        held.waiting.extend_from_slice(waiting);
        held.waiting.retain(|transaction| !batch.gone.contains(&transaction.id()));
        held
    }
}

/// A life of a node: blocks one by one, reorgs of several, side branches forgotten, contents that come and
/// go. As in a chain, the tip is the block with the most work that came first.
pub(super) fn life(dice: &mut ChaCha12Rng, length: u64) -> (Vec<Batch>, Vec<Held>) {
    let mut held = vec![Held { headers: Vec::new(), tip: genesis(), waiting: Vec::new() }];
    let mut places = BTreeMap::from([(genesis(), (BlockHash::ZERO, 0))]);
    let mut batches = Vec::new();
    for seq in 0..length {
        let now = held.last().expect("genesis, at least").clone();
        let on = match now.headers.len() {
            0 => genesis(),
            count if dice.random_ratio(1, 5) => now.headers[dice.random_range(0..count)].hash(),
            _ => now.tip,
        };
        let mut blocks: Vec<Block> = Vec::new();
        let mut tip = now.tip;
        let count = if dice.random_ratio(1, 4) { dice.random_range(0..6) } else { 1 };
        for _ in 0..count {
            let parent = blocks.last().map_or(on, |block| block.hash());
            let height = places[&parent].1 + 1;
            let contents: Vec<u64> = (0..dice.random_range(1..4)).map(|_| dice.random()).collect();
            let next = block(parent, height, 1, &contents);
            places.insert(next.hash(), (parent, height));
            if height > places[&tip].1 {
                tip = next.hash();
            }
            blocks.push(next);
        }
        let line = |hash| core::iter::successors(Some(hash), |hash| places.get(hash).map(|place| place.0));
        let kept: Vec<BlockHash> = line(tip).chain(line(now.tip)).chain(line(on)).collect();
        let side = now.headers.iter().map(Header::hash).filter(|hash| !kept.contains(hash));
        let forget: Vec<BlockHash> = side.filter(|_| dice.random_ratio(1, 40)).collect();
        let waiting: Vec<Transaction> =
            (0..dice.random_range(0..3)).map(|_| content(dice.random())).collect();
        let gone = now.waiting.iter().filter(|_| dice.random_ratio(1, 4)).map(Transaction::id).collect();
        let batch = Batch {
            seq,
            blocks: blocks.iter().map(StoredBlock::from).collect(),
            tip,
            forget,
            waiting: waiting.iter().map(Waiting::from).collect(),
            gone,
        };
        held.push(now.after(&batch, &blocks, &waiting));
        batches.push(batch);
    }
    (batches, held)
}
