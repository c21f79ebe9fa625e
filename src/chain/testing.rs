//! Blocks for tests: mined for real, on easy targets.

use crate::chain::{Chain, CheckedBlock};
use crate::encoding::{List, Text};
use crate::limits::MAX_BLOCK_TRANSACTIONS;
use crate::params::{GENESIS_TIME, Params};
use crate::time::UnixTime;
use crate::types::{Block, BlockHash, Coinbase, Content, Header, NodeId, Transaction, merkle};

/// A moment so late that no block of a test is from its future.
pub(crate) const LATE: UnixTime = UnixTime::from_secs(GENESIS_TIME as u64 + 1_000_000_000);

/// A content that says `text`.
pub(crate) fn content(nonce: u64, text: &str) -> Transaction {
    let data = text.as_bytes().to_vec().try_into().expect("a short text");
    Transaction::Content(Content { nonce, data })
}

/// A coinbase that names `height`; `note` tells siblings apart.
pub(crate) fn coinbase(height: u64, note: &str) -> Transaction {
    let note = Text::clipped(note);
    Transaction::Coinbase(Coinbase { height, miner: NodeId::default(), extra_nonce: 0, note })
}

/// The first nonce from the header's own on that meets its bits.
pub(crate) fn solve(mut header: Header) -> Header {
    let target = header.bits.to_target().expect("bits that can be met");
    while !target.is_met_by(&header.hash()) {
        header.nonce = header.nonce.checked_add(1).expect("an easy target");
    }
    header
}

/// A mined block of any shape: `header`, committed to `transactions`, whatever they are.
pub(crate) fn block_of(header: Header, transactions: Vec<Transaction>) -> Block {
    let transactions = List::<_, MAX_BLOCK_TRANSACTIONS>::clipped(transactions);
    let mut block = Block { header, transactions };
    block.header.merkle_root = merkle::root(&block.ids()).0;
    block.header = solve(block.header);
    block
}

/// A good block on `parent`, at the earliest time.
pub(crate) fn mine_on(
    chain: &Chain,
    parent: &BlockHash,
    contents: Vec<Transaction>,
    note: &str,
) -> CheckedBlock {
    mine_at(chain, parent, 0, contents, note)
}

/// A good block on `parent`, at `time` or the earliest one after it.
pub(crate) fn mine_at(
    chain: &Chain,
    parent: &BlockHash,
    time: u32,
    contents: Vec<Transaction>,
    note: &str,
) -> CheckedBlock {
    let (height, mut header) = chain.child_of(parent).expect("a known parent");
    header.time = header.time.max(time);
    let transactions = core::iter::once(coinbase(height, note)).chain(contents).collect();
    checked(block_of(header, transactions), chain.params())
}

/// `count` blocks on `parent`, each on the one before, imported one by one.
pub(crate) fn grow(chain: &mut Chain, parent: &BlockHash, count: usize, note: &str) -> Vec<CheckedBlock> {
    let mut blocks: Vec<CheckedBlock> = Vec::with_capacity(count);
    for _ in 0..count {
        let at = blocks.last().map_or(*parent, CheckedBlock::hash);
        let block = mine_on(chain, &at, Vec::new(), note);
        chain.import(&block, LATE);
        blocks.push(block);
    }
    blocks
}

/// A block that must pass.
pub(crate) fn checked(block: Block, params: &Params) -> CheckedBlock {
    CheckedBlock::check(block, params).expect("a good block")
}
