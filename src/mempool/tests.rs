use super::*;
use crate::types::{Coinbase, Content, NodeId};

fn content(nonce: u64, bytes: usize) -> (TxId, Arc<Transaction>) {
    let data = vec![0; bytes].try_into().expect("within a content's limit");
    let transaction = Transaction::Content(Content { nonce, data });
    (transaction.id(), Arc::new(transaction))
}

fn host(n: u8) -> Source {
    Source::Host([10, 0, 0, n].into())
}

#[test]
fn first_come_is_first_mined() {
    let mut pool = Mempool::default();
    for nonce in [5, 3, 9] {
        let (id, transaction) = content(nonce, 100);
        assert_eq!(pool.insert(id, transaction, Source::Local), Ok(()));
    }
    let nonces: Vec<u64> = pool
        .pick(240)
        .iter()
        .map(|transaction| match &**transaction {
            Transaction::Content(content) => content.nonce,
            Transaction::Coinbase(_) => unreachable!("no coinbase was put in"),
        })
        .collect();
    assert_eq!(nonces, [5, 3], "two of 124 bytes fit 248, not 240 nor three");
}

#[test]
fn a_transaction_waits_once_and_not_after_it_was_mined() {
    let mut pool = Mempool::default();
    let (id, transaction) = content(1, 10);
    let block = BlockHash([1; 32]);
    assert_eq!(pool.insert(id, transaction.clone(), Source::Local), Ok(()));
    assert_eq!(pool.insert(id, transaction.clone(), host(1)), Err(Refusal::Known));
    pool.connect(block, [id]);
    assert!(pool.is_empty() && pool.bytes() == 0 && pool.knows(&id));
    assert_eq!(pool.insert(id, transaction.clone(), host(1)), Err(Refusal::Recent));
    pool.disconnect(block);
    assert_eq!(pool.insert(id, transaction, Source::Reverted), Ok(()), "a reorg gave it back");
}

#[test]
fn ids_are_recent_for_so_many_blocks() {
    let mut pool = Mempool::default();
    let (id, transaction) = content(1, 10);
    pool.connect(BlockHash([0; 32]), [id]);
    for n in 1..RECENT_BLOCKS {
        pool.connect(BlockHash([n as u8; 32]), []);
        assert!(pool.knows(&id), "{n} blocks later");
    }
    pool.connect(BlockHash([255; 32]), []);
    assert_eq!(pool.insert(id, transaction, Source::Local), Ok(()));
}

/// Whether ids are asked for while blocks come, or after all of them, or never.
#[test]
fn recent_ids_are_the_same_whenever_they_are_asked_for() {
    let id = |n: u64| TxId(core::array::from_fn(|at| n.to_le_bytes()[at % 8]));
    for every in [1, 7, 1000] {
        let mut pool = Mempool::default();
        let mut active: Vec<u64> = Vec::new();
        for n in 0..3 * RECENT_BLOCKS as u64 {
            // Each has one that the block before has, too.
            pool.connect(BlockHash([n as u8; 32]), [id(n), id(n + 1)]);
            active.push(n);
            if n % 10 == 9 {
                pool.disconnect(BlockHash([n as u8; 32]));
                active.pop();
            }
            if n % every == 0 {
                assert!(pool.knows(&id(n)), "{n}");
            }
        }
        let recent = active.len() - RECENT_BLOCKS.min(active.len());
        for n in 0..3 * RECENT_BLOCKS as u64 + 2 {
            let has = |block: &u64| n == *block || n == block + 1;
            assert_eq!(pool.knows(&id(n)), active[recent..].iter().any(has), "{n} of {every}");
        }
    }
}

#[test]
fn one_peer_fills_its_share_and_leaves_the_rest_to_others() {
    let mut pool = Mempool::default();
    let mut nonces = 0..;
    let mut fill = |pool: &mut Mempool, source| loop {
        let (id, transaction) = content(nonces.next().unwrap_or_default(), 60_000);
        if let Err(refusal) = pool.insert(id, transaction, source) {
            return refusal;
        }
    };
    assert_eq!(fill(&mut pool, host(1)), Refusal::ShareFull);
    assert!(pool.bytes() <= MAX_POOL_BYTES / POOL_SHARES);
    assert_eq!(pool.room(host(1)), MAX_POOL_BYTES / POOL_SHARES - pool.bytes());
    assert_eq!(pool.room(host(2)), MAX_POOL_BYTES / POOL_SHARES);
    assert_eq!(fill(&mut pool, host(2)), Refusal::ShareFull);
    assert_eq!(fill(&mut pool, Source::Local), Refusal::Full);
    assert!(pool.bytes() <= MAX_POOL_BYTES);
    for source in [Source::Local, host(3)] {
        assert_eq!(pool.room(source), MAX_POOL_BYTES - pool.bytes());
    }
}

#[test]
fn a_coinbase_does_not_wait() {
    let coinbase = Transaction::Coinbase(Coinbase {
        height: 1,
        miner: NodeId::default(),
        extra_nonce: 0,
        note: Default::default(),
    });
    let refused = Mempool::default().insert(coinbase.id(), Arc::new(coinbase), Source::Local);
    assert_eq!(refused, Err(Refusal::Coinbase));
}

#[test]
fn what_changed_is_told_once_and_what_came_and_went_in_between_never() {
    let mut pool = Mempool::default();
    let told = |pool: &mut Mempool| {
        assert_eq!(pool.has_changes(), !pool.came.is_empty() || !pool.went.is_empty());
        let Changes { came, went, ids } = pool.take_changes();
        assert!(came.iter().map(|transaction| transaction.id()).eq(ids));
        assert!(!pool.has_changes());
        (came.iter().map(|transaction| transaction.id()).collect::<Vec<_>>(), went)
    };
    let some: Vec<_> = (0..3).map(|nonce| content(nonce, 10)).collect();
    let [a, b, c] = [some[0].0, some[1].0, some[2].0];
    for (id, transaction) in &some {
        assert_eq!(pool.insert(*id, transaction.clone(), Source::Local), Ok(()));
    }
    pool.connect(BlockHash([1; 32]), [b]);
    assert_eq!(told(&mut pool), (vec![a, c], vec![]));
    assert_eq!(told(&mut pool), (vec![], vec![]));
    pool.connect(BlockHash([2; 32]), [a, c]);
    pool.disconnect(BlockHash([2; 32]));
    assert_eq!(
        pool.insert(c, some[2].1.clone(), Source::Reverted),
        Ok(()),
        "back, and never told to be gone"
    );
    assert_eq!(told(&mut pool), (vec![], vec![a]));
    assert_eq!(pool.len(), 1);
}
