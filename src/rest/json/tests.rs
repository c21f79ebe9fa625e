//! Blocks there and back, and what is found in JSON that is no block.

use super::read;
use super::*;
use crate::encoding::{List, Text};
use crate::params::Params;
use crate::types::{BlockHash, Coinbase, CompactTarget, Header, MerkleRoot, NodeId};
use proptest::prelude::*;

fn content(nonce: u64, data: &[u8]) -> Transaction {
    Transaction::Content(Content { nonce, data: data.to_vec().try_into().expect("short") })
}

fn block() -> Block {
    let genesis = Params::regtest().genesis().clone();
    let contents = [content(u64::MAX, "hello \"wörld\"".as_bytes()), content(0, b"\xff\x00")];
    Block { transactions: List::clipped(genesis.transactions.iter().cloned().chain(contents)), ..genesis }
}

fn written(block: &Block) -> String {
    serde_json::to_string(&[block_json(block, 0)]).expect("JSON")
}

#[test]
fn a_block_is_written_with_the_originals_keys() {
    let written = written(&block());
    for part in [
        r#"{"header":{"index":1,"timestamp":1231006505.0,"proof":0,"previous_hash":"0000"#,
        r#""bits":"207fffff","version":1},"assembly instruction":"hello \"wörld\"","content":[{"id":""#,
        r#""type":"coinbase","height":0,"miner":"00000000000000000000000000000000","extra_nonce":"0","note":""#,
        r#""type":"content","nonce":"18446744073709551615","text":"hello"#,
        r#""type":"content","nonce":"0","base64":"/wA="}]}"#,
    ] {
        assert!(written.contains(part), "{part} in {written}");
    }
    let bytes_first = Block { transactions: List::clipped([content(1, b"\xff")]), ..block() };
    assert_eq!(block_json(&bytes_first, 0).assembly.as_deref(), Some("base64:/w=="));
    assert_eq!(block_json(Params::regtest().genesis(), 0).assembly, None);
}

#[test]
fn a_chain_is_read_in_every_form_it_is_sent_in() {
    let list = written(&block());
    let envelope = format!(r#"{{"chain": {list}, "length": 1}}"#);
    let in_string = |text: &str| serde_json::to_string(text).expect("JSON");
    for text in [&list, &envelope, &in_string(&list), &in_string(&envelope)] {
        let chain = read::chain(text.as_bytes()).expect(text);
        assert_eq!((chain.blocks, chain.untrue), (vec![block()], None));
    }
    let twice = in_string(&in_string(&list));
    assert!(read::chain(twice.as_bytes()).is_err(), "one level only");
}

/// (what is written, what it is replaced with, where something untrue is found)
#[test]
fn a_changed_repetition_is_found() {
    let written = written(&block());
    let (hash, id) = (block().hash().to_string(), block().transactions[1].id().to_string());
    let (large_hash, large_id) = (hash.to_uppercase(), id.to_uppercase());
    let rows = [
        (r#""index":1"#, r#""index":9"#, Some("chain[0].header.index")),
        (r#""index":1,"#, "", None),
        (r#""index":1"#, r#""index":1.0"#, None),
        (r#""index":1"#, r#""index":"1""#, Some("chain[0].header.index")),
        (r#""proof":0"#, r#""proof":0.0"#, None),
        (hash.as_str(), large_hash.as_str(), None),
        (id.as_str(), large_id.as_str(), None),
        (id.as_str(), "null", Some("chain[0].content[1].id")),
        (hash.as_str(), "00", Some("chain[0].header.hash")),
        (r#"instruction":"hello"#, r#"instruction":"hullo"#, Some("chain[0].assembly instruction")),
        (
            r#""assembly instruction":"hello \"wörld\"""#,
            r#""assembly instruction":null"#,
            Some("chain[0].assembly instruction"),
        ),
        (r#""assembly instruction":"hello \"wörld\"","#, "", None),
        (id.as_str(), "00", Some("chain[0].content[1].id")),
    ];
    for (from, to, expected) in rows {
        assert!(written.contains(from), "{from} in {written}");
        let chain = read::chain(written.replacen(from, to, 1).as_bytes()).expect("a chain");
        assert_eq!(chain.untrue.map(|(_, path)| path).as_deref(), expected, "{from} -> {to}");
    }
}

/// (what is written, what it is replaced with, how the complaint begins)
#[test]
fn what_is_no_block_is_named_with_its_path() {
    let written = written(&block());
    let rows = [
        (r#""timestamp":1231006505.0"#, r#""timestamp":1.5"#, "chain[0].header.timestamp: expected whole"),
        (r#""timestamp":1231006505.0"#, r#""timestamp":-1"#, "chain[0].header.timestamp: expected"),
        (r#""timestamp":1231006505.0"#, r#""timestamp":4294967296"#, "chain[0].header.timestamp: expected"),
        (r#""timestamp":1231006505.0"#, r#""timestamp":NaN"#, "expected value at line 1 column"),
        (r#""proof":0"#, r#""proof":"0""#, "chain[0].header.proof: expected a number of 32 bits"),
        (r#""proof":0"#, r#""proof":4294967296"#, "chain[0].header.proof: expected"),
        (r#""proof":0,"#, "", "chain[0].header.proof: missing"),
        (r#""proof":0"#, r#""proof":0,"proof":1"#, "the key \"proof\" is there twice at line 1 column"),
        (r#""proof":0"#, r#""proff":0"#, "chain[0].header: \"proff\" is none of index"),
        (r#""bits":"207fffff""#, r#""bits":"0x207fff""#, "chain[0].header.bits: expected 8 hex digits"),
        (r#""bits":"207fffff""#, r#""bits":"+07fffff""#, "chain[0].header.bits: expected 8 hex digits"),
        (r#""nonce":"0""#, r#""nonce":"-1""#, "chain[0].content[2].nonce: expected"),
        (r#""nonce":"0""#, r#""nonce":0"#, "chain[0].content[2].nonce: expected"),
        (r#""type":"content""#, r#""type":"gift""#, "chain[0].content[1].type: expected"),
        (r#""base64":"/wA=""#, r#""base64":"?""#, "chain[0].content[2].base64: expected base64"),
        (r#""base64":"/wA=""#, r#""base64":"/wA=","text":"""#, "chain[0].content[2]: expected either"),
        (r#""header":{"#, r#""header":[{"#, "expected `,` or `]` at line 1 column"),
    ];
    for (from, to, expected) in rows {
        assert!(written.contains(from), "{from} in {written}");
        let error = read::chain(written.replacen(from, to, 1).as_bytes()).expect_err(to).to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(error.contains(" at line 1 column "), "{error}");
    }
}

#[test]
fn what_is_no_chain_is_refused_with_a_position() {
    let deep = "[".repeat(100_000);
    let in_string = serde_json::to_string(&deep).expect("JSON");
    let wide = format!("[{}]", "[".repeat(100_000));
    let rows: [(&[u8], &str); 12] = [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b"7", "invalid type: integer `7`, expected a list of blocks"),
        (b"null", "invalid type: null"),
        (b"[7]", "chain[0]: expected an object at line 1 column"),
        (b"[] []", "trailing characters at line 1 column 4"),
        (b"{}", "missing field `chain` at line 1 column 2"),
        (b"{\"chain\": [], \"chain\": []}", "`chain` is there twice"),
        (b"{\"chain\": [], \"blocks\": []}", "unknown field `blocks`"),
        (b"[\"\xff\"]", "invalid unicode code point at line 1 column"),
        (deep.as_bytes(), "recursion limit exceeded at line 1 column 128"),
        (in_string.as_bytes(), "in the string: recursion limit exceeded at line 1 column"),
        (wide.as_bytes(), "recursion limit exceeded"),
    ];
    for (bytes, expected) in rows {
        let error = read::chain(bytes).expect_err("no chain").to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert_eq!(read::chain(b"[]").expect("an empty list").blocks.len(), 0);
}

prop_compose! {
    fn transactions()(coinbase in any::<bool>(), height: u64, nonce: u64, miner: [u8; 16], note in ".{0,25}",
                      data in prop_oneof![any::<Vec<u8>>(), ".{0,50}".prop_map(String::into_bytes)]) -> Transaction {
        match coinbase {
            true => Transaction::Coinbase(Coinbase {
                height, miner: NodeId(miner), extra_nonce: nonce, note: Text::clipped(&note),
            }),
            false => content(nonce, &data),
        }
    }
}

prop_compose! {
    fn blocks()(version: u32, previous: [u8; 32], root: [u8; 32], time: u32, bits: u32, nonce: u32,
                transactions in prop::collection::vec(transactions(), 0..5)) -> Block {
        let header = Header {
            version, previous: BlockHash(previous), merkle_root: MerkleRoot(root), time,
            bits: CompactTarget(bits), nonce,
        };
        Block { header, transactions: List::clipped(transactions) }
    }
}

proptest! {
    #[test]
    fn any_block_survives_json(block in blocks()) {
        let chain = read::chain(written(&block).as_bytes()).expect("a chain");
        prop_assert_eq!(chain.untrue, None);
        prop_assert_eq!(chain.blocks, vec![block]);
    }
}
