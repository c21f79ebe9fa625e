//! What any keeper must do, said to the twin in memory and to the one on disk.

mod faults;
mod folders;
mod journal;
mod life;
mod medium;
mod restarts;
mod runs;
mod verify;

use super::*;
use tempfile::TempDir;

use crate::chain::testing::solve;
use crate::encoding::{List, Text};
use crate::params::Params;
use crate::types::{Coinbase, Content, Header, NodeId, Transaction, merkle};

fn content(nonce: u64) -> Transaction {
    Transaction::Content(Content { nonce, data: b"hello".to_vec().try_into().expect("a short text") })
}

/// A block by `miner` upon `parent`, with the contents of these nonces.
fn block(parent: BlockHash, height: u64, miner: u8, contents: &[u64]) -> Block {
    let coinbase = Transaction::Coinbase(Coinbase {
        height,
        miner: NodeId([miner; 16]),
        extra_nonce: 0,
        note: Text::default(),
    });
    let transactions =
        List::clipped(core::iter::once(coinbase).chain(contents.iter().map(|nonce| content(*nonce))));
    let header = Params::regtest().genesis().header;
    let mut block = Block { header: Header { previous: parent, ..header }, transactions };
    block.header.merkle_root = merkle::root(&block.ids()).0;
    block.header = solve(block.header);
    block
}

/// A store of each kind that knows genesis only, and the folder of the one on disk.
fn stores() -> [(Store, Committed, Option<TempDir>); 2] {
    let (store, committed) = Store::memory(Params::regtest().genesis().into());
    let folder = tempfile::tempdir().expect("a folder");
    let opened = open(folder.path(), &Params::regtest(), NodeId([1; 16])).expect("a new folder");
    [(store, committed, None), (opened.store, opened.committed, Some(folder))]
}

fn genesis() -> BlockHash {
    Params::regtest().genesis_hash()
}

/// A content of so many bytes.
fn large(nonce: u64, bytes: usize) -> Transaction {
    Transaction::Content(Content {
        nonce,
        data: vec![nonce as u8; bytes].try_into().expect("within the limit"),
    })
}

fn batch(seq: u64, blocks: &[&Block], forget: &[BlockHash]) -> Batch {
    let tip = blocks.last().map(|block| block.hash()).unwrap_or_default();
    let blocks = blocks.iter().map(|block| StoredBlock::from(*block)).collect();
    Batch { seq, blocks, tip, forget: forget.to_vec(), waiting: Vec::new(), gone: Vec::new() }
}

/// What a node of regtest leaves in node.json.
fn record(node: NodeId) -> Record {
    Record {
        format: FORMAT,
        node: node.to_string(),
        network: Params::regtest().network().to_string(),
        rules: Params::regtest().rules().to_string(),
        listen: ([127, 0, 0, 1], 6000).into(),
        http: None,
        agent: "p2pnode/test".to_owned(),
    }
}

fn read(store: &Store, hash: &BlockHash) -> Option<Bytes> {
    store.read(hash).expect("undamaged")
}

fn find(store: &Store, id: &TxId) -> Vec<BlockHash> {
    store.find(id).expect("undamaged")
}

#[test]
fn genesis_is_there_from_the_start() {
    for (store, mut committed, _folder) in stores() {
        let genesis = genesis();
        let params = Params::regtest();
        assert_eq!(read(&store, &genesis), Some(encoding::encode(params.genesis()).into()));
        assert_eq!(find(&store, &params.genesis().ids()[0]), [genesis]);
        assert_eq!((store.blocks(), store.bytes()), (1, params.genesis().size() as u64));
        assert_eq!(committed.try_recv(), None, "nobody submitted it");
    }
}

#[test]
fn what_is_submitted_reads_back_from_every_handle() {
    for (store, mut committed, _folder) in stores() {
        let genesis = genesis();
        let one = block(genesis, 1, 1, &[1, 2]);
        let two = block(one.hash(), 2, 1, &[]);
        let other = store.clone();
        assert_eq!(read(&other, &one.hash()), None);
        store.submit(batch(7, &[&one, &two], &[]));
        assert_eq!(committed.wait(), Some(Ok(7)));
        for block in [&one, &two] {
            let encoded = read(&other, &block.hash()).expect("a block");
            assert_eq!(encoding::decode::<Block>(&encoded).as_ref(), Ok(block));
        }
        assert_eq!(read(&other, &BlockHash::ZERO), None);
        let size = Params::regtest().genesis().size() + one.size() + two.size();
        assert_eq!((other.blocks(), other.bytes()), (3, size as u64));
        store.submit(batch(8, &[&one], &[]));
        assert_eq!(committed.wait(), Some(Ok(8)));
        assert_eq!((other.blocks(), other.bytes()), (3, size as u64), "once is enough");
    }
}

#[test]
fn a_hash_that_begins_like_one_that_is_here_is_another() {
    for (store, mut committed, _folder) in stores() {
        let one = block(genesis(), 1, 1, &[1]);
        store.submit(batch(1, &[&one], &[]));
        let like = |hash: BlockHash| {
            let mut like = hash;
            like.0[31] ^= 1;
            like
        };
        // Before its commit, perhaps, and after it: anybody can ask for such a hash.
        for _ in 0..2 {
            assert_eq!(read(&store, &like(one.hash())), None);
            assert_eq!(read(&store, &like(genesis())), None);
            committed.try_recv().or_else(|| committed.wait());
            store.submit(batch(2, &[], &[like(one.hash())]));
        }
        assert!(read(&store, &one.hash()).is_some(), "it was not this one that was forgotten");
    }
}

#[test]
fn a_transaction_is_found_in_every_branch_that_holds_it() {
    for (store, _committed, _folder) in stores() {
        let genesis = genesis();
        let ours = block(genesis, 1, 1, &[1, 2]);
        let theirs = block(genesis, 1, 2, &[2, 3]);
        let later = block(theirs.hash(), 2, 2, &[2, 2]);
        store.submit(batch(1, &[&ours, &theirs], &[]));
        store.submit(batch(2, &[&later], &[]));
        assert_eq!(find(&store, &content(1).id()), [ours.hash()]);
        assert_eq!(
            find(&store, &content(2).id()),
            [ours.hash(), theirs.hash(), later.hash()],
            "each block once"
        );
        assert_eq!(find(&store, &content(3).id()), [theirs.hash()]);
        assert_eq!(find(&store, &content(4).id()), []);
        assert_eq!(find(&store, &ours.ids()[0]), [ours.hash()]);
        // An id that begins like one that is here is still another id.
        let mut like = content(1).id();
        like.0[31] ^= 1;
        assert_eq!(find(&store, &like), []);
    }
}

#[test]
fn what_is_forgotten_leaves_nothing_behind_and_may_come_again() {
    for (store, mut committed, _folder) in stores() {
        let genesis = genesis();
        let before = (store.blocks(), store.bytes());
        let one = block(genesis, 1, 1, &[1, 2]);
        let two = block(genesis, 1, 2, &[2]);
        store.submit(batch(1, &[&one, &two], &[]));
        store.submit(batch(2, &[], &[one.hash(), BlockHash::ZERO]));
        assert_eq!(read(&store, &one.hash()), None);
        assert_eq!(find(&store, &content(1).id()), []);
        assert_eq!(find(&store, &content(2).id()), [two.hash()]);
        store.submit(batch(3, &[&one], &[two.hash(), one.hash()]));
        assert_eq!([1, 2, 3].map(|seq| Some(Ok(seq))), core::array::from_fn(|_| committed.wait()));
        assert_eq!((store.blocks(), store.bytes()), before, "added and forgotten at once");
        store.submit(batch(4, &[&one], &[]));
        assert_eq!(find(&store, &content(2).id()), [one.hash()]);
        assert_eq!(committed.wait(), Some(Ok(4)));
        assert_eq!(find(&store, &content(2).id()), [one.hash()], "from the index, too");
    }
}

#[tokio::test]
async fn commits_are_told_in_order_and_end_with_the_store() {
    for (store, mut committed, _folder) in stores() {
        let writer = store.clone();
        let submit = move || (1..=100).for_each(|seq| writer.submit(batch(seq, &[], &[])));
        let thread = std::thread::spawn(submit);
        for seq in 1..=100 {
            assert_eq!(committed.recv().await, Some(Ok(seq)));
        }
        thread.join().expect("no panic");
        drop(store);
        assert_eq!(committed.recv().await, None);
    }
}

#[test]
fn a_store_whose_commits_nobody_awaits_goes_on() {
    for (store, committed, _folder) in stores() {
        let genesis = genesis();
        drop(committed);
        let one = block(genesis, 1, 1, &[]);
        store.submit(batch(1, &[&one], &[]));
        assert!(read(&store, &one.hash()).is_some());
    }
}
