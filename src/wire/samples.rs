//! Messages for the tests of the wire: a fixed list with every kind in it, and any message at all.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::encoding::{Blob, List, Text};
use crate::limits::MAX_PEERS;
use crate::params::{NetworkId, Params};
use crate::types::{Block, BlockHash, Coinbase, Content, Header, NodeId, ShortId, Transaction, TxId};
use crate::wire::manage::{
    Command, Event, Fault, Ids, Introduction, Manage, Mined, Origin, Outcome, Place, Report, SeenBlock,
    Status, What,
};
use crate::wire::message::{
    BlockTransactions, Bye, ByeReason, CompactBlock, GetBlockTransactions, GetHeaders, Hello, Kind, Message,
    NewBlock, PeerAddress, Ping, Role,
};

const REASONS: [ByeReason; 11] = [
    ByeReason::ShuttingDown,
    ByeReason::WrongNetwork,
    ByeReason::BadVersion,
    ByeReason::SelfConnection,
    ByeReason::Duplicate,
    ByeReason::TooManyPeers,
    ByeReason::Timeout,
    ByeReason::Misbehaviour,
    ByeReason::NotAuthorised,
    ByeReason::Requested,
    ByeReason::Cut,
];

/// Every kind, the empty and the full of its lists, every variant of its enums.
pub fn messages() -> Vec<Message> {
    let params = Params::lab(20, Some(10)).expect("good rules");
    let block = Arc::new(params.genesis().clone());
    let hashes = [BlockHash::ZERO, params.genesis_hash()];
    let ids = [TxId([7; 32]), TxId([8; 32])];
    let content =
        Transaction::Content(Content { nonce: 9, data: b"hello".to_vec().try_into().expect("short") });
    let hello = Hello {
        min_version: 1,
        max_version: 3,
        network: params.network(),
        node: NodeId([2; 16]),
        role: Role::Node,
        listen_port: 7700,
        challenge: [3; 32],
        agent: Text::clipped("p2pnode/0.1.0"),
        best_work: [4; 32],
        best_height: 5,
        time: 1_700_000_000_000,
    };
    let mut messages = vec![
        Message::Hello(Hello {
            role: Role::Manager, agent: Text::clipped(&"ä".repeat(32)), ..hello.clone()
        }),
        Message::Hello(hello),
        Message::Ping(Ping { nonce: 1 }),
        Message::Pong(Ping { nonce: u64::MAX }),
        Message::GetPeers,
        Message::Peers(List::default()),
        Message::Peers(List::clipped([SocketAddr::from((Ipv6Addr::LOCALHOST, 7701)); MAX_PEERS])),
        Message::GetHeaders(GetHeaders { locator: List::default(), stop: None }),
        Message::GetHeaders(GetHeaders { locator: List::clipped([hashes[1]; 64]), stop: Some(hashes[0]) }),
        Message::Headers(List::default()),
        Message::Headers(List::clipped(core::iter::repeat_n(block.header, 2000))),
        Message::GetBlocks(List::clipped(hashes)),
        Message::GetBlocks(List::clipped([hashes[1]; 16])),
        Message::Block(Arc::clone(&block)),
        Message::Block(Arc::new(Params::mainnet().genesis().clone())),
        Message::NotFound(List::clipped(hashes)),
        Message::NewBlock(NewBlock::Announce(block.header)),
        Message::NewBlock(NewBlock::Compact(CompactBlock {
            header: block.header,
            nonce: 1,
            coinbase: block.transactions[0].clone(),
            short_ids: List::clipped([ShortId([9; 6]); 50_000 - 1]),
        })),
        Message::NewBlock(NewBlock::Push(block)),
        Message::GetBlockTransactions(GetBlockTransactions {
            block: hashes[0],
            places: List::clipped([u16::MAX; 50_000]),
        }),
        Message::BlockTransactions(BlockTransactions {
            block: hashes[1],
            transactions: List::clipped([content.clone()]),
        }),
        Message::HaveTransactions(List::clipped([ids[0]; 1000])),
        Message::GetTransactions(List::clipped(ids)),
        Message::Transactions(List::clipped([content.clone(), content])),
        Message::Transactions(List::default()),
        Message::Manage(Manage { sequence: 1, command: Blob::default(), signature: [5; 64] }),
    ];
    messages.extend(REASONS.map(|reason| {
        let rules = (reason == ByeReason::WrongNetwork).then(|| params.rules().clone());
        Message::Bye(Bye { reason, detail: Text::clipped(&"so long ".repeat(25)), rules })
    }));
    messages.extend(happenings().map(|what| Message::Event(Event { at: 1_700_000_000_000_001, what })));
    messages.extend(outcomes().map(|outcome| Message::Report(Report { sequence: 3, outcome })));
    messages
}

fn outcomes() -> [Outcome; 5] {
    let tip = BlockHash([1; 32]);
    [
        Outcome::Done,
        Outcome::Status(Status {
            height: 2,
            tip,
            peers: 3,
            pool: 4,
            hashrate: 5,
            pool_bytes: 6,
            hashes: 7,
            uptime: 8,
            memory_height: 9,
            memory_tip: BlockHash([2; 32]),
        }),
        Outcome::Mined(Mined { hash: tip, height: 2, nonce: 3, tries: 4, micros: 5 }),
        Outcome::Submitted(TxId([7; 32])),
        Outcome::Failed(Text::clipped(&"no".repeat(100))),
    ]
}

fn happenings() -> [What; 13] {
    let (hash, node) = (BlockHash([1; 32]), NodeId([6; 16]));
    let place = |height| Place { hash, height };
    let ids = || Ids { first: List::clipped([TxId([7; 32]); 16]), count: 17 };
    let why = || Text::clipped(&"so long ".repeat(25));
    [
        What::PeerReady { node, outbound: true },
        What::PeerGone { node, why: why() },
        What::TipChanged { tip: hash, height: 7, work: [8; 32], reverted: 1 },
        What::BlockSeen(SeenBlock {
            hash,
            previous: hash,
            height: u64::MAX,
            time: 1,
            bits: crate::types::CompactTarget(0x1e0f_ffff),
            work: [8; 32],
            transactions: 2,
            bytes: 3,
            origin: Origin::Loaded,
            from: Some(node),
            miner: node,
            content: Text::clipped(&"ä".repeat(40)),
        }),
        What::BlockMined { hash, height: 1, tries: 2 },
        What::BlockRefused {
            hash,
            previous: hash,
            height: Some(3),
            rule: Text::clipped(&"rule".repeat(10)),
            why: why(),
            from: Some(node),
        },
        What::Reorg { old: place(9), new: place(10), ancestor: place(7), depth: 2, returned: ids() },
        What::PoolChanged { count: 1, bytes: 2, came: ids(), went: ids() },
        What::MiningSet { hashrate: 1 },
        What::MiningPaused { until: 1_700_000_000_000_000 },
        What::FaultsSet { cut: 1, slow: 2 },
        What::StoreFailed { why: why() },
        What::Clock { offset: i64::MIN, peers: 3, is_off: true },
    ]
}

/// Every command, with both families of addresses.
pub fn commands() -> Vec<Command> {
    let content: Blob<{ crate::limits::MAX_CONTENT_BYTES }> = b"hello".to_vec().try_into().expect("short");
    let at = |node, address: SocketAddr, dial| Introduction { peer: PeerAddress { node, address }, dial };
    vec![
        Command::Register(List::clipped([
            at(None, (Ipv4Addr::LOCALHOST, 7700).into(), true),
            at(Some(NodeId([2; 16])), (Ipv6Addr::LOCALHOST, 7701).into(), false),
        ])),
        Command::Status,
        Command::Mine { content: None },
        Command::Mine { content: Some(content.clone()) },
        Command::SetMining { hashrate: 120_000 },
        Command::Submit { content },
        Command::Subscribe,
        Command::Shutdown,
        Command::SetFaults { faults: List::default() },
        Command::SetFaults {
            faults: List::clipped([Fault { cut: true, ..Fault::none(NodeId([2; 16])) }; 1000]),
        },
        Command::Forget { nodes: List::clipped([NodeId([2; 16]); 1000]) },
        Command::CancelMining { sequence: u64::MAX },
    ]
}

fn compact() -> impl Strategy<Value = CompactBlock> {
    let short_ids = vec(any::<[u8; 6]>().prop_map(ShortId), 0..9);
    (header(), any::<u64>(), transaction(), short_ids).prop_map(|(header, nonce, coinbase, short_ids)| {
        CompactBlock { header, nonce, coinbase, short_ids: List::clipped(short_ids) }
    })
}

fn header() -> impl Strategy<Value = Header> {
    vec(any::<u8>(), Header::LEN)
        .prop_map(|bytes| Header::from_bytes(&bytes.try_into().expect("so many bytes")))
}

fn hashes<const MAX: usize>() -> impl Strategy<Value = List<BlockHash, MAX>> {
    vec(any::<[u8; 32]>().prop_map(BlockHash), 0..=MAX).prop_map(List::clipped)
}

fn ids<const MAX: usize>() -> impl Strategy<Value = List<TxId, MAX>> {
    vec(any::<[u8; 32]>().prop_map(TxId), 0..20).prop_map(List::clipped)
}

fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    any::<String>().prop_map(|text| Text::clipped(&text))
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let coinbase =
        (any::<[u8; 16]>(), any::<(u64, u64)>(), text()).prop_map(|(miner, (height, extra), note)| {
            Transaction::Coinbase(Coinbase { height, miner: NodeId(miner), extra_nonce: extra, note })
        });
    let content = (any::<u64>(), vec(any::<u8>(), 0..200)).prop_map(|(nonce, data)| {
        Transaction::Content(Content { nonce, data: data.try_into().expect("short") })
    });
    prop_oneof![coinbase, content]
}

fn block() -> impl Strategy<Value = Arc<Block>> {
    (header(), vec(transaction(), 0..5)).prop_map(|(header, transactions)| {
        Arc::new(Block { header, transactions: List::clipped(transactions) })
    })
}

/// As it is sent: flow label and scope are not.
fn unscoped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// Any message: of the fixed list, or with fields that nobody chose.
pub fn any_message() -> impl Strategy<Value = Message> {
    let hello = (any::<[u8; 32]>(), any::<[u8; 16]>(), text(), any::<(u16, u16, u64, u64)>(), any::<bool>())
        .prop_map(|(bytes, node, agent, (low, high, best_height, time), manages)| {
            Message::Hello(Hello {
                min_version: low,
                max_version: high,
                network: NetworkId(bytes),
                node: NodeId(node),
                role: if manages { Role::Manager } else { Role::Node },
                listen_port: low ^ high,
                challenge: bytes,
                agent,
                best_work: bytes,
                best_height,
                time,
            })
        });
    let bye = (proptest::sample::select(&REASONS[..]), text())
        .prop_map(|(reason, detail)| Message::Bye(Bye { reason, detail, rules: None }));
    let manage =
        (any::<u64>(), vec(any::<u8>(), 0..300), any::<u8>()).prop_map(|(sequence, command, byte)| {
            Message::Manage(Manage {
                sequence,
                command: command.try_into().expect("short"),
                signature: [byte; 64],
            })
        });
    prop_oneof![
        proptest::sample::select(messages()),
        hello,
        bye,
        manage,
        any::<u64>().prop_map(|nonce| Message::Pong(Ping { nonce })),
        (hashes(), proptest::option::of(any::<[u8; 32]>().prop_map(BlockHash)))
            .prop_map(|(locator, stop)| Message::GetHeaders(GetHeaders { locator, stop })),
        vec(header(), 0..20).prop_map(|headers| Message::Headers(List::clipped(headers))),
        vec(any::<SocketAddr>().prop_map(unscoped), 0..9).prop_map(|all| Message::Peers(List::clipped(all))),
        hashes().prop_map(Message::GetBlocks),
        hashes().prop_map(Message::NotFound),
        block().prop_map(Message::Block),
        block().prop_map(|block| Message::NewBlock(NewBlock::Push(block))),
        header().prop_map(|header| Message::NewBlock(NewBlock::Announce(header))),
        compact().prop_map(|compact| Message::NewBlock(NewBlock::Compact(compact))),
        (any::<[u8; 32]>(), vec(any::<u16>(), 0..9)).prop_map(|(block, places)| {
            Message::GetBlockTransactions(GetBlockTransactions {
                block: BlockHash(block),
                places: List::clipped(places),
            })
        }),
        (any::<[u8; 32]>(), vec(transaction(), 0..9)).prop_map(|(block, all)| {
            Message::BlockTransactions(BlockTransactions {
                block: BlockHash(block),
                transactions: List::clipped(all),
            })
        }),
        ids().prop_map(Message::HaveTransactions),
        ids().prop_map(Message::GetTransactions),
        vec(transaction(), 0..9).prop_map(|all| Message::Transactions(List::clipped(all))),
    ]
}

#[test]
fn every_kind_is_in_the_list() {
    let listed: std::collections::BTreeSet<Kind> = messages().iter().map(Message::kind).collect();
    assert!(listed.iter().eq(Kind::ALL.iter()), "{listed:?}");
}
