//! docs/protocol.md is executed: its examples are decoded and encoded again, its tables and facts are held
//! against the code, so that it cannot say what the program does not do.
//!
//! - A fence ```` ```hex message=Ping ```` is a whole frame, ```` ```hex value=Header ```` the encoding of a
//!   value; the ```` ```json ```` fence after it is what it means.
//! - A fence ```` ```facts ```` holds lines `name = value`.
//! - A row that begins with `0x..` is a message kind, one under the heading Limits that begins with
//!   `` `NAME` `` a limit, one that begins with a number under a heading that names an enum a variant of it.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

#[path = "protocol_doc/facts.rs"]
mod facts;
#[path = "protocol_doc/parse.rs"]
mod parse;
mod wire_json;

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use p2pnode::encoding::{self, Decode, Encode};
use p2pnode::params::Rules;
use p2pnode::store::chain_file::{Reader, Writer};
use p2pnode::types::{Block, Header, Transaction};
use p2pnode::wire::frame::{self, Frame, FrameCodec};
use p2pnode::wire::manage::Command;
use p2pnode::wire::message::Hello;
use p2pnode::wire::{Kind, Message};
use parse::{document, fences, rows, unhex};
use tokio_util::codec::Decoder;
use wire_json::Json;

/// The message of exactly one frame.
fn message(bytes: &[u8]) -> Message {
    let mut codec = FrameCodec::new();
    codec.handshake_done();
    match codec.decode_eof(&mut BytesMut::from(bytes)) {
        Ok(Some(Frame::Message(message))) => message,
        other => panic!("{other:?} is no message"),
    }
}

/// What `bytes` mean, if they are the one encoding of a value of type `T`.
fn value<T: Decode<()> + Encode>(bytes: &[u8], json: impl Fn(&T) -> Json) -> Json {
    let value: T = encoding::decode(bytes).expect("an encoding");
    assert_eq!(encoding::encode(&value), bytes, "a value has one encoding");
    json(&value)
}

/// What a chain file means, if its bytes are those that its chain has.
fn chain_file(bytes: &[u8]) -> Json {
    let mut reader = Reader::begin(bytes).expect("a chain file");
    let rules = reader.params().rules().clone();
    let mut writer = Writer::begin(Vec::new(), &rules).expect("written");
    let mut blocks = Vec::new();
    while let Some(block) = reader.block().expect("a block") {
        writer.block(&encoding::encode(&block)).expect("written");
        blocks.push(wire_json::block(&block));
    }
    assert_eq!(writer.end().expect("written"), bytes, "a chain has one file");
    Json::Object(vec![("rules", wire_json::rules(&rules)), ("blocks", Json::List(blocks))])
}

#[test]
fn every_example_means_what_stands_beside_it() {
    let doc = document();
    let fences = fences(&doc);
    let mut shown = BTreeSet::new();
    for (i, fence) in fences.iter().enumerate() {
        let Some(what) = fence.info.strip_prefix("hex ") else { continue };
        let bytes = unhex(&fence.text);
        let meaning = match what.split_once('=') {
            Some(("message", kind)) => {
                let message = message(&bytes);
                assert_eq!(frame::encode(&message), bytes, "{what}");
                assert_eq!(message.kind().to_string(), kind);
                shown.insert(message.kind());
                wire_json::body(&message)
            }
            Some(("value", "Header")) => value::<Header>(&bytes, wire_json::header),
            Some(("value", "Block")) => value::<Block>(&bytes, wire_json::block),
            Some(("value", "Transaction")) => value::<Transaction>(&bytes, wire_json::transaction),
            Some(("value", "Command")) => value::<Command>(&bytes, wire_json::command),
            Some(("value", "Rules")) => value::<Rules>(&bytes, wire_json::rules),
            Some(("value", "ChainFile")) => chain_file(&bytes),
            _ => panic!("what is {what}?"),
        };
        let json = fences.get(i + 1).filter(|next| next.info == "json").expect("a meaning");
        let said: serde_json::Value = serde_json::from_str(&json.text).expect("JSON");
        let meaning = serde_json::to_value(meaning).expect("JSON");
        assert_eq!(said, meaning, "{what} at line {}: {meaning:#}", fence.line);
    }
    let missing: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !shown.contains(kind)).collect();
    assert!(missing.is_empty(), "no example of {missing:?}");
}

#[test]
fn the_table_of_kinds_is_the_codes() {
    let doc = document();
    let mut found = Vec::new();
    for row in rows(&doc).filter(|row| row.cells[0].starts_with("0x")) {
        let [byte, name, cap, early, ready, ..] = &row.cells[..] else { panic!("{row:?} is short") };
        let byte = u8::from_str_radix(&byte[2..], 16).expect("a byte");
        let Some(kind) = Kind::from_byte(byte) else {
            assert_eq!(name, "reserved", "{row:?}");
            continue;
        };
        assert_eq!(*name, kind.to_string());
        assert_eq!(*cap, kind.cap().to_string(), "{kind}'s cap");
        let yes = |taken| if taken { "yes" } else { "no" };
        assert_eq!(early, yes(kind.is_taken_by_node(false)), "{kind} before the handshake is done");
        assert_eq!(ready, yes(kind.is_taken_by_node(true)), "{kind} afterwards");
        found.push(kind);
    }
    assert_eq!(found, Kind::ALL);
}

#[test]
fn the_table_of_limits_is_the_codes() {
    let doc = document();
    let mut limits: BTreeMap<&str, u64> = facts::limits();
    for row in rows(&doc).filter(|row| row.heading == "Limits") {
        let Some(name) = row.cells[0].strip_prefix('`').and_then(|name| name.strip_suffix('`')) else {
            continue;
        };
        let Some(value) = limits.remove(name) else { panic!("{name} is no limit, or stands twice") };
        assert_eq!(row.cells[1], value.to_string(), "{name}");
    }
    assert!(limits.is_empty(), "the document lacks {limits:?}");
}

#[test]
fn the_tables_of_variants_are_the_codes() {
    let doc = document();
    for (heading, variants) in facts::variants() {
        let found: Vec<(String, String)> = rows(&doc)
            .filter(|row| row.heading == heading && row.cells[0].parse::<u32>().is_ok())
            .map(|row| (row.cells[0].clone(), row.cells[1].clone()))
            .collect();
        let wanted: Vec<(String, String)> =
            variants.iter().enumerate().map(|(i, name)| (i.to_string(), name.clone())).collect();
        assert_eq!(found, wanted, "under the heading {heading:?}");
    }
}

#[test]
fn every_fact_is_true() {
    let doc = document();
    let mut facts = facts::facts();
    for fence in fences(&doc).iter().filter(|fence| fence.info == "facts") {
        for line in fence.text.lines().filter(|line| !line.trim().is_empty()) {
            let (name, said) = line.split_once('=').expect("name = value");
            let (name, said) = (name.trim(), said.trim());
            let Some(fact) = facts.remove(name) else { panic!("{name} is no fact, or stands twice") };
            assert_eq!(said, fact, "{name} at line {}", fence.line);
        }
    }
    assert!(facts.is_empty(), "the document lacks {facts:#?}");
}

/// The dialler's Hello, offset by offset, under the heading "A Hello byte by byte".
#[test]
fn the_hello_is_laid_out_as_its_table_says() {
    let doc = document();
    let mut bytes = Vec::new();
    for row in rows(&doc).filter(|row| row.heading == "A Hello byte by byte") {
        let [offset, length, _, hex, ..] = &row.cells[..] else { panic!("{row:?} is short") };
        let Ok(offset) = offset.parse::<usize>() else { continue };
        assert_eq!(offset, bytes.len(), "{row:?}");
        let part = unhex(hex.trim_matches('`'));
        assert_eq!(*length, part.len().to_string(), "{row:?}");
        bytes.extend(part);
    }
    let hello: Hello = match message(&bytes) {
        Message::Hello(hello) => hello,
        other => panic!("{other:?} is no Hello"),
    };
    let said = fences(&doc).into_iter().find(|fence| fence.info == "hex message=Hello").expect("the whole");
    assert_eq!(unhex(&said.text), bytes);
    assert_eq!(frame::encode(&Message::Hello(hello)), bytes);
}
