//! A store that is opened again holds what was committed, in the order in which it came.

use super::*;

fn opened(folder: &TempDir) -> Opened {
    open(folder.path(), &Params::regtest(), NodeId([9; 16])).expect("a good folder")
}

/// Closes what was opened, as an orderly stop does.
fn closed(opened: Opened) {
    opened.store.close().expect("closed");
}

fn hashes(loaded: &Loaded) -> Vec<BlockHash> {
    loaded.headers.iter().map(Header::hash).collect()
}

/// `count` blocks upon `parent`.
fn chain(parent: BlockHash, height: u64, miner: u8, count: u64) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for at in 0..count {
        let parent = blocks.last().map_or(parent, |block| block.hash());
        blocks.push(block(parent, height + at, miner, &[height + at]));
    }
    blocks
}

#[test]
fn a_new_folder_knows_genesis_and_keeps_the_name_it_got() {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        let opened = opened(&folder);
        assert_eq!(opened.node, NodeId([9; 16]));
        assert_eq!((opened.loaded.tip, opened.loaded.headers.len()), (genesis(), 0));
        assert_eq!(opened.peers, []);
        closed(opened);
    }
    let again = open(folder.path(), &Params::regtest(), NodeId([8; 16])).expect("a good folder");
    assert_eq!(again.node, NodeId([9; 16]), "a name is for ever");
}

#[test]
fn everything_comes_back_in_the_order_of_its_arrival() {
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = chain(genesis(), 1, 1, 30);
    // As a sync gets them: some before their parents, and one branch beside.
    let mut arrived: Vec<&Block> = blocks.iter().collect();
    arrived.swap(3, 7);
    arrived.swap(20, 25);
    let side = chain(blocks[9].hash(), 11, 2, 3);
    arrived.extend(&side);
    let first = opened(&folder);
    let mut committed = first.committed;
    for (seq, block) in arrived.iter().enumerate() {
        let tip = if seq < 30 { blocks[29].hash() } else { side[2].hash() };
        first.store.submit(Batch { tip, ..batch(seq as u64, &[block], &[]) });
    }
    for seq in 0..33 {
        assert_eq!(committed.wait(), Some(Ok(seq)));
    }
    let size = (first.store.blocks(), first.store.bytes());
    drop(first.store);
    drop(first.folder);
    let again = opened(&folder);
    assert_eq!(hashes(&again.loaded), arrived.iter().map(|block| block.hash()).collect::<Vec<_>>());
    assert_eq!(again.loaded.tip, side[2].hash());
    assert_eq!((again.store.blocks(), again.store.bytes()), size);
    for block in &arrived {
        assert_eq!(read(&again.store, &block.hash()), Some(encoding::encode(*block).into()));
        for id in block.ids() {
            assert!(find(&again.store, &id).contains(&block.hash()));
        }
    }
}

/// What a long chain costs at the start. `cargo test --release --lib long_chain -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a check"]
fn a_long_chain_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = opened(&folder);
    let mut committed = first.committed;
    let (mut parent, count) = (genesis(), 100_000);
    let begun = std::time::SystemTime::UNIX_EPOCH;
    let secs = |from: std::time::Duration, to: std::time::Duration| (to - from).as_secs_f64();
    #[allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]
    let now = || std::time::SystemTime::now().duration_since(begun).expect("after 1970");
    let memory = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("VmRSS: unknown").to_owned()
    };
    let start = now();
    for seq in 0..count / 100 {
        let blocks: Vec<Block> = (0..100)
            .map(|at| {
                let next = block(parent, seq * 100 + at + 1, 1, &[]);
                parent = next.hash();
                next
            })
            .collect();
        first.store.submit(batch(seq, &blocks.iter().collect::<Vec<_>>(), &[]));
        // As the driver does, not more than some in flight.
        if seq >= 10 {
            committed.wait().expect("a number").expect("a commit");
        }
    }
    first.store.close().expect("closed");
    drop((first.store, first.folder));
    println!("{count} blocks written: {:.2} s, {}", secs(start, now()), memory());
    let start = now();
    let again = opened(&folder);
    println!("opened: {:.3} s, {}", secs(start, now()), memory());
    assert_eq!(again.loaded.headers.len() as u64, count);
    drop(again.loaded);
    println!("its headers handed on: {}", memory());
    let size = std::fs::metadata(folder.path().join(crate::store::CHAIN_FILE)).expect("a file").len();
    println!("{} bytes of blocks in a file of {size}", again.store.bytes());
}

#[test]
fn what_was_forgotten_stays_forgotten_and_its_number_is_nobodys() {
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = chain(genesis(), 1, 1, 5);
    let first = opened(&folder);
    first.store.submit(batch(1, &blocks.iter().collect::<Vec<_>>(), &[blocks[4].hash(), blocks[1].hash()]));
    closed(first);
    let again = opened(&folder);
    assert_eq!(hashes(&again.loaded), [0, 2, 3].map(|at: usize| blocks[at].hash()));
    assert_eq!(find(&again.store, &blocks[1].ids()[0]), []);
    again.store.submit(batch(1, &[&blocks[1]], &[]));
    closed(again);
    let again = opened(&folder);
    assert_eq!(hashes(&again.loaded), [0, 2, 3, 1].map(|at: usize| blocks[at].hash()));
    assert_eq!(find(&again.store, &blocks[1].ids()[0]), [blocks[1].hash()]);
}

#[test]
fn what_waits_waits_on_in_its_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let waiting: Vec<Transaction> = (0..10).map(content).collect();
    let first = opened(&folder);
    let put = |seq, come: &[Transaction], gone: &[&Transaction]| Batch {
        waiting: come.iter().map(Waiting::from).collect(),
        gone: gone.iter().map(|transaction| transaction.id()).collect(),
        tip: genesis(),
        ..batch(seq, &[], &[])
    };
    first.store.submit(put(1, &waiting[..6], &[]));
    first.store.submit(put(2, &waiting[6..], &[&waiting[0], &waiting[7]]));
    closed(first);
    let again = opened(&folder);
    let kept = [1, 2, 3, 4, 5, 6, 8, 9].map(|at: usize| waiting[at].clone());
    assert_eq!(again.loaded.waiting, kept);
    again.store.submit(put(1, &waiting[..1], &[&waiting[9]]));
    closed(again);
    let kept = [1, 2, 3, 4, 5, 6, 8, 0].map(|at: usize| waiting[at].clone());
    assert_eq!(opened(&folder).loaded.waiting, kept);
}

#[test]
fn the_index_catches_up_whatever_was_in_it_when_the_node_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = chain(genesis(), 1, 1, 40);
    for (round, part) in blocks.chunks(8).enumerate() {
        let opened = opened(&folder);
        for (seq, block) in part.iter().enumerate() {
            opened.store.submit(batch(seq as u64, &[block], &[]));
        }
        // Some rounds end as soon as the last is submitted, some once all is told.
        if round % 2 == 0 {
            let mut committed = opened.committed;
            for seq in 0..8 {
                assert_eq!(committed.wait(), Some(Ok(seq)));
            }
        }
        for block in &blocks[..8 * (round + 1)] {
            for id in block.ids() {
                assert_eq!(find(&opened.store, &id), [block.hash()]);
            }
        }
    }
}

/// Row 65 of docs/hostile.md.
#[test]
fn a_folder_is_one_nodes_for_as_long_as_its_store_is_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let Opened { store, folder: ours, .. } = opened(&folder);
    let refused = || open(folder.path(), &Params::regtest(), NodeId([9; 16])).err();
    assert!(matches!(refused(), Some(OpenError::Locked { .. })));
    drop(ours);
    assert!(matches!(refused(), Some(OpenError::Locked { .. })), "its store may still write");
    drop(store);
    assert!(refused().is_none());
}

#[test]
fn records_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = opened(&folder);
    let address = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let record = Record { http: Some(address(5000)), ..record(first.node) };
    let peers = vec![
        Peer {
            node: Some(NodeId([2; 16]).to_string()),
            address: address(6001),
            dial: false,
            reached: Some(1_767_225_600),
        },
        Peer { node: None, address: address(6002), dial: true, reached: None },
    ];
    first.folder.write_record(&record).expect("written");
    first.folder.write_peers(&peers).expect("written");
    let bans =
        [Ban { host: [10, 0, 0, 1].into(), until: 1_767_225_600, why: "headers that are not linked".into() }];
    first.folder.write_bans(&bans).expect("written");
    closed(first);
    let again = opened(&folder);
    assert_eq!(again.peers, peers);
    assert_eq!(again.bans, bans);
    assert_eq!(again.folder.read_record().expect("good"), Some(record));
}
