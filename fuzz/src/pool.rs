//! Blocks for a node to be fed with: a small tree, mined for real, and broken copies of some of it.

use std::sync::{Arc, OnceLock};

use p2pnode::chain::{Chain, CheckedBlock};
use p2pnode::encoding::{List, Text};
use p2pnode::limits::MAX_BLOCK_TRANSACTIONS;
use p2pnode::miner::Search;
use p2pnode::params::{GENESIS_TIME, Params};
use p2pnode::time::UnixTime;
use p2pnode::types::{Block, BlockHash, Coinbase, Content, Header, NodeId, Template, Transaction, merkle};

/// When a node's run begins, long after any good block's time.
pub const START: UnixTime = UnixTime::from_secs(GENESIS_TIME as u64 + 500_000_000);

/// Parent of each branch, by its place in the pool (0 is genesis), and its length. The middle one is the
/// longest, and the last ones begin in each other.
const BRANCHES: [(usize, usize); 6] = [(0, 12), (3, 14), (11, 5), (0, 1), (17, 2), (25, 4)];

/// What may be sent.
pub struct Pool {
    pub params: Arc<Params>,
    /// Genesis, then the good ones, each after its parent; then the broken ones.
    pub blocks: Vec<Arc<Block>>,
    /// Where the broken ones begin.
    pub good: usize,
    pub contents: Vec<Transaction>,
}

impl Pool {
    /// Of a network whose difficulty moves, or stays.
    pub fn of(moves: bool) -> &'static Pool {
        static STAYS: OnceLock<Pool> = OnceLock::new();
        static MOVES: OnceLock<Pool> = OnceLock::new();
        if moves {
            MOVES.get_or_init(|| Pool::mine(Params::lab(3, Some(10)).expect("good rules")))
        } else {
            STAYS.get_or_init(|| Pool::mine(Params::regtest()))
        }
    }

    fn mine(params: Params) -> Pool {
        let params = Arc::new(params);
        let contents: Vec<Transaction> = (0..8).map(content).collect();
        let mut chain = Chain::new(params.clone());
        let mut blocks = vec![Arc::new(params.genesis().clone())];
        for (branch, (on, len)) in BRANCHES.into_iter().enumerate() {
            let mut parent = blocks[on].hash();
            for place in 0..len {
                let inside = contents[place % contents.len()..].iter().take(place % 3).cloned().collect();
                let block = on_top(&chain, &parent, branch as u64, inside);
                let checked = CheckedBlock::check(block, &params).expect("a good block");
                chain.import(&checked, START);
                parent = checked.hash();
                blocks.push(checked.block().clone());
            }
        }
        let good = blocks.len();
        for at in [1, 4, 12, 13, 26, good - 1] {
            let broken = broken(&blocks[at], &blocks[at - 1]);
            blocks.extend(broken.into_iter().map(Arc::new));
        }
        Pool { params, blocks, good, contents }
    }

    /// A block, good or broken.
    pub fn block(&self, at: u8) -> &Arc<Block> {
        &self.blocks[usize::from(at) % self.blocks.len()]
    }

    /// Those from genesis to a good block.
    pub fn line(&self, at: u8) -> Vec<Block> {
        let mut block = &self.blocks[usize::from(at) % self.good];
        let mut line = vec![(**block).clone()];
        while let Some(parent) = self.blocks[..self.good].iter().find(|b| b.hash() == block.header.previous) {
            line.push((**parent).clone());
            block = parent;
        }
        line.reverse();
        line
    }
}

fn content(nonce: u64) -> Transaction {
    let data = vec![b'c'; nonce as usize * 40].try_into().expect("a short content");
    Transaction::Content(Content { nonce, data })
}

fn on_top(chain: &Chain, parent: &BlockHash, branch: u64, contents: Vec<Transaction>) -> Block {
    let (height, mut header) = chain.child_of(parent).expect("a known parent");
    header.time += 7;
    let coinbase = Coinbase { height, miner: NodeId::default(), extra_nonce: branch, note: Text::default() };
    let template = Template::new(header, coinbase, contents);
    let header = solved(template.header(branch, header.time));
    template.block(header, branch)
}

fn solved(header: Header) -> Header {
    Header { nonce: Search::new(&header).run(0, 1 << 32).nonce.expect("an easy target"), ..header }
}

/// Copies of `block` that break a rule each; `other` lends one of them its body.
fn broken(block: &Block, other: &Block) -> Vec<Block> {
    let header = block.header;
    let with = |header: Header| Block { header: solved(header), ..block.clone() };
    let shaped = |transactions: Vec<Transaction>| {
        let transactions = List::<_, MAX_BLOCK_TRANSACTIONS>::clipped(transactions);
        let ids: Vec<_> = transactions.iter().map(Transaction::id).collect();
        Block { header: solved(Header { merkle_root: merkle::root(&ids).0, ..header }), transactions }
    };
    let coinbase = block.transactions[0].clone();
    let target = header.bits.to_target().expect("a target");
    let no_work = (0..)
        .map(|nonce| Header { nonce, ..header })
        .find(|header| !target.is_met_by(&header.hash()))
        .expect("most do not");
    vec![
        Block { header: no_work, ..block.clone() },
        Block { transactions: other.transactions.clone(), ..block.clone() },
        with(Header { time: GENESIS_TIME - 1, ..header }),
        // Two hours after the start and a bit more: to be taken at its time.
        with(Header { time: GENESIS_TIME + 500_000_000 + 7300, ..header }),
        with(Header { previous: BlockHash([7; 32]), ..header }),
        with(Header { previous: BlockHash::ZERO, ..header }),
        shaped(Vec::new()),
        shaped(vec![coinbase.clone(), coinbase.clone()]),
        shaped(vec![content(1)]),
        shaped(vec![coinbase.clone(), content(1), content(1)]),
        shaped(vec![Transaction::Coinbase(Coinbase {
            height: u64::MAX,
            ..coinbase.as_coinbase().expect("the first is").clone()
        })]),
    ]
}
