//! What tests/vectors/messages.json and rejected.json are made of.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use p2pnode::encoding::{List, Text};
use p2pnode::limits::{MAX_HANDSHAKE_FRAME_BYTES, MAX_UNKNOWN_FRAME_BYTES};
use p2pnode::params::Params;
use p2pnode::types::{Block, BlockHash, Coinbase, Content, NodeId, ShortIds, Transaction, TxId, Work};
use p2pnode::wire::manage::{
    Binding, Command, Event, Fault, Ids, Introduction, Mined, Origin, Outcome, Place, Report, SeenBlock,
    Status, What,
};
use p2pnode::wire::message::{
    BlockTransactions, Bye, ByeReason, CompactBlock, GetBlockTransactions, GetHeaders, Hello, NewBlock,
    PeerAddress, Ping, Role,
};
use p2pnode::wire::{Kind, Message, frame};

/// The node that is spoken to.
pub const NODE: NodeId = NodeId([0xb0; 16]);
/// Another one.
const OTHER: NodeId = NodeId([0xb1; 16]);
/// The challenge in its Hello.
pub const CHALLENGE: [u8; 32] = [0xc0; 32];
/// The secret half of the manager's key.
pub const SECRET: [u8; 32] = [7; 32];

fn lab() -> Params {
    Params::lab(20, None).expect("good rules")
}

fn moving() -> Params {
    Params::lab(20, Some(10)).expect("good rules")
}

fn hello() -> Hello {
    let params = lab();
    let target = params.genesis().header.bits.to_target().expect("a target");
    Hello {
        min_version: 1,
        max_version: 1,
        network: params.network(),
        node: NodeId(core::array::from_fn(|i| 0xa0 + i as u8)),
        role: Role::Node,
        listen_port: 6001,
        challenge: core::array::from_fn(|i| i as u8),
        agent: Text::clipped("p2pnode/0.1.0"),
        best_work: Work::ZERO.plus(target.work()).to_le_bytes(),
        best_height: 0,
        time: 1_767_225_600_000,
    }
}

/// A content that says `text`.
pub fn content(nonce: u64, text: &str) -> Transaction {
    Transaction::Content(Content { nonce, data: text.as_bytes().to_vec().try_into().expect("short") })
}

/// A block of three transactions; its root and its proof of work are nobody's business here.
fn block() -> Block {
    let coinbase = Transaction::Coinbase(Coinbase {
        height: 1,
        miner: NODE,
        extra_nonce: 2,
        note: Text::clipped("mined by hand"),
    });
    let transactions = List::clipped([coinbase, content(3, "hello"), content(4, "")]);
    let ids: Vec<TxId> = transactions.iter().map(Transaction::id).collect();
    let params = lab();
    let header = p2pnode::types::Header {
        previous: params.genesis_hash(),
        merkle_root: p2pnode::types::merkle::root(&ids).0,
        time: 1_767_225_601,
        nonce: 0x0102_0304,
        ..params.genesis().header
    };
    Block { header, transactions }
}

/// All commands, with both families of addresses.
pub fn commands() -> Vec<(&'static str, Command)> {
    let data = || b"hello".to_vec().try_into().expect("short");
    let at = |node, address: SocketAddr, dial| Introduction { peer: PeerAddress { node, address }, dial };
    let cut = Fault { cut: true, ..Fault::none(OTHER) };
    let slow = Fault {
        latency_micros: 80_000,
        jitter_micros: 20_000,
        loss_ppm: 10_000,
        ..Fault::none(NodeId([0xb2; 16]))
    };
    let peers = [
        at(None, (Ipv4Addr::LOCALHOST, 6001).into(), true),
        at(Some(NODE), (Ipv6Addr::LOCALHOST, 6002).into(), false),
    ];
    vec![
        ("nobody", Command::Register(List::default())),
        ("a node to dial and a node to know", Command::Register(List::clipped(peers))),
        ("status", Command::Status),
        ("mine", Command::Mine { content: None }),
        ("mine a content", Command::Mine { content: Some(data()) }),
        ("set mining", Command::SetMining { hashrate: 120_000 }),
        ("submit", Command::Submit { content: data() }),
        ("subscribe", Command::Subscribe),
        ("shutdown", Command::Shutdown),
        ("no faults", Command::SetFaults { faults: List::default() }),
        ("a link cut and a slow one", Command::SetFaults { faults: List::clipped([cut, slow]) }),
        ("nobody to let go of", Command::Forget { nodes: List::default() }),
        ("one to let go of", Command::Forget { nodes: List::clipped([OTHER]) }),
        ("cancel mining", Command::CancelMining { sequence: 3 }),
    ]
}

/// What the manager signs: commands in their order, on one connection.
pub fn binding() -> Binding {
    Binding { network: lab().network(), node: NODE, challenge: CHALLENGE }
}

/// Named messages: every kind, every variant.
pub fn messages() -> Vec<(String, Message)> {
    let (lab, moving, block) = (lab(), moving(), Arc::new(block()));
    let (genesis, tip) = (lab.genesis_hash(), block.hash());
    let ids: Vec<TxId> = block.ids();
    let mut all: Vec<(String, Message)> = Vec::new();
    let mut add = |name: &str, message| all.push((name.to_owned(), message));

    add("a node", Message::Hello(hello()));
    let manager = Hello {
        role: Role::Manager,
        listen_port: 0,
        best_work: [0; 32],
        agent: Text::clipped("networkmngr/0.1.0"),
        ..hello()
    };
    add("a manager", Message::Hello(manager));
    let later = Hello {
        max_version: u16::MAX,
        best_height: u64::MAX,
        agent: Text::clipped("Zoë's node ⛏"),
        ..hello()
    };
    add("a later version", Message::Hello(later));

    for (name, reason, detail, rules) in [
        ("shutting down", ByeReason::ShuttingDown, "shutting down", None),
        ("another network", ByeReason::WrongNetwork, "the peer is on another network", Some(lab.rules())),
        ("another network, which moves", ByeReason::WrongNetwork, "", Some(moving.rules())),
        ("no common version", ByeReason::BadVersion, "we speak versions 1..=1, the peer 7..=9", None),
        ("oneself", ByeReason::SelfConnection, "", None),
        ("a second connection", ByeReason::Duplicate, "", None),
        ("no room", ByeReason::TooManyPeers, "", None),
        ("too slow", ByeReason::Timeout, "", None),
        ("misbehaviour", ByeReason::Misbehaviour, "headers that are not linked", None),
        ("no right", ByeReason::NotAuthorised, "", None),
        ("by request", ByeReason::Requested, "", None),
        ("a cut", ByeReason::Cut, "the link is cut", None),
    ] {
        add(name, Message::Bye(Bye { reason, detail: Text::clipped(detail), rules: rules.cloned() }));
    }

    add("zero", Message::Ping(Ping { nonce: 0 }));
    add("a number", Message::Ping(Ping { nonce: 0x0123_4567_89ab_cdef }));
    add("the same back", Message::Pong(Ping { nonce: 0x0123_4567_89ab_cdef }));
    add("the greatest", Message::Pong(Ping { nonce: u64::MAX }));

    add("where others are", Message::GetPeers);
    add("nobody", Message::Peers(List::default()));
    let peers: [SocketAddr; 2] = [(Ipv4Addr::LOCALHOST, 6001).into(), (Ipv6Addr::LOCALHOST, 6002).into()];
    add("one of each family", Message::Peers(List::clipped(peers)));
    add("from genesis", Message::GetHeaders(GetHeaders { locator: List::clipped([genesis]), stop: None }));
    let locator = List::clipped([tip, genesis]);
    add("up to one", Message::GetHeaders(GetHeaders { locator, stop: Some(tip) }));
    add("nothing known", Message::GetHeaders(GetHeaders { locator: List::default(), stop: None }));
    add("none", Message::Headers(List::default()));
    add("two", Message::Headers(List::clipped([lab.genesis().header, block.header])));

    add("one", Message::GetBlocks(List::clipped([tip])));
    add("three", Message::GetBlocks(List::clipped([genesis, tip, BlockHash::ZERO])));
    add("lab's genesis", Message::Block(Arc::new(lab.genesis().clone())));
    add("a block of three", Message::Block(Arc::clone(&block)));
    add("the one", Message::NotFound(List::clipped([BlockHash::ZERO])));
    add("neither", Message::NotFound(List::clipped([tip, BlockHash::ZERO])));
    add("a small block", Message::NewBlock(NewBlock::Push(Arc::clone(&block))));
    add("a large block's header", Message::NewBlock(NewBlock::Announce(block.header)));
    let short = ShortIds::new(&block.header, 7);
    let compact = CompactBlock {
        header: block.header,
        nonce: 7,
        coinbase: block.transactions[0].clone(),
        short_ids: List::clipped(block.ids()[1..].iter().map(|id| short.of(id))),
    };
    let alone = CompactBlock { short_ids: List::default(), ..compact.clone() };
    add("a block of three, in short", Message::NewBlock(NewBlock::Compact(compact)));
    add("a coinbase alone, in short", Message::NewBlock(NewBlock::Compact(alone)));
    for (name, places) in [("the last", vec![2]), ("both", vec![1, 2]), ("none", vec![])] {
        let places = List::clipped(places);
        add(name, Message::GetBlockTransactions(GetBlockTransactions { block: tip, places }));
    }
    for (name, transactions) in [("the last", &block.transactions[2..]), ("both", &block.transactions[1..])] {
        let transactions = List::clipped(transactions.iter().cloned());
        add(name, Message::BlockTransactions(BlockTransactions { block: tip, transactions }));
    }

    add("one", Message::HaveTransactions(List::clipped([ids[1]])));
    add("two", Message::HaveTransactions(List::clipped([ids[1], ids[2]])));
    add("one", Message::GetTransactions(List::clipped([ids[1]])));
    add("two", Message::GetTransactions(List::clipped([ids[1], ids[2]])));
    add("one", Message::Transactions(List::clipped([content(3, "hello")])));
    add("two", Message::Transactions(List::clipped([content(3, "hello"), content(4, "")])));

    let key = SigningKey::from_bytes(&SECRET);
    for (sequence, (name, command)) in (1..).zip(commands()) {
        add(name, Message::Manage(binding().sign(&key, sequence, &command)));
    }
    let status = Status {
        height: 1,
        tip,
        peers: 2,
        pool: 3,
        hashrate: 120_000,
        pool_bytes: 4,
        hashes: 5,
        uptime: 6,
        memory_height: 2,
        memory_tip: genesis,
    };
    let mined = Mined { hash: tip, height: 1, nonce: 0x0102_0304, tries: 1_048_576, micros: 250_000 };
    for (name, sequence, outcome) in [
        ("done", 1, Outcome::Done),
        ("status", 2, Outcome::Status(status)),
        ("mined", 3, Outcome::Mined(mined)),
        ("submitted", 4, Outcome::Submitted(ids[1])),
        ("failed", 5, Outcome::Failed(Text::clipped("too many mining calls wait already"))),
    ] {
        add(name, Message::Report(Report { sequence, outcome }));
    }
    for (name, what) in happenings(&block, ids[1]) {
        add(name, Message::Event(Event { at: 1_767_225_600_000_001, what }));
    }
    all
}

/// What is told of, every variant, with and without what may be missing.
fn happenings(block: &Block, id: TxId) -> Vec<(&'static str, What)> {
    let (hash, previous) = (block.hash(), block.header.previous);
    let work = Work::ZERO.plus(block.header.bits.to_target().expect("a target").work()).to_le_bytes();
    let place = |height| Place { hash, height };
    let none = Ids::default;
    let one = || Ids { first: List::clipped([id]), count: 1 };
    let seen = SeenBlock {
        hash,
        previous,
        height: 1,
        time: block.header.time,
        bits: block.header.bits,
        work,
        transactions: 3,
        bytes: 300,
        origin: Origin::Pushed,
        from: Some(OTHER),
        miner: NODE,
        content: Text::clipped("hello"),
    };
    let by = |origin| SeenBlock { origin, from: None, content: Text::default(), ..seen.clone() };
    let refused = |height, from| What::BlockRefused {
        hash,
        previous,
        height,
        rule: Text::clipped("BadBits"),
        why: Text::clipped("the bits are not those due"),
        from,
    };
    vec![
        ("a peer came", What::PeerReady { node: OTHER, outbound: false }),
        ("a peer was reached", What::PeerReady { node: OTHER, outbound: true }),
        ("a peer went", What::PeerGone { node: OTHER, why: Text::clipped("closed by the peer") }),
        ("grown", What::TipChanged { tip: hash, height: 1, work, reverted: 0 }),
        ("reorganised", What::TipChanged { tip: hash, height: 9, work, reverted: 2 }),
        ("mined here", What::BlockSeen(by(Origin::Mined))),
        ("put together", What::BlockSeen(SeenBlock { origin: Origin::Compact, ..seen.clone() })),
        ("asked for", What::BlockSeen(SeenBlock { origin: Origin::Requested, ..seen.clone() })),
        ("imported", What::BlockSeen(by(Origin::Imported))),
        ("loaded", What::BlockSeen(by(Origin::Loaded))),
        ("pushed", What::BlockSeen(seen)),
        ("found", What::BlockMined { hash, height: 1, tries: 1_048_576 }),
        ("refused", refused(Some(1), Some(OTHER))),
        ("our own, refused", refused(None, None)),
        (
            "another branch",
            What::Reorg { old: place(8), new: place(9), ancestor: place(6), depth: 2, returned: one() },
        ),
        ("one waits", What::PoolChanged { count: 1, bytes: 25, came: one(), went: none() }),
        ("none waits", What::PoolChanged { count: 0, bytes: 0, came: none(), went: one() }),
        ("mining", What::MiningSet { hashrate: 120_000 }),
        ("mining waits", What::MiningPaused { until: 1_767_225_601_000_000 }),
        ("faults", What::FaultsSet { cut: 1, slow: 2 }),
        ("no store", What::StoreFailed { why: Text::clipped("no space left on device") }),
        ("a clock behind", What::Clock { offset: 10_800_000, peers: 5, is_off: true }),
        ("a clock ahead", What::Clock { offset: -7_200_001, peers: 1, is_off: true }),
        ("a clock set", What::Clock { offset: 0, peers: 5, is_off: false }),
    ]
}

/// (name, whether the handshake is done, the bytes of a stream that then ends)
pub fn rejected() -> Vec<(String, bool, Vec<u8>)> {
    let frame =
        |length: usize, kind: u8, body: &[u8]| [&(length as u32).to_be_bytes()[..], &[kind], body].concat();
    let body = |kind: Kind, body: &[u8]| frame(body.len() + 1, kind as u8, body);
    let count = |count: u64| count.to_le_bytes();
    let ping = frame::encode(&Message::Ping(Ping { nonce: 1 }));
    let mut rows = vec![
        ("the greatest length, early".to_owned(), false, vec![0xff; 4]),
        ("the greatest length".to_owned(), true, vec![0xff; 4]),
        ("no kind, early".to_owned(), false, vec![0; 4]),
        ("no kind".to_owned(), true, vec![0; 4]),
        ("an HTTP request".to_owned(), false, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a TLS greeting".to_owned(), false, vec![0x16, 3, 1, 2, 0, 1, 0, 1]),
        ("an SSH greeting".to_owned(), false, b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        ("an unknown kind, early".to_owned(), false, frame(MAX_HANDSHAKE_FRAME_BYTES + 1, 0x7f, &[])),
        ("an unknown kind".to_owned(), true, frame(MAX_UNKNOWN_FRAME_BYTES + 1, 0x7f, &[])),
    ];
    for kind in Kind::ALL {
        let early = kind.cap().min(MAX_HANDSHAKE_FRAME_BYTES);
        rows.push((format!("{kind} over its cap, early"), false, frame(early + 1, kind as u8, &[])));
        rows.push((format!("{kind} over its cap"), true, frame(kind.cap() + 1, kind as u8, &[])));
        if kind != Kind::GetPeers {
            rows.push((format!("{kind} without a body"), kind != Kind::Hello, frame(1, kind as u8, &[])));
        }
    }
    let mut add = |name: &str, ready, bytes| rows.push((name.to_owned(), ready, bytes));
    add("part of a length", true, ping[..3].to_vec());
    add("a length only", true, ping[..4].to_vec());
    add("part of a body", true, ping[..12].to_vec());
    add("a Ping cut short", true, body(Kind::Ping, &[0; 7]));
    add("129 peers", true, body(Kind::Peers, &count(129)));
    add("2^64 - 1 peers", true, body(Kind::Peers, &count(u64::MAX)));
    add("a third family of addresses", true, body(Kind::Peers, &[&count(1)[..], &[2, 0, 0, 0]].concat()));
    add("2001 headers", true, body(Kind::Headers, &count(2001)));
    add("2^45 headers", true, body(Kind::Headers, &count(1 << 45)));
    add("2^64 - 1 headers", true, body(Kind::Headers, &count(u64::MAX)));
    add("a header fewer than said", true, body(Kind::Headers, &[&count(2)[..], &[0; 80]].concat()));
    add("a header more than said", true, body(Kind::Headers, &[&count(0)[..], &[0; 80]].concat()));
    add("65 in a locator", true, body(Kind::GetHeaders, &count(65)));
    add(
        "a stop that is neither there nor not",
        true,
        body(Kind::GetHeaders, &[&count(0)[..], &[2]].concat()),
    );
    add("17 blocks asked for", true, body(Kind::GetBlocks, &count(17)));
    add("17 blocks not found", true, body(Kind::NotFound, &count(17)));
    add("1001 transactions told of", true, body(Kind::HaveTransactions, &count(1001)));
    add("1001 transactions asked for", true, body(Kind::GetTransactions, &count(1001)));
    let places = [&[0; 32][..], &count(50_001)].concat();
    add("50001 places of a block", true, body(Kind::GetBlockTransactions, &places));
    add("1001 transactions", true, body(Kind::Transactions, &count(1001)));
    add("a fourth variant of NewBlock", true, body(Kind::NewBlock, &[3, 0, 0, 0]));
    add(
        "a third kind of transaction",
        true,
        body(Kind::Transactions, &[&count(1)[..], &[2, 0, 0, 0]].concat()),
    );
    let content = [&count(1)[..], &[1, 0, 0, 0], &[0; 8], &count(65_537)].concat();
    add("a content over its limit", true, body(Kind::Transactions, &content));
    let note = [&count(1)[..], &[0; 4], &[0; 32], &count(101)].concat();
    add("a note over its limit", true, body(Kind::Transactions, &note));
    let note = [&count(1)[..], &[0; 4], &[0; 32], &count(1), &[0xff]].concat();
    add("a note that is not UTF-8", true, body(Kind::Transactions, &note));
    add("50001 transactions in a block", true, body(Kind::Block, &[&[0; 80][..], &count(50_001)].concat()));
    add("a twelfth reason", false, body(Kind::Bye, &[&[11, 0, 0, 0][..], &count(0), &[0]].concat()));
    add("a reason over its limit", false, body(Kind::Bye, &[&[0; 4][..], &count(201)].concat()));
    let good = frame::encode(&Message::Hello(hello()));
    let agent = |count: u64, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[FIRST_BYTE_OF_AGENT..FIRST_BYTE_OF_AGENT + 8].copy_from_slice(&count.to_le_bytes());
        bytes[FIRST_BYTE_OF_AGENT + 8] = byte;
        bytes
    };
    add("an agent over its limit", false, agent(65, b'p'));
    add("an agent of 2^64 - 1 bytes", false, agent(u64::MAX, b'p'));
    add("an agent that is not UTF-8", false, agent(13, 0xff));
    let mut hello = good.to_vec();
    hello[FIRST_BYTE_OF_ROLE] = 2;
    add("a third role", false, hello.clone());
    hello[FIRST_BYTE_OF_ROLE] = 0;
    hello.push(0);
    hello[3] += 1;
    add("a Hello and a byte", false, hello);
    add("a command over its limit", true, body(Kind::Manage, &[count(1), count(131_073)].concat()));
    add("a sixth outcome", true, body(Kind::Report, &[&count(1)[..], &[5, 0, 0, 0]].concat()));
    add("a fourteenth event", true, body(Kind::Event, &[&[0; 8][..], &[13, 0, 0, 0]].concat()));
    let mined = [&[0; 8][..], &[3, 0, 0, 0], &[0; 32 + 32 + 8 + 4 + 4 + 32 + 4 + 4]].concat();
    add("a seventh origin", true, body(Kind::Event, &[&mined[..], &[6, 0, 0, 0]].concat()));
    let pool = [&[0; 8][..], &[7, 0, 0, 0], &[0; 4 + 8], &count(17)].concat();
    add("17 ids in an event", true, body(Kind::Event, &pool));
    rows
}

/// Where the role stands in the frame of a Hello.
const FIRST_BYTE_OF_ROLE: usize = 5 + 2 + 2 + 32 + 16;
/// Where the agent's count stands there.
const FIRST_BYTE_OF_AGENT: usize = FIRST_BYTE_OF_ROLE + 4 + 2 + 32;
