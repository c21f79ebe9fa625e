//! Blocks to measure with: chains on the regtest network, whose target half of all nonces meet.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use p2pnode::chain::CheckedBlock;
use p2pnode::encoding::{self, List, Text};
use p2pnode::limits::MAX_BLOCK_TRANSACTIONS;
use p2pnode::params::Params;
use p2pnode::store::chain_file::Writer;
use p2pnode::time::UnixTime;
use p2pnode::types::{Block, BlockHash, Coinbase, Content, Header, NodeId, Transaction, merkle};

/// A clock by which no block is from the future.
pub const LATE: UnixTime = UnixTime::from_secs(4_000_000_000);

/// Contents of `bytes` each, told apart by `height` and their number.
pub fn contents(height: u64, count: usize, bytes: usize) -> Vec<Transaction> {
    let content = |nth: u64| {
        let nonce = height << 32 | nth;
        let data = nonce.to_le_bytes().into_iter().cycle().take(bytes).collect::<Vec<u8>>();
        Transaction::Content(Content { nonce, data: data.try_into().expect("within a content's limit") })
    };
    (0..count as u64).map(content).collect()
}

/// The block at `height` with these contents, on the block `previous` whose time is `time`. `branch` tells
/// blocks of one height apart.
pub fn block(
    params: &Params,
    (previous, time): (BlockHash, u32),
    height: u64,
    branch: u64,
    contents: Vec<Transaction>,
) -> Block {
    let coinbase = Coinbase { height, miner: NodeId::default(), extra_nonce: branch, note: Text::default() };
    let transactions = core::iter::once(Transaction::Coinbase(coinbase)).chain(contents).collect::<Vec<_>>();
    let transactions = List::<_, MAX_BLOCK_TRANSACTIONS>::clipped(transactions);
    let bits = params.rules().start;
    let target = bits.to_target().expect("a target");
    let ids: Vec<_> = transactions.iter().map(Transaction::id).collect();
    let merkle_root = merkle::root(&ids).0;
    let header = Header { version: 1, previous, merkle_root, time, bits, nonce: 0 };
    let header =
        (0..).map(|nonce| Header { nonce, ..header }).find(|header| target.is_met_by(&header.hash()));
    Block { header: header.expect("a nonce"), transactions }
}

/// Blocks one on the other, from `parent` at `height` on.
pub struct Line<'a> {
    params: &'a Params,
    parent: (BlockHash, u32),
    height: u64,
    branch: u64,
    contents: (usize, usize),
}

impl<'a> Line<'a> {
    /// From genesis on, with nothing but coinbases.
    pub fn new(params: &'a Params) -> Line<'a> {
        Line::on(params, (params.genesis_hash(), params.genesis().header.time), 0)
    }

    /// From a block on that has this hash and time, at `height`.
    pub fn on(params: &'a Params, parent: (BlockHash, u32), height: u64) -> Line<'a> {
        Line { params, parent, height, branch: 0, contents: (0, 0) }
    }

    /// With so many contents of so many bytes in each.
    pub fn with_contents(self, count: usize, bytes: usize) -> Line<'a> {
        Line { contents: (count, bytes), ..self }
    }

    /// Others than those of another number.
    pub fn branch(self, branch: u64) -> Line<'a> {
        Line { branch, ..self }
    }
}

impl Iterator for Line<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        self.height += 1;
        let (count, bytes) = self.contents;
        let contents = contents(self.height, count, bytes);
        let block = block(self.params, self.parent, self.height, self.branch, contents);
        self.parent.0 = block.hash();
        Some(block)
    }
}

/// Blocks that were checked.
pub fn checked(params: &Params, blocks: impl Iterator<Item = Block>) -> Vec<CheckedBlock> {
    blocks.map(|block| CheckedBlock::check(Arc::new(block), params).expect("a good block")).collect()
}

/// Writes a chain file; the hash at its end.
pub fn write_chain(params: &Params, blocks: impl Iterator<Item = Block>, file: &Path) -> BlockHash {
    let output = BufWriter::new(File::create(file).expect("a file"));
    let mut writer = Writer::begin(output, params.rules()).expect("written");
    let mut last = params.genesis_hash();
    for block in blocks {
        writer.block(&encoding::encode(&block)).expect("written");
        last = block.hash();
    }
    writer.end().expect("written");
    last
}
