//! What docs/protocol.md states, as the code has it.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use p2pnode::encoding;
use p2pnode::limits::*;
use p2pnode::params::{Params, Window};
use p2pnode::types::hash::double_sha256;
use p2pnode::types::transaction::ID_TAG;
use p2pnode::types::{BlockHash, CompactTarget, Header, NodeId, Target, Transaction, TxId, merkle};
use p2pnode::wire::manage::{Binding, Command, ManagerKey, SIGNATURE_TAG};
use p2pnode::wire::message::{ByeReason, Role, VERSIONS};

use crate::wire_json::hex;

/// Limits by their names: sizes in bytes, counts, and times in milliseconds for those named `_MS`.
pub fn limits() -> BTreeMap<&'static str, u64> {
    macro_rules! named {
        ($($number:ident)* ; $($time:ident)*) => {
            BTreeMap::from([
                $((stringify!($number), $number as u64),)*
                $((concat!(stringify!($time), "_MS"), $time.as_millis() as u64),)*
            ])
        };
    }
    named![
        FRAME_HEADER_BYTES MAX_HANDSHAKE_FRAME_BYTES MAX_UNKNOWN_FRAME_BYTES MAX_UNKNOWN_FRAMES
        BLOCK_FRAME_OVERHEAD_BYTES MAX_AGENT_BYTES MAX_DETAIL_BYTES MAX_NETWORK_NAME_BYTES MAX_HEADERS
        MAX_PEERS MAX_INBOUND_PER_HOST MAX_INBOUND_PER_GROUP MAX_GET_PEERS_BURST
        MAX_LOCATOR MAX_GET_BLOCKS MAX_TRANSACTION_IDS MAX_TRANSACTIONS_BYTES MAX_REGISTER MAX_COMMAND_BYTES
        MAX_BLOCK_BYTES MAX_BLOCK_TRANSACTIONS MAX_CONTENT_BYTES MAX_NOTE_BYTES MAX_PUSH_BYTES
        MAX_FUTURE_SECS MIN_FUTURE_SECS MEDIAN_TIME_SPAN MAX_BLOCK_TIME_SECS MAX_DIFFICULTY
        MAX_CHAIN_FILE_RULES_BYTES SHORT_ID_BYTES MAX_NODES MAX_EXCERPT_BYTES MAX_RULE_NAME_BYTES MAX_TOLD_IDS
        MAX_FAULT_LATENCY_MICROS MAX_FAULT_LOSS_PPM TOLD_HEIGHTS MAX_TOLD_BLOCKS SEGMENT_BYTES FAST_RETRANSMIT_SEGMENTS
        MAX_IN_FLIGHT MAX_WANTED MAX_NAMED MAX_FUTURE_BLOCKS MAX_POOL_BYTES MAX_POOL_COUNT POOL_SHARES
        MIN_FRAME_BYTES_PER_SEC MAX_PENDING_HANDSHAKES MAX_INBOUND MAX_MANAGERS MAX_SEND_QUEUE_BYTES
        MAX_PINGS_PER_SEC MAX_REQUESTS_PER_SEC MAX_REQUEST_BURST MAX_ANNOUNCEMENTS_PER_SEC
        MAX_ANNOUNCEMENT_BURST MAX_STRIKES MAX_MINING_QUEUE RECENT_BLOCKS
        MAX_CANDIDATE_MESSAGES ANNOUNCEMENTS_PER_SEC ANNOUNCEMENT_BURST CATCHING_UP_BLOCKS FLOOD_BYTES PUSH_BYTES
        PUSH_FAN_OUT MAX_SIDE_BYTES MAX_SHORT_IDS ;
        MIN_CUT_PAUSE RETRANSMIT_AFTER MAX_RETRANSMIT_PAUSE HANDSHAKE_TIMEOUT PING_INTERVAL PONG_TIMEOUT CONTENDER_TIMEOUT CONTENDER_PAUSE SIMULTANEOUS_WINDOW SLOW_FRAME_AFTER
        GET_PEERS_EVERY NEW_PEER_EVERY MAX_REACHED_AGE BAN_TIME WRITE_TIMEOUT HEADERS_TIMEOUT BLOCK_TIMEOUT MAX_BLOCK_TIMEOUT NEWCOMER_TIMEOUT TRANSACTION_TIMEOUT
    ]
}

/// The variants of enums in the order of their tags, by the heading that their table stands under.
pub fn variants() -> Vec<(&'static str, Vec<String>)> {
    fn all<T: encoding::Decode<()> + core::fmt::Debug>() -> Vec<String> {
        (0u32..)
            .map_while(|tag| encoding::decode::<T>(&tag.to_le_bytes()).ok())
            .map(|v| format!("{v:?}"))
            .collect()
    }
    /// The names before the first bracket, of enums whose variants have fields of zeros.
    fn zeros<T: encoding::Decode<()> + core::fmt::Debug>() -> Vec<String> {
        let decoded = |tag: u32| {
            (0..200).find_map(|len| {
                let bytes = [&tag.to_le_bytes()[..], &vec![0; len]].concat();
                encoding::decode::<T>(&bytes).ok()
            })
        };
        let name = |value: T| {
            let text = format!("{value:?}");
            text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
        };
        (0..).map_while(decoded).map(name).collect()
    }
    vec![
        ("Role", all::<Role>()),
        ("Reasons", all::<ByeReason>()),
        ("Window", all::<Window>()),
        ("Commands", zeros::<Command>()),
        ("Outcomes", zeros::<p2pnode::wire::manage::Outcome>()),
        ("Events", zeros::<p2pnode::wire::manage::What>()),
        ("Origins", all::<p2pnode::wire::manage::Origin>()),
        ("Transactions of a block", zeros::<Transaction>()),
        ("NewBlock", zeros::<p2pnode::wire::message::NewBlock>()),
    ]
}

/// Facts by their names.
pub fn facts() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut add =
        |name: &str, value: String| assert!(facts.insert(name.to_owned(), value).is_none(), "{name}");
    add("versions", format!("{} to {}", VERSIONS.0, VERSIONS.1));
    networks(&mut add);
    addresses(&mut add);
    identifiers(&mut add);
    targets(&mut add);
    signature(&mut add);
    facts
}

fn networks(add: &mut dyn FnMut(&str, String)) {
    let lab = |zeros, time| Params::lab(zeros, time).expect("good rules");
    for (name, params) in [
        ("lab", lab(20, None)),
        ("lab, block time 10", lab(20, Some(10))),
        ("lab, difficulty 4, block time 10", lab(4, Some(10))),
        ("regtest", Params::regtest()),
        ("mainnet", Params::mainnet()),
    ] {
        add(&format!("{name}: rules"), params.rules().to_string());
        add(&format!("{name}: rules encoded"), hex(&encoding::encode(params.rules())));
        add(&format!("{name}: genesis hash"), params.genesis_hash().to_string());
        add(&format!("{name}: network id"), params.network().to_string());
        add(&format!("{name}: most seconds ahead"), params.max_future().to_string());
    }
    let genesis = lab(20, None).genesis().clone();
    add("lab: genesis block", hex(&encoding::encode(&genesis)));
    add("lab: genesis coinbase id", genesis.transactions[0].id().to_string());
}

/// How the encoding writes socket addresses and options.
fn addresses(add: &mut dyn FnMut(&str, String)) {
    let address =
        |text: &str| hex(&encoding::encode(&text.parse::<std::net::SocketAddr>().expect("an address")));
    for text in ["127.0.0.1:6001", "[::1]:6002", "[2001:db8::7]:65535"] {
        add(text, address(text));
    }
    add("no node id", hex(&encoding::encode(&None::<NodeId>)));
    add("a node id of ones", hex(&encoding::encode(&Some(NodeId([0x11; 16])))));
}

fn identifiers(add: &mut dyn FnMut(&str, String)) {
    use sha2::{Digest, Sha256};
    add("tag", hex(&Sha256::digest(ID_TAG)));
    let transactions = [crate::parse::unhex("01000000 0700000000000000 0500000000000000 68656c6c6f")];
    for bytes in &transactions {
        let transaction: Transaction = encoding::decode(bytes).expect("a transaction");
        add("content: id", transaction.id().to_string());
        add("content: id in order", hex(&transaction.id().0));
    }
    let leaf = |byte: u8| TxId([byte; 32]);
    add("root of 1", hex(&merkle::root(&[leaf(1)]).0.0));
    add("root of 1 2", hex(&merkle::root(&[leaf(1), leaf(2)]).0.0));
    add("root of 1 2 3", hex(&merkle::root(&[leaf(1), leaf(2), leaf(3)]).0.0));
    let (root, mutated) = merkle::root(&[leaf(1), leaf(2), leaf(3), leaf(3)]);
    assert!(mutated);
    add("root of 1 2 3 3", format!("{}, refused", hex(&root.0)));
    let joined = [[1; 32], [2; 32]].concat();
    assert_eq!(merkle::root(&[leaf(1), leaf(2)]).0.0, double_sha256(&joined));
}

fn targets(add: &mut dyn FnMut(&str, String)) {
    for bits in [0x1d00_ffff_u32, 0x1e0f_ffff, 0x2000_ffff, 0x207f_ffff, 0x0500_9234] {
        let target = CompactTarget(bits).to_target().expect("a target");
        add(&format!("{bits:08x}"), format!("{:x}, work {}", target.to_u256(), target.work()));
    }
    for bits in [0x0000_0000_u32, 0x0100_3456, 0x0492_3456, 0x2101_0000] {
        let error = CompactTarget(bits).to_target().expect_err("no target");
        add(&format!("{bits:08x}"), format!("{error:?}"));
    }
    for zeros in [1, 4, 8, 20, 64] {
        add(&format!("{zeros} zero bits"), Target::from_leading_zeros(zeros).to_compact().to_string());
    }
    retargets(add);
}

/// What the difficulty rule makes of windows, on the networks that move.
fn retargets(add: &mut dyn FnMut(&str, String)) {
    use p2pnode::chain::difficulty::{retarget, window};
    for (name, params) in
        [("lab", Params::lab(20, Some(10)).expect("good rules")), ("mainnet", Params::mainnet())]
    {
        let rule = *params.retarget().expect("it moves");
        let due: Vec<String> = (0..)
            .filter_map(|height| {
                window(height, &rule).map(|(first, last)| format!("{height} ({first} to {last})"))
            })
            .take(3)
            .collect();
        add(&format!("{name}: new bits at"), due.join(", "));
        let old = params.rules().start;
        for actual in [0, 100, 150, rule.timespan() as i64, 10 * rule.timespan() as i64] {
            add(
                &format!("{name}: {old} after {actual} s"),
                retarget(old, actual, &rule, params.limit()).to_string(),
            );
        }
    }
}

fn signature(add: &mut dyn FnMut(&str, String)) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let params = Params::lab(20, None).expect("good rules");
    let binding = Binding { network: params.network(), node: NodeId([0xb0; 16]), challenge: [0xc0; 32] };
    let manage = binding.sign(&key, 1, &Command::SetMining { hashrate: 120_000 });
    let sequence = 1u64.to_le_bytes();
    let signed =
        [SIGNATURE_TAG, &params.network().0, &[0xb0; 16], &[0xc0; 32], &sequence, &manage.command].concat();
    use ed25519_dalek::Signer;
    assert_eq!(key.sign(&signed).to_bytes(), manage.signature);
    add("tag of commands", String::from_utf8(SIGNATURE_TAG.to_vec()).expect("ASCII"));
    add("secret key", hex(&[7; 32]));
    add("public key", ManagerKey::of(&key).to_string());
    add("signed bytes", hex(&signed));
    add("signature", hex(&manage.signature));
    let frame = p2pnode::wire::frame::encode(&p2pnode::wire::Message::Manage(manage));
    add("frame", hex(&frame));
    // Headers and hashes have the sizes the text says.
    const { assert!(Header::LEN == 80 && size_of::<BlockHash>() == 32) }
}
