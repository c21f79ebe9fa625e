//! What was stored and is no chain any more; that whatever was a chain comes back is held by the model.

use super::*;
use crate::chain::NotRestored;
use crate::types::Header;

fn headers(blocks: &[CheckedBlock]) -> Vec<Header> {
    blocks.iter().map(|block| *block.header()).collect()
}

fn restored(headers: &[Header], tip: BlockHash) -> Result<Chain, NotRestored> {
    Chain::restore(Arc::new(Params::regtest()), headers, tip).map(|restored| restored.chain)
}

#[test]
fn of_two_tips_with_equal_work_the_stored_one_stays() {
    let mut chain = regtest();
    let genesis = chain.tip().hash;
    let first = grow(&mut chain, &genesis, 3, "first");
    let second = grow(&mut chain, &genesis, 3, "second");
    let all = headers(&[first.clone(), second.clone()].concat());
    for branch in [&first, &second] {
        let tip = branch[2].hash();
        let mut again = restored(&all, tip).expect("a chain");
        assert_eq!((again.tip().hash, again.best_header().hash), (tip, tip));
        assert_eq!(again.active_at(1), Some(branch[0].hash()));
        // The next block decides, as it always did.
        let other = if tip == first[2].hash() { &second } else { &first };
        let next = mine_on(&again, &other[2].hash(), Vec::new(), "next");
        assert_eq!(switched(again.import(&next, LATE)).1.len(), 3);
    }
}

#[test]
fn a_gap_or_a_lie_is_no_chain() {
    let mut chain = regtest();
    let genesis = chain.tip().hash;
    let blocks = grow(&mut chain, &genesis, 5, "");
    let (all, tip) = (headers(&blocks), blocks[4].hash());
    assert!(restored(&all, tip).is_ok());
    let without = |at: usize| [&all[..at], &all[at + 1..]].concat();
    for at in 0..5 {
        assert_eq!(restored(&without(at), tip).err(), Some(NotRestored::NoTip(tip)), "without {at}");
    }
    assert_eq!(restored(&all, BlockHash::ZERO).err(), Some(NotRestored::NoTip(BlockHash::ZERO)));
    // An older tip: a store that had these blocks would have had the newest as its tip.
    let older = blocks[3].hash();
    assert_eq!(restored(&all, older).err(), Some(NotRestored::NoTip(older)));
    let mut wrong = all.clone();
    wrong[2].bits.0 ^= 1;
    assert!(matches!(restored(&wrong, tip), Err(NotRestored::Invalid { .. })));
}
