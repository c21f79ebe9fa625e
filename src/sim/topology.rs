//! Who begins which link.
//!
//! A link is begun by exactly one of its two ends, so that no pair is dialled twice. A random graph contains
//! a ring through all nodes, so it is connected whatever the dice say; beyond that each node begins so many
//! links, so it has about twice as many, and a block is a few hops from everybody.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeSet;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;

use crate::limits::{MAX_INBOUND, MAX_MANUAL_PEERS, MAX_MESH, RANDOM_LINKS};

/// The shape of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Every node is linked with every other.
    Mesh,
    /// Each with the next, the last with the first.
    Ring,
    /// Each with the next.
    Line,
    /// All with node 0.
    Star,
    /// A ring, and links at random: each node begins so many in all.
    Random(usize),
}

/// A text is no topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected mesh, ring, line, star, random or random:K, K being 1 to {MAX_MANUAL_PEERS} links")]
pub struct BadTopology;

impl Topology {
    /// What a manager makes of so many nodes: every link there can be, or a random graph where that would
    /// be too many.
    pub fn usual(nodes: usize) -> Topology {
        if nodes <= MAX_MESH { Topology::Mesh } else { Topology::Random(RANDOM_LINKS) }
    }

    /// The most nodes that can be linked so: no node takes more than [`MAX_INBOUND`] connections.
    pub fn most(self) -> Option<usize> {
        match self {
            Topology::Mesh | Topology::Star => Some(MAX_INBOUND + 1),
            Topology::Ring | Topology::Line | Topology::Random(_) => None,
        }
    }

    /// For each of `nodes` nodes, the ones that it dials, in order.
    pub fn links(self, nodes: usize, rng: &mut ChaCha12Rng) -> Vec<Vec<usize>> {
        let next = |node: usize| (node + 1 < nodes).then_some(node + 1);
        match self {
            Topology::Mesh => (0..nodes).map(|node| (node + 1..nodes).collect()).collect(),
            Topology::Line => (0..nodes).map(|node| next(node).into_iter().collect()).collect(),
            Topology::Ring => {
                let first = |node: usize| (nodes > 2 && node + 1 == nodes).then_some(0);
                (0..nodes).map(|node| next(node).or(first(node)).into_iter().collect()).collect()
            }
            Topology::Star => (0..nodes).map(|node| if node > 0 { vec![0] } else { Vec::new() }).collect(),
            Topology::Random(links) => random(nodes, links, rng),
        }
    }
}

fn random(nodes: usize, links: usize, rng: &mut ChaCha12Rng) -> Vec<Vec<usize>> {
    let mut dials: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); nodes];
    let mut ring: Vec<usize> = (0..nodes).collect();
    ring.shuffle(rng);
    for (at, node) in ring.iter().enumerate() {
        let next = ring[(at + 1) % nodes];
        if next != *node && !dials[next].contains(node) {
            dials[*node].insert(next);
        }
    }
    for node in 0..nodes {
        // In a small network there may be few whom nobody of the two has dialled yet, or none.
        let mut tries = 32 * links;
        while dials[node].len() < links && tries > 0 {
            tries -= 1;
            let other = rng.random_range(0..nodes as u64) as usize;
            if other != node && !dials[other].contains(&node) {
                dials[node].insert(other);
            }
        }
    }
    dials.into_iter().map(|dials| dials.into_iter().collect()).collect()
}

impl FromStr for Topology {
    type Err = BadTopology;

    fn from_str(text: &str) -> Result<Topology, BadTopology> {
        Ok(match text {
            "mesh" => Topology::Mesh,
            "ring" => Topology::Ring,
            "line" => Topology::Line,
            "star" => Topology::Star,
            "random" => Topology::Random(RANDOM_LINKS),
            _ => {
                let links = text.strip_prefix("random:").and_then(|links| links.parse().ok());
                let links = links.filter(|links| (1..=MAX_MANUAL_PEERS).contains(links));
                Topology::Random(links.ok_or(BadTopology)?)
            }
        })
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topology::Mesh => f.write_str("mesh"),
            Topology::Ring => f.write_str("ring"),
            Topology::Line => f.write_str("line"),
            Topology::Star => f.write_str("star"),
            Topology::Random(links) => write!(f, "random:{links}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// What a manager makes of so many nodes.
    fn links(nodes: usize, seed: u8) -> Vec<Vec<usize>> {
        Topology::usual(nodes).links(nodes, &mut ChaCha12Rng::from_seed([seed; 32]))
    }

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
                let dials = links(nodes, seed);
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
        assert_eq!(links(100, 1), links(100, 1));
        assert_ne!(links(100, 1), links(100, 2));
    }

    #[test]
    fn every_shape_is_connected_down_to_one_node() {
        use Topology::{Line, Mesh, Random, Ring, Star};
        for shape in [Mesh, Ring, Line, Star, Random(1), Random(8)] {
            assert_eq!(shape.to_string().parse(), Ok(shape));
            for nodes in 1..40 {
                let dials = shape.links(nodes, &mut ChaCha12Rng::seed_from_u64(nodes as u64));
                assert_eq!(reached(&neighbours(&dials)), nodes, "{nodes} nodes, {shape}");
            }
        }
        for bad in ["", "random:", "random:0", "random:257", "random:-1", "torus", "Mesh"] {
            assert_eq!(bad.parse::<Topology>(), Err(BadTopology), "{bad}");
        }
    }
}
