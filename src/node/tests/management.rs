//! The manager's plane: obeyed if signed, and only then.

use ed25519_dalek::SigningKey;

use super::*;
use crate::encoding::{Blob, List, Text};
use crate::node::io::{ConnId, Direction};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::NodeId;
use crate::wire::manage::{
    Binding, CANCELLED, Command, Fault, Introduction, Manage, ManagerKey, Origin, Outcome, Refusal, Report,
    STOPPING, What,
};
use crate::wire::message::{Hello, Message, PeerAddress, Role};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn managed() -> Alice {
    Alice::managed(1, Params::regtest(), ManagerKey::of(&key(1)))
}

/// A manager calls, and learns what its signatures are bound to.
fn call(alice: &mut Alice) -> (ConnId, Binding) {
    let conn = alice.connected(alice::address(90), Direction::Inbound);
    let hello = Hello { role: Role::Manager, listen_port: 0, ..bob(90, &alice.params) };
    alice.received(conn, Message::Hello(hello));
    let said = alice.said(conn);
    let [Message::Hello(hello)] = &said[..] else { panic!("{said:?}") };
    (conn, Binding { network: hello.network, node: hello.node, challenge: hello.challenge })
}

fn tell(alice: &mut Alice, (conn, binding): (ConnId, Binding), sequence: u64, command: &Command) {
    alice.received(conn, Message::Manage(binding.sign(&key(1), sequence, command)));
}

fn report(alice: &mut Alice, conn: ConnId) -> Outcome {
    let said = alice.said(conn);
    match &said[..] {
        [Message::Report(Report { outcome, .. }), ..] => outcome.clone(),
        _ => panic!("{said:?}"),
    }
}

#[test]
fn a_node_without_a_key_obeys_nobody() {
    let mut alice = Alice::new(1, Params::regtest());
    let conn = alice.connected(alice::address(90), Direction::Inbound);
    let hello = Hello { role: Role::Manager, ..bob(90, &alice.params) };
    alice.received(conn, Message::Hello(hello));
    assert!(matches!(alice.closed[&conn], Disconnect::NoManager(_)));
}

/// Hostile row 55: all places for callers are taken, and the manager has its own.
#[test]
fn a_manager_finds_its_place_when_all_others_are_taken() {
    let mut alice = managed();
    for n in 0..crate::limits::MAX_INBOUND as u16 + 10 {
        let conn = alice.connected(alice::address(80), Direction::Inbound);
        let node = NodeId(core::array::from_fn(|at| if at < 2 { n.to_le_bytes()[at] } else { 7 }));
        let hello = Hello { node, ..bob(80, &alice.params) };
        alice.received(conn, Message::Hello(hello));
    }
    assert_eq!(alice.node.view().peers().len(), crate::limits::MAX_INBOUND);
    let manager = call(&mut alice);
    tell(&mut alice, manager, 1, &Command::Status);
    assert!(matches!(report(&mut alice, manager.0), Outcome::Status(_)));
}

#[test]
fn a_manager_registers_asks_mines_submits_and_ends_a_node() {
    let mut alice = managed();
    let manager = call(&mut alice);
    let conn = manager.0;
    let peer = |n: u8| PeerAddress { node: Some(NodeId([n; 16])), address: alice::address(n) };
    let introductions =
        [Introduction { peer: peer(2), dial: true }, Introduction { peer: peer(3), dial: false }];
    tell(&mut alice, manager, 1, &Command::Register(List::clipped(introductions)));
    assert_eq!(report(&mut alice, conn), Outcome::Done);
    assert_eq!(alice.dials, [alice::address(2)]);
    assert_eq!(alice.node.view().known_nodes().len(), 2, "it knows both");

    tell(&mut alice, manager, 2, &Command::Mine { content: None });
    let hash = alice.find_block();
    assert!(matches!(report(&mut alice, conn), Outcome::Mined(mined) if mined.hash == hash));
    let content: Blob<_> = b"hi".to_vec().try_into().expect("short");
    tell(&mut alice, manager, 3, &Command::Submit { content });
    assert!(matches!(report(&mut alice, conn), Outcome::Submitted(_)));
    tell(&mut alice, manager, 4, &Command::SetMining { hashrate: 5 });
    assert_eq!(report(&mut alice, conn), Outcome::Done);
    tell(&mut alice, manager, 5, &Command::Status);
    let Outcome::Status(status) = report(&mut alice, conn) else { panic!("a status") };
    assert_eq!((status.height, status.tip, status.peers, status.pool, status.hashrate), (1, hash, 0, 1, 5));
    // Whoever waits for a block learns that none will come; only the stop itself is done.
    tell(&mut alice, manager, 6, &Command::Mine { content: None });
    tell(&mut alice, manager, 7, &Command::Shutdown);
    let said: Vec<(u64, Outcome)> = reports(&alice.said(conn));
    let stopping = Outcome::Failed(Text::clipped(STOPPING));
    assert_eq!(said, [(6, stopping), (7, Outcome::Done)]);
    assert!(alice.stopped);
}

fn reports(said: &[Message]) -> Vec<(u64, Outcome)> {
    let report = |message: &Message| match message {
        Message::Report(report) => Some((report.sequence, report.outcome.clone())),
        _ => None,
    };
    said.iter().filter_map(report).collect()
}

/// A manager's connection that has subscribed with the command `sequence`.
fn subscribed(alice: &mut Alice, sequence: u64) -> ConnId {
    let manager = call(alice);
    tell(alice, manager, sequence, &Command::Subscribe);
    manager.0
}

/// What was told on `conn` since the last look, with its times.
fn told(alice: &mut Alice, conn: ConnId) -> Vec<(u64, What)> {
    let event = |message: Message| match message {
        Message::Event(event) => Some((event.at, event.what)),
        _ => None,
    };
    alice.said(conn).into_iter().filter_map(event).collect()
}

/// The same, in short.
fn news(alice: &mut Alice, conn: ConnId) -> Vec<String> {
    let word = |what: What| match what {
        What::PeerReady { node, outbound } => format!("ready {} {outbound}", node.0[0]),
        What::PeerGone { node, why } => format!("gone {}: {why}", node.0[0]),
        What::TipChanged { height, reverted, .. } => format!("tip {height} -{reverted}"),
        What::BlockSeen(block) => {
            let from = block.from.map_or(0, |node| node.0[0]);
            format!("seen {} {} by {from} {:?}", block.height, block.origin.name(), block.content.as_str())
        }
        What::BlockMined { height, .. } => format!("mined {height}"),
        What::BlockRefused { height, rule, .. } => format!("refused {height:?} {rule}"),
        What::Reorg { old, new, ancestor, depth, returned } => format!(
            "reorg {}-{} from {} depth {depth} returned {}",
            old.height, new.height, ancestor.height, returned.count
        ),
        What::PoolChanged { count, came, went, .. } => {
            format!("pool {count} +{} -{}", came.count, went.count)
        }
        What::MiningSet { hashrate } => format!("mining {hashrate}"),
        What::MiningPaused { .. } => "paused".to_owned(),
        What::FaultsSet { cut, slow } => format!("faults {cut} {slow}"),
        What::StoreFailed { why } => format!("store: {why}"),
        What::Clock { offset, peers, is_off } => format!("clock {offset} of {peers} {is_off}"),
    };
    told(alice, conn).into_iter().map(|(_, what)| word(what)).collect()
}

#[test]
fn a_manager_that_subscribed_hears_what_is_and_what_happens() {
    let mut alice = managed();
    alice.meet(2);
    let manager = subscribed(&mut alice, 1);
    let stands =
        ["ready 2 false", "seen 0 loaded by 0 \"\"", "tip 0 -0", "pool 0 +0 -0", "mining 0", "faults 0 0"];
    assert_eq!(news(&mut alice, manager), stands);
    let conn = alice.meet(3);
    assert_eq!(news(&mut alice, manager), ["ready 3 false"]);
    alice.input(crate::node::io::Input::Closed(conn, Disconnect::Ended));
    assert_eq!(news(&mut alice, manager), ["gone 3: closed by the peer"]);
    let at = alice.now.wall.plus(secs(60)).micros();
    let tip = alice.mine(1)[0];
    let told = told(&mut alice, manager);
    assert!(told.iter().all(|(when, _)| *when == at), "{told:?}");
    // The store of this test is done before the miner is told of it.
    let [(_, What::BlockSeen(block)), (_, What::TipChanged { tip: new, .. }), (_, What::BlockMined { .. })] =
        &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((block.hash, block.miner, block.transactions), (tip, NodeId([1; 16]), 1));
    assert_eq!((block.previous, *new), (alice.params.genesis_hash(), tip));
    alice.command(1, crate::node::io::Command::SetMining(7));
    assert_eq!(news(&mut alice, manager), ["mining 7"]);
}

#[test]
fn a_manager_is_told_of_a_wrong_clock_whenever_it_comes() {
    let mut alice = managed();
    let first = subscribed(&mut alice, 1);
    for n in 2..5 {
        alice.meet_at(n, alice.now.wall.plus(secs(3 * 3600)).millis());
    }
    news(&mut alice, first);
    alice.elapse(secs(1));
    assert_eq!(news(&mut alice, first), ["clock 10800000 of 3 true"]);
    let later = subscribed(&mut alice, 1);
    assert_eq!(news(&mut alice, later).last().map(String::as_str), Some("clock 10800000 of 3 true"));
    alice.now.wall = alice.now.wall.plus(secs(3 * 3600));
    alice.elapse(secs(1));
    assert_eq!(news(&mut alice, first), ["clock 0 of 3 false"]);
    let last = subscribed(&mut alice, 1);
    assert!(!news(&mut alice, last).iter().any(|word| word.starts_with("clock")), "all is well");
}

#[test]
fn what_the_wire_tells_of_a_reorg_is_in_the_order_of_what_happened() {
    let mut miner = Alice::new(2, Params::regtest());
    let theirs = miner.mine(2);
    let mut alice = managed();
    alice.now = miner.now;
    let manager = subscribed(&mut alice, 1);
    let content: Blob<_> = b"mine".to_vec().try_into().expect("short");
    alice.command(1, crate::node::io::Command::Submit(content));
    alice.mine(1);
    let peer = alice.meet(2);
    alice.said(manager);
    let header = |hash| *miner.stored.get(hash).expect("a mined block").header();
    alice.received(peer, Message::Headers(List::clipped(theirs.iter().map(header))));
    for hash in &theirs {
        alice.received(peer, miner.block(hash));
    }
    let reorg = [
        "seen 1 requested by 2 \"\"",
        "seen 2 requested by 2 \"\"",
        "pool 1 +1 -0",
        "reorg 1-2 from 0 depth 1 returned 1",
        "tip 2 -1",
    ];
    assert_eq!(news(&mut alice, manager), reorg);
    // Whoever comes later is told of both branches, and when their blocks came.
    let later = subscribed(&mut alice, 1);
    let seen: Vec<String> =
        news(&mut alice, later).into_iter().filter(|word| word.starts_with("seen")).collect();
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert!(seen.contains(&"seen 1 mined by 0 \"mine\"".to_owned()), "{seen:?}");
}

#[test]
fn a_node_that_started_again_tells_of_the_blocks_that_it_had() {
    let mut alice = managed();
    let hashes = alice.mine(300);
    let mut alice = alice.started_again();
    let manager = subscribed(&mut alice, 1);
    let seen: Vec<_> = told(&mut alice, manager)
        .into_iter()
        .filter_map(|(_, what)| match what {
            What::BlockSeen(block) => Some(block),
            _ => None,
        })
        .collect();
    assert_eq!(seen.len(), 256);
    assert!(seen.iter().map(|block| &block.hash).eq(&hashes[44..]), "ascending, the newest");
    assert!(seen.iter().all(|block| block.origin == Origin::Loaded && block.miner == NodeId([1; 16])));
    assert!(alice.node.view().pool().is_empty(), "reading them back put nothing into the pool");
}

/// Row 89 of docs/hostile.md.
#[test]
fn faults_that_cannot_be_are_named_and_change_nothing() {
    let mut alice = managed();
    let manager = call(&mut alice);
    let fault = |n: u8| Fault::none(NodeId([n; 16]));
    let good = Fault { cut: true, ..fault(2) };
    let slow = Fault { latency_micros: 60_000_000, jitter_micros: 60_000_000, loss_ppm: 900_000, ..fault(3) };
    let rows: [(Vec<Fault>, Option<&str>); 7] = [
        (vec![], None),
        (vec![good, slow], None),
        (vec![good, Fault { latency_micros: 60_000_001, ..fault(3) }], Some("latency of 60000001")),
        (vec![Fault { latency_micros: 1, jitter_micros: 2, ..fault(3) }], Some("jitter of 2")),
        (vec![Fault { loss_ppm: 900_001, ..fault(3) }], Some("loss of 900001")),
        (vec![good, good], Some("has a fault already")),
        (vec![fault(1)], Some("this node itself")),
    ];
    for (sequence, (faults, refused)) in (1..).zip(rows) {
        let faults = List::try_from(faults).expect("few");
        tell(&mut alice, manager, sequence, &Command::SetFaults { faults });
        match (report(&mut alice, manager.0), refused) {
            (Outcome::Done, None) => {}
            (Outcome::Failed(why), Some(part)) => assert!(why.as_str().contains(part), "{why}"),
            (outcome, _) => panic!("{outcome:?}, not {refused:?}"),
        }
    }
    let later = subscribed(&mut alice, 1);
    assert!(news(&mut alice, later).contains(&"faults 1 1".to_owned()), "those of the second row");
}

#[test]
fn nodes_that_are_forgotten_are_let_go_and_dialled_no_more() {
    let mut alice = managed();
    let manager = call(&mut alice);
    let peer = |n: u8| PeerAddress { node: Some(NodeId([n; 16])), address: alice::address(n) };
    let introductions = [2, 3].map(|n| Introduction { peer: peer(n), dial: true });
    tell(&mut alice, manager, 1, &Command::Register(List::clipped(introductions)));
    let caller = alice.meet(2);
    let nodes = List::clipped([2, 3, 9].map(|n| NodeId([n; 16])));
    tell(&mut alice, manager, 2, &Command::Forget { nodes });
    assert_eq!(alice.closed.get(&caller), Some(&Disconnect::Requested));
    assert_eq!(alice.node.view().known_nodes(), []);
    alice.dials.clear();
    for n in [2, 3] {
        alice.input(crate::node::io::Input::DialFailed { address: alice::address(n), error: String::new() });
    }
    alice.elapse(secs(120));
    assert_eq!(alice.dials, []);
}

/// Two calls wait; the second is cancelled, then the first, one that is answered, and one that never was.
#[test]
fn a_mining_call_that_is_cancelled_fails_and_no_block_is_mined_for_it() {
    let mut alice = managed();
    let manager = call(&mut alice);
    tell(&mut alice, manager, 1, &Command::Mine { content: None });
    tell(&mut alice, manager, 2, &Command::Mine { content: None });
    assert_eq!(alice.node.view().mining().waiting, 2);
    for (sequence, (cancelled, waited)) in (3..).zip([(2, true), (1, true), (1, false), (9, false)]) {
        tell(&mut alice, manager, sequence, &Command::CancelMining { sequence: cancelled });
        let told = reports(&alice.said(manager.0));
        let failed = (cancelled, Outcome::Failed(Text::clipped(CANCELLED)));
        let expected = waited.then_some(failed).into_iter().chain([(sequence, Outcome::Done)]);
        assert_eq!(told, expected.collect::<Vec<_>>(), "{cancelled}");
    }
    assert_eq!(alice.node.view().mining().waiting, 0);
}

/// Row 87 of docs/hostile.md.
#[test]
fn what_is_not_the_managers_is_not_obeyed_and_closes() {
    let shutdown = Command::Shutdown;
    type Forge = fn(Binding) -> Manage;
    let forgeries: [(Forge, Refusal); 7] = [
        (|binding| binding.sign(&key(2), 1, &Command::Shutdown), Refusal::Signature),
        (|binding| binding.sign(&key(1), 2, &Command::Shutdown), Refusal::Sequence { got: 2, expected: 1 }),
        (
            |binding| Binding { challenge: [0; 32], ..binding }.sign(&key(1), 1, &Command::Shutdown),
            Refusal::Signature,
        ),
        (
            |binding| Binding { node: NodeId([8; 16]), ..binding }.sign(&key(1), 1, &Command::Shutdown),
            Refusal::Signature,
        ),
        (
            |binding| {
                let network = Params::lab(8, None).expect("a network").network();
                Binding { network, ..binding }.sign(&key(1), 1, &Command::Shutdown)
            },
            Refusal::Signature,
        ),
        (
            |binding| Manage { signature: [0; 64], ..binding.sign(&key(1), 1, &Command::Shutdown) },
            Refusal::Signature,
        ),
        (
            |binding| {
                let mut manage = binding.sign(&key(1), 1, &Command::Status);
                manage.command = binding.sign(&key(1), 1, &Command::Shutdown).command;
                manage
            },
            Refusal::Signature,
        ),
    ];
    for (forge, refusal) in forgeries {
        let mut alice = managed();
        let (conn, binding) = call(&mut alice);
        alice.received(conn, Message::Manage(forge(binding)));
        assert_eq!(alice.closed[&conn], Disconnect::NotAuthorised(refusal));
        assert!(!alice.stopped);
    }
    // A recorded command is worth nothing on another connection, nor a second time.
    let mut alice = managed();
    let first = call(&mut alice);
    let recorded = first.1.sign(&key(1), 1, &Command::Status);
    alice.received(first.0, Message::Manage(recorded.clone()));
    let second = call(&mut alice);
    alice.received(second.0, Message::Manage(recorded.clone()));
    alice.received(first.0, Message::Manage(recorded));
    assert!(alice.closed[&first.0].is_offence() && alice.closed[&second.0].is_offence());
    let peer = alice.meet(2);
    let manage = first.1.sign(&key(1), 1, &shutdown);
    alice.received(peer, Message::Manage(manage));
    assert!(alice.closed[&peer].is_offence(), "a node is no manager");
    assert!(!alice.stopped);
}

/// Row 21 of docs/hostile.md.
#[test]
fn commands_are_obeyed_once_and_in_their_order() {
    let refused = |got, expected| Some(Refusal::Sequence { got, expected });
    // What is sent, how many of them are obeyed, and what the next one is refused for.
    let rows: [(&[u64], u64, Option<Refusal>); 7] = [
        (&[1, 2, 3], 3, None),
        (&[0], 0, refused(0, 1)),
        (&[1, 1], 1, refused(1, 2)),
        (&[1, 2, 1], 2, refused(1, 3)),
        (&[2, 1], 0, refused(2, 1)),
        (&[1, 3, 2], 1, refused(3, 2)),
        (&[1, u64::MAX], 1, refused(u64::MAX, 2)),
    ];
    for (sequences, obeyed, refusal) in rows {
        let mut alice = managed();
        let manager = call(&mut alice);
        for sequence in sequences {
            tell(&mut alice, manager, *sequence, &Command::SetMining { hashrate: *sequence });
        }
        let reports = alice.said(manager.0).into_iter().filter_map(|message| match message {
            Message::Report(report) => Some((report.sequence, report.outcome)),
            _ => None,
        });
        let expected: Vec<_> = (1..=obeyed).map(|sequence| (sequence, Outcome::Done)).collect();
        assert_eq!(reports.collect::<Vec<_>>(), expected, "{sequences:?}");
        let closed = refusal.map(Disconnect::NotAuthorised);
        assert_eq!(alice.closed.get(&manager.0), closed.as_ref(), "{sequences:?}");
    }
}

/// Row 21 of docs/hostile.md.
#[test]
fn a_recorded_command_is_worth_nothing_at_another_node() {
    let mut alice = managed();
    let mut carol = Alice::managed(2, Params::regtest(), ManagerKey::of(&key(1)));
    let (_, binding) = call(&mut alice);
    let (conn, _) = call(&mut carol);
    carol.received(conn, Message::Manage(binding.sign(&key(1), 1, &Command::Shutdown)));
    assert_eq!(carol.closed[&conn], Disconnect::NotAuthorised(Refusal::Signature));
    assert!(!carol.stopped);
}

/// Row 87 of docs/hostile.md.
#[test]
fn a_manager_of_another_network_is_sent_away_before_it_says_anything() {
    let mut alice = managed();
    let conn = alice.connected(alice::address(90), Direction::Inbound);
    let other = Params::lab(8, None).expect("a network");
    alice.received(conn, Message::Hello(Hello { role: Role::Manager, ..bob(90, &other) }));
    assert_eq!(alice.closed[&conn], Disconnect::WrongNetwork);
}

/// Row 87 of docs/hostile.md.
#[test]
fn who_is_no_manager_cannot_command() {
    let unexpected = |disconnect: &Disconnect| matches!(disconnect, Disconnect::Unexpected(_));
    for (mut alice, whose) in [(managed(), "managed"), (Alice::new(1, Params::regtest()), "nobody's")] {
        // Well signed for this very node, so that nothing but who sends it is wrong.
        let hello = alice.node.identity;
        let binding = Binding { network: hello.network, node: hello.node, challenge: [0; 32] };
        let shutdown = || Message::Manage(binding.sign(&key(1), 1, &Command::Shutdown));
        let peer = alice.meet(2);
        alice.received(peer, shutdown());
        assert!(unexpected(&alice.closed[&peer]), "a node, at a {whose} one: {:?}", alice.closed[&peer]);
        let stranger = alice.connected(alice::address(3), Direction::Inbound);
        alice.received(stranger, shutdown());
        assert!(unexpected(&alice.closed[&stranger]), "one without a Hello, at a {whose} one");
        assert!(!alice.stopped);
    }
}

#[test]
fn a_claimed_manager_that_signs_nothing_goes_like_any_stranger() {
    let mut alice = managed();
    let (conn, _) = call(&mut alice);
    alice.elapse(secs(5));
    assert_eq!(alice.closed[&conn], Disconnect::HandshakeTimeout);
    let manager = call(&mut alice);
    tell(&mut alice, manager, 1, &Command::Status);
    alice.elapse(secs(6));
    assert!(!alice.closed.contains_key(&manager.0), "who has signed stays");
}
