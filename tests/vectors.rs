//! Every message, byte by byte: tests/vectors/*.json is what another implementation can be held against,
//! and what makes a change of format a visible difference.
//!
//! The files are never written by a test. Where they differ from what the code says, the test fails, writes
//! what it would have them be under target/tmp and says how to take that over.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

#[path = "vectors/samples.rs"]
mod samples;
mod wire_json;

use std::fs;
use std::path::Path;

use bytes::BytesMut;
use p2pnode::encoding;
use p2pnode::types::hash::parse_hex;
use p2pnode::wire::frame::{self, Error, Frame, FrameCodec};
use p2pnode::wire::{self, Kind};
use tokio_util::codec::Decoder;
use wire_json::{Json, body, command, hex, text};

/// Holds a file of tests/vectors against `expected`.
fn compare(name: &str, expected: &Json) {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let wanted = serde_json::to_string_pretty(expected).expect("JSON") + "\n";
    let found = fs::read_to_string(&committed).unwrap_or_default();
    if found == wanted {
        return;
    }
    let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&new, wanted).expect("target/tmp can be written");
    panic!(
        "the wire has changed: compare {} with {}, and copy it over if it was meant (see docs/protocol.md, 1.3)",
        committed.display(),
        new.display()
    );
}

fn codec(ready: bool) -> FrameCodec {
    let mut codec = FrameCodec::new();
    if ready {
        codec.handshake_done();
    }
    codec
}

/// All frames of a stream that is `bytes`.
fn read(ready: bool, bytes: &[u8]) -> Result<Vec<Frame>, Error> {
    let (mut codec, mut bytes) = (codec(ready), BytesMut::from(bytes));
    core::iter::from_fn(|| codec.decode_eof(&mut bytes).transpose()).collect()
}

/// The error's name: what is wrong with the frame, or else with its body.
fn name(error: &Error) -> String {
    match error {
        Error::Wire(wire::Error::EmptyFrame) => "EmptyFrame".to_owned(),
        Error::Wire(wire::Error::FrameTooLarge { .. }) => "FrameTooLarge".to_owned(),
        Error::Wire(wire::Error::BadBody { error: encoding::Error::TrailingBytes(_), .. }) => {
            "TrailingBytes".to_owned()
        }
        Error::Wire(wire::Error::BadBody { error, .. }) => format!("{error:?}"),
        Error::Io(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn messages_are_these_bytes() {
    let rows = samples::messages().into_iter().map(|(name, message)| {
        Json::Object(vec![
            ("kind", text(message.kind())),
            ("name", text(name)),
            ("frame", Json::Text(hex(&frame::encode(&message)))),
            ("body", body(&message)),
        ])
    });
    compare("messages.json", &Json::List(rows.collect()));
}

#[test]
fn commands_are_these_bytes() {
    let rows = samples::commands().into_iter().map(|(name, what)| {
        let encoding = encoding::encode(&what);
        assert_eq!(encoding::decode(&encoding), Ok(what.clone()), "{name}");
        Json::Object(vec![
            ("name", text(name)),
            ("encoding", text(hex(&encoding))),
            ("command", command(&what)),
        ])
    });
    compare("commands.json", &Json::List(rows.collect()));
}

/// Rows 1 and 10 of docs/hostile.md.
#[test]
fn lies_are_refused_by_these_names() {
    let rows = samples::rejected().into_iter().map(|(what, ready, bytes)| {
        let Err(error) = read(ready, &bytes) else { panic!("{what} was taken") };
        Json::Object(vec![
            ("name", text(what)),
            ("phase", text(if ready { "ready" } else { "handshake" })),
            ("stream", Json::Text(hex(&bytes))),
            ("error", text(name(&error))),
        ])
    });
    compare("rejected.json", &Json::List(rows.collect()));
}

/// The files alone, as another implementation reads them.
#[test]
fn the_files_say_what_the_code_does() {
    let file = |name: &str| -> Vec<serde_json::Value> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
        serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("a list")
    };
    let string = |row: &serde_json::Value, field: &str| row[field].as_str().expect("a text").to_owned();
    let mut kinds = Vec::new();
    for row in file("messages.json") {
        let sent = bytes(&string(&row, "frame"));
        let [Frame::Message(message)] = &read(true, &sent).expect("a good frame")[..] else {
            panic!("{row} is not one message");
        };
        assert_eq!(frame::encode(message), sent, "{row}");
        assert_eq!(message.kind().to_string(), string(&row, "kind"));
        assert_eq!(serde_json::to_value(body(message)).expect("JSON"), row["body"]);
        kinds.push(message.kind());
    }
    for kind in Kind::ALL {
        // There is but one GetPeers.
        let least = if kind == Kind::GetPeers { 1 } else { 2 };
        assert!(kinds.iter().filter(|found| **found == kind).count() >= least, "{kind} occurs too seldom");
    }
    for row in file("rejected.json") {
        let error = read(string(&row, "phase") == "ready", &bytes(&string(&row, "stream")));
        assert_eq!(name(&error.expect_err("a lie")), string(&row, "error"), "{row}");
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| parse_hex::<1>(core::str::from_utf8(pair).expect("ASCII")).expect("hex")[0])
        .collect()
}
