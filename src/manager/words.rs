//! What happens in a network, in the words that the manager's terminal and the commands share.

use crate::manager::names::several;
use crate::node::event::ClockOffset;

/// Digits of a hash that are shown.
const DIGITS: usize = 8;

/// The beginning of a hash without its zeros, which all blocks have: what tells it from others.
pub fn short(hash: &str) -> String {
    let rest = hash.trim_start_matches('0');
    match rest.get(..DIGITS) {
        Some(digits) => format!("{digits}…"),
        None => hash.get(hash.len().saturating_sub(DIGITS)..).unwrap_or(hash).to_owned(),
    }
}

/// `1 block`, `2 blocks`.
pub fn count(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Groups that cannot reach each other: `A B / C-F`.
pub fn apart(groups: &[Vec<usize>]) -> String {
    groups.iter().map(|group| several(group)).collect::<Vec<_>>().join(" / ")
}

/// Where a node's clock is, by those of its peers: `is 3.0 h behind those of its peers (median of 5)`.
pub fn clock(offset: &ClockOffset) -> String {
    if offset.is_off { format!("is {offset}") } else { "is right again".to_owned() }
}

/// A reorganisation of `depth` blocks, from the tip `old` to the tip `new`, after which `returned` contents wait again.
pub fn gave_up(depth: u64, old: &str, new: &str, returned: u64) -> String {
    let back = match returned {
        0 => String::new(),
        some => format!(", {} back", count(some, "content")),
    };
    format!("gave up {}: {} for {}{back}", count(depth, "block"), short(old), short(new))
}
