//! Who is linked with whom from the start, and whom a node is linked with that is added: pure.

use std::collections::BTreeSet;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha12Rng;

use crate::limits::{MAX_INBOUND, MAX_MESH, RANDOM_LINKS};
use crate::manager::reach;
use crate::sim::Topology;

/// The shape of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Shape {
    /// A mesh, or a random graph where that would be too many links.
    #[default]
    Usual,
    /// One that has a name.
    Named(Topology),
    /// These links, each begun by its first end.
    Listed(Vec<(usize, usize)>),
}

/// Why a list of links is no network's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadShape {
    /// Returned for a line that is no link.
    #[error("line {line}: {text:?} is no link: expected two nodes, as in `0 1` or `0-1`")]
    NoLink {
        /// Which line, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// Returned for a node that the network does not have.
    #[error("line {line}: there is no node {node}: a network of {amount} has nodes 0 to {}", amount.saturating_sub(1))]
    NoNode {
        /// Which line, from 1.
        line: usize,
        /// Which node.
        node: usize,
        /// How many there are.
        amount: usize,
    },
    /// Returned where not everybody can reach everybody.
    #[error("the links leave the network in {} pieces: {}", pieces.len(), shown(pieces))]
    Pieces {
        /// The groups that can reach each other.
        pieces: Vec<BTreeSet<usize>>,
    },
    /// Returned for a node with more links than one takes.
    #[error("{shape} of {amount} nodes gives a node {links} links, and one takes at most {MAX_INBOUND}")]
    TooMany {
        /// The shape.
        shape: String,
        /// How many nodes there are.
        amount: usize,
        /// How many links one would have.
        links: usize,
    },
}

/// Groups as people read them.
fn shown(pieces: &[BTreeSet<usize>]) -> String {
    let piece = |nodes: &BTreeSet<usize>| {
        let numbers: Vec<String> = nodes.iter().take(8).map(ToString::to_string).collect();
        let more = if nodes.len() > 8 { "…" } else { "" };
        format!("{}{more}", numbers.join(","))
    };
    let mut text = pieces.iter().take(4).map(piece).collect::<Vec<_>>().join(" / ");
    if pieces.len() > 4 {
        text.push_str(" / …");
    }
    text
}

impl Shape {
    /// The links in `text`, a line each: two nodes, with a space or a `-` between; `#` begins a comment.
    pub fn listed(text: &str, amount: usize) -> Result<Shape, BadShape> {
        let mut links: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (at, whole) in text.lines().enumerate() {
            let line = at + 1;
            let said = whole.split('#').next().unwrap_or_default().trim();
            if said.is_empty() {
                continue;
            }
            let no_link = || BadShape::NoLink { line, text: said.chars().take(40).collect() };
            let ends: Vec<usize> = said
                .split(|c: char| c == '-' || c.is_whitespace())
                .filter(|end| !end.is_empty())
                .map(|end| end.parse().map_err(|_| no_link()))
                .collect::<Result<_, _>>()?;
            let [a, b] = ends[..] else { return Err(no_link()) };
            if let Some(node) = [a, b].into_iter().find(|end| *end >= amount) {
                return Err(BadShape::NoNode { line, node, amount });
            }
            if a == b {
                return Err(no_link());
            }
            if !links.contains(&(b, a)) {
                links.insert((a, b));
            }
        }
        Shape::Listed(links.into_iter().collect()).fit(amount)
    }

    /// Itself, if a network of `amount` nodes can have it.
    pub fn fit(self, amount: usize) -> Result<Shape, BadShape> {
        if let Shape::Named(shape) = &self
            && let Some(most) = shape.most()
            && amount > most
        {
            return Err(BadShape::TooMany { shape: shape.to_string(), amount, links: amount - 1 });
        }
        if let Shape::Listed(links) = &self {
            let pieces = reach::groups(&(0..amount).collect(), links.iter().copied());
            if pieces.len() > 1 {
                return Err(BadShape::Pieces { pieces });
            }
        }
        Ok(self)
    }

    /// The links of the nodes with these numbers: who dials whom.
    pub fn links(&self, numbers: &[usize], rng: &mut ChaCha12Rng) -> Vec<(usize, usize)> {
        let of = |shape: Topology, rng: &mut ChaCha12Rng| {
            let dials = shape.links(numbers.len(), rng);
            let pairs = dials.iter().enumerate().flat_map(|(from, to)| to.iter().map(move |to| (from, *to)));
            pairs.map(|(from, to)| (numbers[from], numbers[to])).collect()
        };
        match self {
            Shape::Usual => of(Topology::usual(numbers.len()), rng),
            Shape::Named(shape) => of(*shape, rng),
            Shape::Listed(links) => {
                let are_there = |(a, b): &(usize, usize)| numbers.contains(a) && numbers.contains(b);
                links.iter().copied().filter(are_there).collect()
            }
        }
    }

    /// Whom a node that is added to `others` dials: everybody in a mesh, the ends of a ring, the end of a
    /// line, the middle of a star, some at random; where links are listed, the last one.
    pub fn dials(&self, others: &[usize], rng: &mut ChaCha12Rng) -> Vec<usize> {
        let (first, last) = (others.first().copied(), others.last().copied());
        let random = |count: usize, rng: &mut ChaCha12Rng| others.sample(rng, count).copied().collect();
        let dials: BTreeSet<usize> = match self {
            Shape::Usual if others.len() < MAX_MESH => others.iter().copied().collect(),
            Shape::Named(Topology::Mesh) => others.iter().copied().collect(),
            Shape::Usual => random(RANDOM_LINKS, rng),
            Shape::Named(Topology::Random(links)) => random(*links, rng),
            Shape::Named(Topology::Ring) => first.into_iter().chain(last).collect(),
            Shape::Named(Topology::Star) => first.into_iter().collect(),
            Shape::Named(Topology::Line) | Shape::Listed(_) => last.into_iter().collect(),
        };
        dials.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn rng() -> ChaCha12Rng {
        ChaCha12Rng::seed_from_u64(1)
    }

    #[test]
    fn a_file_lists_links() {
        let text = "# a square\n0 1\n1-2  # by the way\n\n2 - 3\n3\t0\n0 3\n";
        let shape = Shape::listed(text, 4).expect("a network");
        assert_eq!(shape.links(&[0, 1, 2, 3], &mut rng()), [(0, 1), (1, 2), (2, 3), (3, 0)]);
        assert_eq!(shape.links(&[0, 1, 3], &mut rng()), [(0, 1), (3, 0)], "without a node that is missing");
        assert_eq!(shape.dials(&[0, 1, 2, 3], &mut rng()), [3]);
    }

    #[test]
    fn a_file_that_is_no_network_is_refused_with_its_place() {
        let rows = [
            ("0 1\n1 x", "line 2: \"1 x\" is no link"),
            ("0", "line 1: \"0\" is no link"),
            ("0 1 2", "line 1: \"0 1 2\" is no link"),
            ("1 1", "line 1: \"1 1\" is no link"),
            ("0 1\n\n1 4", "line 3: there is no node 4: a network of 4 has nodes 0 to 3"),
            ("0 1\n2 3", "the links leave the network in 2 pieces: 0,1 / 2,3"),
            ("", "the links leave the network in 4 pieces: 0 / 1 / 2 / 3"),
        ];
        for (text, said) in rows {
            let error = Shape::listed(text, 4).expect_err(text).to_string();
            assert!(error.starts_with(said), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_node_that_is_added_is_linked_as_the_shape_has_it() {
        let others = [0, 1, 2, 5];
        let rows = [
            (Shape::Usual, vec![0, 1, 2, 5]),
            (Shape::Named(Topology::Mesh), vec![0, 1, 2, 5]),
            (Shape::Named(Topology::Ring), vec![0, 5]),
            (Shape::Named(Topology::Line), vec![5]),
            (Shape::Named(Topology::Star), vec![0]),
        ];
        for (shape, dials) in rows {
            assert_eq!(shape.dials(&others, &mut rng()), dials, "{shape:?}");
        }
        assert_eq!(Shape::Named(Topology::Random(2)).dials(&others, &mut rng()).len(), 2);
        let many: Vec<usize> = (0..50).collect();
        assert_eq!(Shape::Usual.dials(&many, &mut rng()).len(), RANDOM_LINKS);
    }

    #[test]
    fn a_shape_that_nodes_would_not_take_is_refused() {
        assert!(Shape::Named(Topology::Star).fit(MAX_INBOUND + 1).is_ok());
        let error = Shape::Named(Topology::Mesh).fit(300).expect_err("too many").to_string();
        assert!(error.starts_with("mesh of 300 nodes gives a node 299 links"), "{error}");
        assert!(Shape::Named(Topology::Line).fit(1000).is_ok());
    }
}
