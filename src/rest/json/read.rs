//! Reading blocks from JSON: strict, and every complaint with its place.
//!
//! A chain is read block by block, and only the blocks are kept, so that a large body costs little more than
//! its bytes. What the syntax allows but no block has (an unknown or repeated key, a missing one, another
//! type) is an error that names its path, such as `chain[3].header.proof`.

use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::encoding::List;
use crate::rest::json::strict::Strict;
use crate::rest::json::{BlockJson, block_json};
use crate::rest::values::exact;
use crate::types::{Block, Coinbase, CompactTarget, Content, Header, Transaction};

/// A chain as it was sent.
#[derive(Debug, Default, PartialEq)]
pub(in crate::rest) struct Chain {
    /// Its blocks.
    pub blocks: Vec<Block>,
    /// The first member that repeats something else, and wrongly: its block's place in the list, its path.
    pub untrue: Option<(usize, String)>,
}

/// The chain in `bytes`: a list of blocks, what GET /chain gives, or a string that holds one of these.
pub(in crate::rest) fn chain(bytes: &[u8]) -> Result<Chain, serde_json::Error> {
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let chain = from.deserialize_any(ChainVisitor { in_string: false })?;
    from.end().map(|()| chain)
}

struct ChainVisitor {
    in_string: bool,
}

impl<'de> Visitor<'de> for ChainVisitor {
    type Value = Chain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of blocks, or an object whose `chain` is one, as GET /chain gives")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Chain, E> {
        if self.in_string {
            return Err(E::invalid_type(de::Unexpected::Str("…"), &self));
        }
        let mut from = serde_json::Deserializer::from_str(text);
        let chain = from.deserialize_any(ChainVisitor { in_string: true });
        let chain = chain.and_then(|chain| from.end().map(|()| chain));
        chain.map_err(|error| E::custom(format!("in the string: {error}")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Chain, A::Error> {
        let mut chain = Chain::default();
        loop {
            let at = chain.blocks.len();
            let wrong = |error: &dyn fmt::Display| de::Error::custom(format!("chain[{at}]{error}"));
            // A syntax error has its position; one inside a value gets its path as well.
            let Some(Strict(value)) = list.next_element()? else { return Ok(chain) };
            let block = block(&value).map_err(|error| wrong(&error))?;
            if chain.untrue.is_none() {
                let untrue = untrue(&value, &block_json(&block, at as u64));
                chain.untrue = untrue.map(|path| (at, format!("chain[{at}]{path}")));
            }
            chain.blocks.push(block);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut envelope: A) -> Result<Chain, A::Error> {
        let (mut chain, mut length): (Option<Chain>, Option<u64>) = (None, None);
        while let Some(key) = envelope.next_key::<String>()? {
            match key.as_str() {
                "chain" if chain.is_none() => chain = Some(envelope.next_value::<Enveloped>()?.0),
                "length" if length.is_none() => {
                    let value = envelope.next_value::<Value>()?;
                    length = Some(whole_of(&value).ok_or_else(|| {
                        de::Error::custom(format!("`length` is {value}: expected the number of blocks"))
                    })?);
                }
                "chain" | "length" => return Err(de::Error::custom(format!("`{key}` is there twice"))),
                _ => return Err(de::Error::unknown_field(&key, &["chain", "length"])),
            }
        }
        let mut chain = chain.ok_or_else(|| de::Error::missing_field("chain"))?;
        let count = chain.blocks.len();
        if length.is_some_and(|length| length != count as u64) && chain.untrue.is_none() {
            chain.untrue = Some((count.saturating_sub(1), "length".to_owned()));
        }
        Ok(chain)
    }
}

/// The list in an envelope.
struct Enveloped(Chain);

impl<'de> Deserialize<'de> for Enveloped {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(ChainVisitor { in_string: true }).map(Enveloped)
    }
}

/// The block that `value` describes; an error begins with its path inside the block.
pub(super) fn block(value: &Value) -> Result<Block, String> {
    let members = object(value, &["header", "assembly instruction", "content"])?;
    let header = get(members, "header", "an object", Some)?;
    let header = self::header(header).map_err(|error| format!(".header{error}"))?;
    let list = get(members, "content", "a list of transactions", Value::as_array)?;
    let transactions: Result<Vec<Transaction>, String> = list
        .iter()
        .enumerate()
        .map(|(at, value)| transaction(value).map_err(|error| format!(".content[{at}]{error}")))
        .collect();
    let transactions = List::try_from(transactions?).map_err(|error| format!(".content: {error}"))?;
    Ok(Block { header, transactions })
}

fn header(value: &Value) -> Result<Header, String> {
    const KEYS: [&str; 8] =
        ["index", "timestamp", "proof", "previous_hash", "hash", "merkle_root", "bits", "version"];
    let members = object(value, &KEYS)?;
    const HASH: &str = "64 hex digits";
    Ok(Header {
        version: get(members, "version", "a number of 32 bits", u32_of)?,
        previous: get(members, "previous_hash", HASH, |value| value.as_str()?.parse().ok())?,
        merkle_root: get(members, "merkle_root", HASH, |value| value.as_str()?.parse().ok())?,
        time: get(members, "timestamp", "whole seconds since 1970, of 32 bits", seconds)?,
        bits: get(members, "bits", "8 hex digits", bits)?,
        nonce: get(members, "proof", "a number of 32 bits", u32_of)?,
    })
}

fn transaction(value: &Value) -> Result<Transaction, String> {
    const DIGITS: &str = "a number of 64 bits as a string";
    let digits = |value: &Value| value.as_str()?.parse::<u64>().ok();
    let kind = value.get("type").and_then(Value::as_str);
    match kind {
        Some("coinbase") => {
            let members = object(value, &["id", "type", "height", "miner", "extra_nonce", "note"])?;
            let note = get(members, "note", "a text", Value::as_str)?.to_owned();
            Ok(Transaction::Coinbase(Coinbase {
                height: get(members, "height", "a number of 64 bits", whole_of)?,
                miner: get(members, "miner", "32 hex digits", |value| value.as_str()?.parse().ok())?,
                extra_nonce: get(members, "extra_nonce", DIGITS, digits)?,
                note: note.try_into().map_err(|error| format!(".note: {error} bytes"))?,
            }))
        }
        Some("content") => {
            let members = object(value, &["id", "type", "nonce", "text", "base64"])?;
            let data = match (members.get("text"), members.get("base64")) {
                (Some(_), None) => get(members, "text", "a text", Value::as_str)?.as_bytes().to_vec(),
                (None, Some(_)) => {
                    get(members, "base64", "base64", |value| STANDARD.decode(value.as_str()?).ok())?
                }
                _ => return Err(": expected either text or base64".to_owned()),
            };
            let nonce = get(members, "nonce", DIGITS, digits)?;
            let data = data.try_into().map_err(|error| format!(": the content's size {error} bytes"))?;
            Ok(Transaction::Content(Content { nonce, data }))
        }
        _ => Err(r#".type: expected "coinbase" or "content""#.to_owned()),
    }
}

/// The members of an object that has no others than `keys`.
fn object<'a>(value: &'a Value, keys: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let members = value.as_object().ok_or(": expected an object")?;
    match members.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!(": {key:?} is none of {}", keys.join(", "))),
        None => Ok(members),
    }
}

/// What `read` makes of the member `name`, which must be there.
fn get<'a, T>(
    members: &'a Map<String, Value>,
    name: &str,
    expected: &str,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T, String> {
    let value = members.get(name).ok_or_else(|| format!(".{name}: missing, expected {expected}"))?;
    read(value).ok_or_else(|| format!(".{name}: expected {expected}"))
}

/// A whole number, which JSON may write as `5` or as `5.0`.
fn whole_of(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| exact(value.as_f64()?))
}

fn u32_of(value: &Value) -> Option<u32> {
    whole_of(value)?.try_into().ok()
}

/// Seconds as a whole number or as the float that they are written as; every one of 32 bits has one.
fn seconds(value: &Value) -> Option<u32> {
    let float = value.as_f64()?;
    let whole = float as u32;
    (f64::from(whole) == float).then_some(whole)
}

fn bits(value: &Value) -> Option<CompactTarget> {
    let digits =
        value.as_str().filter(|text| text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok().map(CompactTarget)
}

/// The path of the first member of `given` that only repeats what others say, and says something else than
/// in `should`.
pub(super) fn untrue(given: &Value, should: &BlockJson) -> Option<String> {
    let header = &given["header"];
    let (index, hash) = (should.header.index, &should.header.hash);
    let repeated = [
        (".header.index", is_left_out_or(header.get("index"), |value| whole_of(value) == Some(index))),
        (".header.hash", is_left_out_or(header.get("hash"), |value| is_hex(value, hash))),
        (
            ".assembly instruction",
            is_left_out_or(given.get("assembly instruction"), |text| {
                *text == Value::from(should.assembly.as_deref())
            }),
        ),
    ];
    if let Some((path, ..)) = repeated.into_iter().find(|(_, is_right)| !is_right) {
        return Some(path.to_owned());
    }
    let ids = given["content"].as_array()?.iter().zip(&should.content);
    ids.enumerate()
        .find(|(_, (given, should))| !is_left_out_or(given.get("id"), |id| is_hex(id, &should.id)))
        .map(|(at, _)| format!(".content[{at}].id"))
}

fn is_left_out_or(value: Option<&Value>, is_right: impl FnOnce(&Value) -> bool) -> bool {
    value.is_none_or(is_right)
}

/// Whether these are the digits `should`, which may be written large.
fn is_hex(value: &Value, should: &str) -> bool {
    value.as_str().is_some_and(|digits| digits.eq_ignore_ascii_case(should))
}
