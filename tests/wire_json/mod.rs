//! Messages as JSON, for people and for other implementations: what docs/protocol.md states beside its
//! examples and what tests/vectors holds.
//!
//! u8 to u32 are numbers; u64 are decimal strings, because many readers of JSON keep only 53 bits; hashes
//! of blocks and transactions and Merkle roots are their text (bytes reversed); other bytes are hex in
//! order; a variant without fields is its name, one with fields an object of that one name.

use p2pnode::params::Rules;
use p2pnode::types::{Block, Header, Transaction};
use p2pnode::wire::Message;
use p2pnode::wire::manage::{
    Command, Event, Fault, Ids, Manage, Mined, Outcome, Place, Report, SeenBlock, Status, What,
};
use p2pnode::wire::message::{Bye, CompactBlock, Hello, NewBlock, PeerAddress};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// JSON whose objects keep their order.
#[derive(Debug, Clone)]
pub enum Json {
    Null,
    Bool(bool),
    Number(u32),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => to.serialize_unit(),
            Json::Bool(value) => to.serialize_bool(*value),
            Json::Number(value) => to.serialize_u32(*value),
            Json::Text(value) => to.serialize_str(value),
            Json::List(items) => to.collect_seq(items),
            Json::Object(fields) => {
                let mut map = to.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// `bytes` as hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a value that has one.
pub fn text(value: impl ToString) -> Json {
    Json::Text(value.to_string())
}

fn bytes(bytes: &[u8]) -> Json {
    Json::Text(hex(bytes))
}

fn texts<T: ToString>(items: &[T]) -> Json {
    Json::List(items.iter().map(|item| text(item.to_string())).collect())
}

fn variant(name: &'static str, value: Json) -> Json {
    Json::Object(vec![(name, value)])
}

fn or_null<T>(value: Option<T>, json: impl Fn(T) -> Json) -> Json {
    value.map_or(Json::Null, json)
}

/// A message's body.
pub fn body(message: &Message) -> Json {
    match message {
        Message::Hello(body) => hello(body),
        Message::Bye(body) => bye(body),
        Message::Ping(body) | Message::Pong(body) => Json::Object(vec![("nonce", text(body.nonce))]),
        Message::GetPeers => Json::Null,
        Message::Peers(addresses) => texts(addresses),
        Message::GetHeaders(body) => {
            Json::Object(vec![("locator", texts(&body.locator)), ("stop", or_null(body.stop, text))])
        }
        Message::Headers(headers) => Json::List(headers.iter().map(header).collect()),
        Message::GetBlocks(hashes) | Message::NotFound(hashes) => texts(hashes),
        Message::Block(body) => block(body),
        Message::NewBlock(NewBlock::Push(body)) => variant("Push", block(body)),
        Message::NewBlock(NewBlock::Announce(body)) => variant("Announce", header(body)),
        Message::NewBlock(NewBlock::Compact(body)) => variant("Compact", compact(body)),
        Message::GetBlockTransactions(body) => Json::Object(vec![
            ("block", text(body.block)),
            ("places", Json::List(body.places.iter().map(|at| Json::Number((*at).into())).collect())),
        ]),
        Message::BlockTransactions(body) => Json::Object(vec![
            ("block", text(body.block)),
            ("transactions", Json::List(body.transactions.iter().map(transaction).collect())),
        ]),
        Message::HaveTransactions(ids) | Message::GetTransactions(ids) => texts(ids),
        Message::Transactions(list) => Json::List(list.iter().map(transaction).collect()),
        Message::Manage(body) => manage(body),
        Message::Report(Report { sequence, outcome: said }) => {
            Json::Object(vec![("sequence", text(sequence)), ("outcome", outcome(said))])
        }
        Message::Event(body) => event(body),
    }
}

fn compact(compact: &CompactBlock) -> Json {
    Json::Object(vec![
        ("header", header(&compact.header)),
        ("nonce", text(compact.nonce)),
        ("coinbase", transaction(&compact.coinbase)),
        ("short_ids", Json::List(compact.short_ids.iter().map(|id| bytes(&id.0)).collect())),
    ])
}

fn hello(hello: &Hello) -> Json {
    Json::Object(vec![
        ("min_version", Json::Number(hello.min_version.into())),
        ("max_version", Json::Number(hello.max_version.into())),
        ("network", text(hello.network)),
        ("node", text(hello.node)),
        ("role", text(format!("{:?}", hello.role))),
        ("listen_port", Json::Number(hello.listen_port.into())),
        ("challenge", bytes(&hello.challenge)),
        ("agent", text(hello.agent.as_str())),
        ("best_work", bytes(&hello.best_work)),
        ("best_height", text(hello.best_height)),
        ("time", text(hello.time)),
    ])
}

fn bye(bye: &Bye) -> Json {
    Json::Object(vec![
        ("reason", text(format!("{:?}", bye.reason))),
        ("detail", text(bye.detail.as_str())),
        ("rules", or_null(bye.rules.as_ref(), rules)),
    ])
}

/// A network's rules.
pub fn rules(rules: &Rules) -> Json {
    let retarget = or_null(rules.retarget, |retarget| {
        Json::Object(vec![
            ("interval", Json::Number(retarget.interval)),
            ("spacing", Json::Number(retarget.spacing)),
            ("window", text(format!("{:?}", retarget.window))),
        ])
    });
    Json::Object(vec![
        ("name", text(rules.name.as_str())),
        ("start", text(rules.start)),
        ("limit", text(rules.limit)),
        ("retarget", retarget),
    ])
}

/// A header.
pub fn header(header: &Header) -> Json {
    Json::Object(vec![
        ("version", Json::Number(header.version)),
        ("previous", text(header.previous)),
        ("merkle_root", text(header.merkle_root)),
        ("time", Json::Number(header.time)),
        ("bits", text(header.bits)),
        ("nonce", Json::Number(header.nonce)),
    ])
}

/// A block.
pub fn block(block: &Block) -> Json {
    Json::Object(vec![
        ("header", header(&block.header)),
        ("transactions", Json::List(block.transactions.iter().map(transaction).collect())),
    ])
}

/// A transaction.
pub fn transaction(transaction: &Transaction) -> Json {
    match transaction {
        Transaction::Coinbase(coinbase) => variant(
            "Coinbase",
            Json::Object(vec![
                ("height", text(coinbase.height)),
                ("miner", text(coinbase.miner)),
                ("extra_nonce", text(coinbase.extra_nonce)),
                ("note", text(coinbase.note.as_str())),
            ]),
        ),
        Transaction::Content(content) => variant(
            "Content",
            Json::Object(vec![("nonce", text(content.nonce)), ("data", bytes(&content.data))]),
        ),
    }
}

fn manage(manage: &Manage) -> Json {
    Json::Object(vec![
        ("sequence", text(manage.sequence)),
        ("command", bytes(&manage.command)),
        ("signature", bytes(&manage.signature)),
    ])
}

/// A manager's command.
pub fn command(command: &Command) -> Json {
    let content = |data: &[u8]| Json::Object(vec![("content", bytes(data))]);
    match command {
        Command::Register(all) => {
            let one = |peer: PeerAddress, dial| {
                Json::Object(vec![
                    ("node", or_null(peer.node, text)),
                    ("address", text(peer.address)),
                    ("dial", Json::Bool(dial)),
                ])
            };
            variant("Register", Json::List(all.iter().map(|each| one(each.peer, each.dial)).collect()))
        }
        Command::Status => text("Status"),
        Command::Mine { content: Some(data) } => variant("Mine", content(data)),
        Command::Mine { content: None } => variant("Mine", Json::Object(vec![("content", Json::Null)])),
        Command::SetMining { hashrate } => {
            variant("SetMining", Json::Object(vec![("hashrate", text(hashrate))]))
        }
        Command::Submit { content: data } => variant("Submit", content(data)),
        Command::Subscribe => text("Subscribe"),
        Command::Shutdown => text("Shutdown"),
        Command::SetFaults { faults } => {
            let faults = faults.iter().map(fault).collect();
            variant("SetFaults", Json::Object(vec![("faults", Json::List(faults))]))
        }
        Command::Forget { nodes } => variant("Forget", Json::Object(vec![("nodes", texts(nodes))])),
        Command::CancelMining { sequence } => {
            variant("CancelMining", Json::Object(vec![("sequence", text(sequence))]))
        }
    }
}

fn fault(fault: &Fault) -> Json {
    Json::Object(vec![
        ("node", text(fault.node)),
        ("cut", Json::Bool(fault.cut)),
        ("latency_micros", Json::Number(fault.latency_micros)),
        ("jitter_micros", Json::Number(fault.jitter_micros)),
        ("loss_ppm", Json::Number(fault.loss_ppm)),
    ])
}

fn outcome(outcome: &Outcome) -> Json {
    match outcome {
        Outcome::Done => text("Done"),
        Outcome::Status(status) => variant("Status", status_json(status)),
        Outcome::Mined(Mined { hash, height, nonce, tries, micros }) => variant(
            "Mined",
            Json::Object(vec![
                ("hash", text(hash)),
                ("height", text(height)),
                ("nonce", Json::Number(*nonce)),
                ("tries", text(tries)),
                ("micros", text(micros)),
            ]),
        ),
        Outcome::Submitted(id) => variant("Submitted", text(id)),
        Outcome::Failed(why) => variant("Failed", text(why.as_str())),
    }
}

fn status_json(status: &Status) -> Json {
    Json::Object(vec![
        ("height", text(status.height)),
        ("tip", text(status.tip)),
        ("peers", Json::Number(status.peers)),
        ("pool", Json::Number(status.pool)),
        ("hashrate", text(status.hashrate)),
        ("pool_bytes", text(status.pool_bytes)),
        ("hashes", text(status.hashes)),
        ("uptime", text(status.uptime)),
        ("memory_height", text(status.memory_height)),
        ("memory_tip", text(status.memory_tip)),
    ])
}

fn event(event: &Event) -> Json {
    let (name, fields) = what(&event.what);
    Json::Object(vec![("at", text(event.at)), ("what", variant(name, Json::Object(fields)))])
}

fn what(what: &What) -> (&'static str, Vec<(&'static str, Json)>) {
    match what {
        What::PeerReady { node, outbound } => {
            ("PeerReady", vec![("node", text(node)), ("outbound", Json::Bool(*outbound))])
        }
        What::PeerGone { node, why } => ("PeerGone", vec![("node", text(node)), ("why", text(why.as_str()))]),
        What::TipChanged { tip, height, work, reverted } => (
            "TipChanged",
            vec![
                ("tip", text(tip)),
                ("height", text(height)),
                ("work", bytes(work)),
                ("reverted", Json::Number(*reverted)),
            ],
        ),
        What::BlockSeen(block) => ("BlockSeen", seen(block)),
        What::BlockMined { hash, height, tries } => {
            ("BlockMined", vec![("hash", text(hash)), ("height", text(height)), ("tries", text(tries))])
        }
        What::BlockRefused { hash, previous, height, rule, why, from } => (
            "BlockRefused",
            vec![
                ("hash", text(hash)),
                ("previous", text(previous)),
                ("height", or_null(*height, text)),
                ("rule", text(rule.as_str())),
                ("why", text(why.as_str())),
                ("from", or_null(*from, text)),
            ],
        ),
        What::Reorg { old, new, ancestor, depth, returned } => (
            "Reorg",
            vec![
                ("old", place(old)),
                ("new", place(new)),
                ("ancestor", place(ancestor)),
                ("depth", Json::Number(*depth)),
                ("returned", ids(returned)),
            ],
        ),
        What::PoolChanged { count, bytes, came, went } => (
            "PoolChanged",
            vec![
                ("count", Json::Number(*count)),
                ("bytes", text(bytes)),
                ("came", ids(came)),
                ("went", ids(went)),
            ],
        ),
        What::MiningSet { hashrate } => ("MiningSet", vec![("hashrate", text(hashrate))]),
        What::MiningPaused { until } => ("MiningPaused", vec![("until", text(until))]),
        What::FaultsSet { cut, slow } => {
            ("FaultsSet", vec![("cut", Json::Number(*cut)), ("slow", Json::Number(*slow))])
        }
        What::StoreFailed { why } => ("StoreFailed", vec![("why", text(why.as_str()))]),
        What::Clock { offset, peers, is_off } => (
            "Clock",
            vec![("offset", text(offset)), ("peers", Json::Number(*peers)), ("is_off", Json::Bool(*is_off))],
        ),
    }
}

fn seen(block: &SeenBlock) -> Vec<(&'static str, Json)> {
    vec![
        ("hash", text(block.hash)),
        ("previous", text(block.previous)),
        ("height", text(block.height)),
        ("time", Json::Number(block.time)),
        ("bits", text(block.bits)),
        ("work", bytes(&block.work)),
        ("transactions", Json::Number(block.transactions)),
        ("bytes", Json::Number(block.bytes)),
        ("origin", text(format!("{:?}", block.origin))),
        ("from", or_null(block.from, text)),
        ("miner", text(block.miner)),
        ("content", text(block.content.as_str())),
    ]
}

fn place(place: &Place) -> Json {
    Json::Object(vec![("hash", text(place.hash)), ("height", text(place.height))])
}

fn ids(ids: &Ids) -> Json {
    Json::Object(vec![("first", texts(&ids.first)), ("count", Json::Number(ids.count))])
}
