//! Nodes by their names: a number as the API has it, or a letter, which is what one sees in a tree.

use core::str::FromStr;

use crate::limits::MAX_NODES;
use crate::manager::names::Name;

pub(super) use crate::manager::names::{several, there_are};

/// The letters of node `number`: A to Z, then AA, AB and so on.
pub(super) fn letters(number: usize) -> String {
    Name(number).to_string()
}

/// A node as people write it: `3`, `D` or `node-003`.
pub(super) fn node(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let digits = text.strip_prefix("node-").unwrap_or(text);
    let number = match digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty() {
        true => digits.parse().ok(),
        false => of_letters(text),
    };
    let number = number.filter(|number| *number < MAX_NODES);
    number.ok_or_else(|| "expected a node's number or letter, such as 3 or D".to_owned())
}

fn of_letters(text: &str) -> Option<usize> {
    if text.is_empty() || text.len() > 2 || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let value = |byte: u8| usize::from(byte.to_ascii_uppercase() - b'A') + 1;
    Some(text.bytes().fold(0, |number, byte| number * 26 + value(byte)) - 1)
}

/// Some nodes, as the value of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Nodes(pub Vec<usize>);

impl FromStr for Nodes {
    type Err = String;
    fn from_str(text: &str) -> Result<Nodes, String> {
        nodes(text).map(Nodes)
    }
}

/// Groups of nodes, as the value of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Groups(pub Vec<Vec<usize>>);

impl FromStr for Groups {
    type Err = String;
    fn from_str(text: &str) -> Result<Groups, String> {
        groups(text).map(Groups)
    }
}

/// Nodes, as a list of them and of ranges: `0,2,4`, `A,B`, `0-3`, `D-F`.
fn nodes(text: &str) -> Result<Vec<usize>, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        match part.split_once('-').filter(|(first, _)| *first != "node") {
            Some((first, last)) => {
                let (first, last) = (node(first)?, node(last)?);
                if first > last {
                    return Err(format!("{part}: expected the smaller one first"));
                }
                all.extend(first..=last);
            }
            None => all.push(node(part)?),
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// Groups of nodes that are to be kept apart: `A,B/C,D`, `0-2/3-5`.
fn groups(text: &str) -> Result<Vec<Vec<usize>>, String> {
    let groups: Result<Vec<Vec<usize>>, String> = text.split('/').map(nodes).collect();
    let groups = groups.map_err(|error| format!("{error}; groups are written as A,B/C,D or 0-2/3-5"))?;
    let mut all: Vec<usize> = groups.concat();
    all.sort_unstable();
    if let Some(twice) = all.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("node {} is in two groups", letters(twice[0])));
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_is_called_is_read_back() {
        for (number, name) in
            [(0, "A"), (25, "Z"), (26, "AA"), (27, "AB"), (51, "AZ"), (52, "BA"), (701, "ZZ")]
        {
            assert_eq!(letters(number), name);
            assert_eq!(node(name), Ok(number));
        }
    }

    #[test]
    fn nodes_are_named_by_number_or_letter() {
        for (text, number) in [("3", 3), ("D", 3), ("d", 3), ("node-003", 3), ("0", 0), ("999", 999)] {
            assert_eq!(node(text), Ok(number), "{text}");
        }
        for bad in ["", "-1", "1000", "ABC", "node-", "é", "1a", "+1", "A B"] {
            assert!(node(bad).is_err(), "{bad}");
        }
        assert_eq!(nodes("2,A,node-004,1-2"), Ok(vec![0, 1, 2, 4]));
        assert_eq!(groups("A,B/C-E"), Ok(vec![vec![0, 1], vec![2, 3, 4]]));
        for bad in ["A,B/B", "A//B", "", "/", "3-1"] {
            assert!(groups(bad).is_err(), "{bad}");
        }
    }
}
