//! Who is linked with whom: everybody with everybody in a small network, a connected random graph in a
//! larger one.

use std::collections::BTreeSet;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use crate::limits::{MAX_MESH, RANDOM_LINKS};

/// The links of a network of `count` nodes, each as (who dials, who is dialled). No pair twice.
///
/// Up to [`MAX_MESH`] nodes it is a full mesh. Beyond, a ring in random order, which connects everybody,
/// and further random links until every node has begun [`RANDOM_LINKS`].
pub(super) fn links(count: usize, rng: &mut ChaCha12Rng) -> Vec<(usize, usize)> {
    if count <= MAX_MESH {
        return (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect();
    }
    let mut order: Vec<usize> = (0..count).collect();
    for at in (1..count).rev() {
        order.swap(at, pick(rng, at + 1));
    }
    let mut linked = BTreeSet::new();
    let mut links = Vec::new();
    let mut link = |a: usize, b: usize| {
        let new = a != b && linked.insert((a.min(b), a.max(b)));
        if new {
            links.push((a, b));
        }
        new
    };
    for (at, node) in order.iter().enumerate() {
        link(*node, order[(at + 1) % count]);
    }
    for node in 0..count {
        let mut begun = 1;
        while begun < RANDOM_LINKS {
            begun += usize::from(link(node, pick(rng, count)));
        }
    }
    links
}

/// One of 0 to `below` - 1.
fn pick(rng: &mut ChaCha12Rng, below: usize) -> usize {
    rng.random_range(0..below as u64) as usize
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn everybody_is_reached_by_few_or_all_links() {
        for count in 1..200 {
            let links = links(count, &mut ChaCha12Rng::seed_from_u64(count as u64));
            let pairs: BTreeSet<_> = links.iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
            assert_eq!(pairs.len(), links.len(), "{count}: no pair twice");
            assert!(links.iter().all(|(a, b)| a != b && *a < count && *b < count));
            let mut reached = BTreeSet::from([0]);
            while let Some((a, b)) = links.iter().find(|(a, b)| reached.contains(a) != reached.contains(b)) {
                reached.extend([*a, *b]);
            }
            assert_eq!(reached.len(), count, "{count} nodes are one network");
            if count <= MAX_MESH {
                assert_eq!(links.len(), count * (count - 1) / 2);
            } else {
                for node in 0..count {
                    assert_eq!(links.iter().filter(|(from, _)| *from == node).count(), RANDOM_LINKS);
                }
            }
        }
    }
}
