//! Who begins which link: every node with every other, or, in a large network, a random graph.
//!
//! A link is begun by exactly one of its two ends, so that no pair is dialled twice. The random graph
//! contains a ring through all nodes, so it is connected whatever the dice say; beyond that each node begins
//! [`RANDOM_LINKS`] links, so it has about twice as many, and a block is a few hops from everybody.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;

use crate::limits::{MAX_MESH, RANDOM_LINKS};

/// For each of `nodes` nodes, the ones that it dials, in order.
pub fn links(nodes: usize, rng: &mut ChaCha12Rng) -> Vec<Vec<usize>> {
    if nodes <= MAX_MESH {
        return (0..nodes).map(|i| (i + 1..nodes).collect()).collect();
    }
    let mut dials: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); nodes];
    let mut ring: Vec<usize> = (0..nodes).collect();
    ring.shuffle(rng);
    for (at, node) in ring.iter().enumerate() {
        dials[*node].insert(ring[(at + 1) % nodes]);
    }
    for node in 0..nodes {
        let is_free =
            |other: &usize| *other != node && !dials[node].contains(other) && !dials[*other].contains(&node);
        // Few or none, where others began links with this node already.
        let mut free: Vec<usize> = (0..nodes).filter(is_free).collect();
        free.shuffle(rng);
        free.truncate(RANDOM_LINKS - dials[node].len());
        dials[node].extend(free);
    }
    dials.into_iter().map(|dials| dials.into_iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// Every link from both of its ends.
    fn neighbours(dials: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
        let mut of = vec![BTreeSet::new(); dials.len()];
        for (node, others) in dials.iter().enumerate() {
            for other in others {
                assert_ne!(node, *other, "nobody dials itself");
                assert!(of[node].insert(*other), "{node} and {other} are linked twice");
                assert!(of[*other].insert(node), "{node} and {other} are linked twice");
            }
        }
        of
    }

    fn reached(of: &[BTreeSet<usize>]) -> usize {
        let (mut seen, mut next) = (BTreeSet::from([0]), vec![0]);
        while let Some(node) = next.pop() {
            next.extend(of[node].iter().filter(|other| seen.insert(**other)));
        }
        seen.len()
    }

    #[test]
    fn every_network_is_connected_and_no_pair_is_linked_twice() {
        for nodes in 2..200 {
            for seed in 0..4 {
                let dials = links(nodes, &mut ChaCha12Rng::from_seed([seed; 32]));
                assert_eq!(dials.len(), nodes);
                let of = neighbours(&dials);
                assert_eq!(reached(&of), nodes, "{nodes} nodes, seed {seed}");
                let least = if nodes <= MAX_MESH { nodes - 1 } else { RANDOM_LINKS };
                for (node, of) in of.iter().enumerate() {
                    assert!(of.len() >= least, "node {node} of {nodes} has {} links, seed {seed}", of.len());
                }
            }
        }
    }

    #[test]
    fn a_seed_means_the_same_network() {
        let network = |seed| links(100, &mut ChaCha12Rng::from_seed([seed; 32]));
        assert_eq!(network(1), network(1));
        assert_ne!(network(1), network(2));
    }

    #[test]
    fn one_node_is_a_network() {
        assert_eq!(links(1, &mut ChaCha12Rng::from_seed([0; 32])), [Vec::<usize>::new()]);
    }
}
