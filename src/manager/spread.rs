//! How blocks spread over the nodes: pure.

use crate::manager::blocks::{Arrival, Block};
use crate::manager::view::{Percentiles, Propagation, Spread};

/// The spread of `block` over those nodes that were there to hear of it; none if only one was.
pub fn of(block: &Block) -> Option<Spread> {
    let live: Vec<&Arrival> = block.arrivals.iter().filter(|arrival| arrival.live).collect();
    let first = live.first().filter(|_| live.len() > 1)?.at;
    let after =
        |share: f64| live.get(rank(live.len(), share)).map_or(0.0, |arrival| millis(arrival.at - first));
    Some(Spread {
        hash: block.hash.to_string(),
        height: block.height,
        miner: block.miner,
        nodes: live.len(),
        to_50_ms: after(0.5),
        to_90_ms: after(0.9),
        to_100_ms: after(1.0),
    })
}

/// The spreads of `limit` blocks, and how long they took to the last node.
pub fn over<'a>(blocks: impl Iterator<Item = &'a Block>, limit: usize) -> Propagation {
    let blocks: Vec<Spread> = blocks.filter_map(of).take(limit).collect();
    let mut times: Vec<f64> = blocks.iter().map(|block| block.to_100_ms).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get(rank(times.len(), share)).copied();
    let to_all = Percentiles {
        blocks: times.len(),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        max_ms: times.last().copied(),
    };
    Propagation { to_all, blocks }
}

/// The place of the first of `count` sorted values that at least this share of them does not exceed.
fn rank(count: usize, share: f64) -> usize {
    // Of at most a thousand values: exact enough, and not negative.
    ((count as f64 * share).ceil() as usize).saturating_sub(1)
}

/// Microseconds as milliseconds.
pub fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::node_set::NodeSet;
    use crate::types::{BlockHash, CompactTarget, Work};
    use crate::wire::manage::Origin;

    fn block(times: &[(u64, bool)]) -> Block {
        let arrival = |(node, (at, live)): (usize, &(u64, bool))| Arrival {
            node,
            at: *at,
            from: None,
            origin: Origin::Pushed,
            live: *live,
        };
        Block {
            hash: BlockHash([1; 32]),
            previous: BlockHash([0; 32]),
            height: 1,
            time: 0,
            bits: CompactTarget(0),
            work: Work::ZERO,
            transactions: 1,
            bytes: 1,
            text: None,
            miner: Some(0),
            seen: 0,
            refused: None,
            best: true,
            holders: NodeSet::default(),
            near: None,
            arrivals: times.iter().enumerate().map(arrival).collect(),
        }
    }

    #[test]
    fn a_spread_is_measured_from_the_first_to_each() {
        let times: Vec<(u64, bool)> = (0..10).map(|n| (5000 + n * 1000, true)).collect();
        let spread = of(&block(&times)).expect("ten nodes");
        assert_eq!((spread.nodes, spread.to_50_ms, spread.to_90_ms, spread.to_100_ms), (10, 4.0, 8.0, 9.0));
        assert_eq!(of(&block(&[(5000, true)])), None, "it went nowhere");
        let late = of(&block(&[(5000, true), (5500, true), (9_000_000, false)])).expect("two nodes");
        assert_eq!((late.nodes, late.to_100_ms), (2, 0.5), "one that was not there is no measure");
    }

    #[test]
    fn percentiles_are_over_blocks() {
        let blocks: Vec<Block> = (1..=100).map(|n| block(&[(0, true), (n * 1000, true)])).collect();
        let said = over(blocks.iter(), 1000).to_all;
        let expected = [50.0, 90.0, 95.0, 99.0, 100.0].map(Some);
        assert_eq!([said.p50_ms, said.p90_ms, said.p95_ms, said.p99_ms, said.max_ms], expected);
        assert_eq!((said.blocks, over(blocks.iter(), 3).blocks.len()), (100, 3));
        assert_eq!(over([].iter(), 20).to_all, Percentiles::default());
    }
}
