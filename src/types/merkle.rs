//! Bitcoin's Merkle tree over transaction ids.
//!
//! Two ids are joined by double SHA-256 of their 64 bytes; an odd last one is joined with itself. That
//! makes a list and the same list with its tail repeated share a root (CVE-2012-2459), so the root comes
//! with the news whether such a repetition was seen. An empty list has the zero root: such a block is
//! refused for its missing coinbase.

use crate::types::hash::{MerkleRoot, TxId, double_sha256, double_sha256_of_two};

/// The root of `ids`, and whether two equal neighbours were joined on the way: then another, shorter list
/// has the same root, and the list must be refused without blaming the header.
pub fn root(ids: &[TxId]) -> (MerkleRoot, bool) {
    let mut level: Vec<[u8; 32]> = ids.iter().map(|id| id.0).collect();
    let mut mutated = false;
    while level.len() > 1 {
        mutated |= level.chunks_exact(2).any(|pair| pair[0] == pair[1]);
        level = above(&level);
    }
    (MerkleRoot(level.first().copied().unwrap_or_default()), mutated)
}

/// What the first id is joined with on its way to the root, from the leaves up: all a miner needs to
/// compute the root again after changing the coinbase.
pub fn first_branch(ids: &[TxId]) -> Vec<[u8; 32]> {
    branch(ids, 0).unwrap_or_default()
}

/// The root above `first`, whose branch is `branch`.
pub fn root_from_branch(first: TxId, branch: &[[u8; 32]]) -> MerkleRoot {
    root_above(first, 0, branch)
}

/// What the id at `at` is joined with on its way to the root, from the leaves up: the proof that it is one
/// of `ids`, for whoever knows the root only. None, if there is no such place.
pub fn branch(ids: &[TxId], mut at: usize) -> Option<Vec<[u8; 32]>> {
    ids.get(at)?;
    let mut level: Vec<[u8; 32]> = ids.iter().map(|id| id.0).collect();
    let mut branch = Vec::new();
    while level.len() > 1 {
        // The odd last one is joined with itself.
        branch.push(*level.get(at ^ 1).or(level.get(at))?);
        level = above(&level);
        at /= 2;
    }
    Some(branch)
}

/// The root above the id at `at`, whose branch is `branch`.
pub fn root_above(id: TxId, at: usize, branch: &[[u8; 32]]) -> MerkleRoot {
    let (root, _) = branch.iter().fold((id.0, at), |(hash, at), sibling| match at % 2 {
        0 => (join(&hash, sibling), at / 2),
        _ => (join(sibling, &hash), at / 2),
    });
    MerkleRoot(root)
}

/// The level above: of each two the one that joins them.
fn above(level: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let mut above = Vec::with_capacity(level.len().div_ceil(2));
    for four in level.chunks(4) {
        let pair = |two: &[[u8; 32]]| pair(&two[0], two.last().unwrap_or(&two[0]));
        match four.split_at_checked(2) {
            Some((one, other @ [_, ..])) => {
                above.extend(double_sha256_of_two([&pair(one), &pair(other)]));
            }
            _ => above.push(double_sha256(&pair(four))),
        }
    }
    above
}

fn join(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    double_sha256(&pair(left, right))
}

fn pair(left: &[u8; 32], right: &[u8; 32]) -> [u8; 64] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(left);
    both[32..].copy_from_slice(right);
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(n: u8) -> Vec<TxId> {
        (1..=n).map(|i| TxId([i; 32])).collect()
    }

    /// Bitcoin's block 170, the first payment: its two transactions and its root.
    #[test]
    fn a_real_bitcoin_block_has_its_root() {
        let ids = [
            "b1fea52486ce0c62bb442b530a3f0132b826c74e473d1f2c220bfa78111c5082",
            "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16",
        ]
        .map(|id| id.parse().expect("a transaction id"));
        let (root, mutated) = root(&ids);
        assert_eq!(root.to_string(), "7dac2c5666815c17a3b36427de37bb9d2e2c5ccec3f8633eb91a4205cb4c10ff");
        assert!(!mutated);
    }

    /// Row 28 of docs/hostile.md.
    #[test]
    fn a_repeated_tail_has_the_same_root_and_is_seen() {
        for n in [3u8, 5, 6, 7, 11] {
            let honest = ids(n);
            let mut tail = honest.clone();
            // The shortest repetition that Bitcoin's tree cannot tell: the odd end of some level.
            let width = 1 << (n.trailing_zeros());
            tail.extend_from_slice(&honest[honest.len() - width..]);
            assert_eq!(root(&tail).0, root(&honest).0, "{n} and the last {width} again");
            assert!(root(&tail).1 && !root(&honest).1, "{n}");
        }
    }

    #[test]
    fn the_first_branch_leads_to_the_root() {
        for n in 1..20 {
            let ids = ids(n);
            assert_eq!(root_from_branch(ids[0], &first_branch(&ids)), root(&ids).0, "{n} ids");
        }
    }

    #[test]
    fn every_branch_leads_to_the_root_and_from_its_own_place_alone() {
        for n in 1..20 {
            let ids = ids(n);
            for (at, id) in ids.iter().enumerate() {
                let branch = branch(&ids, at).expect("a place in the list");
                assert_eq!(root_above(*id, at, &branch), root(&ids).0, "{at} of {n}");
                let other = TxId([0xff; 32]);
                assert_ne!(root_above(other, at, &branch), root(&ids).0, "{at} of {n}");
            }
            assert_eq!(branch(&ids, ids.len()), None);
        }
    }
}
