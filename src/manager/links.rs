//! Which of the expected links are up, each seen from both of its ends.

use std::collections::BTreeSet;

/// Bookkeeping of links between nodes, by number.
#[derive(Debug, Clone, Default)]
pub struct Links {
    expected: BTreeSet<(usize, usize)>,
    /// Of those, the ends that do not have it yet: (at, to).
    missing: BTreeSet<(usize, usize)>,
    /// (at, to), expected or not.
    up: BTreeSet<(usize, usize)>,
    /// Counts changes, so that whoever looks knows when to look again.
    pub version: u64,
}

impl Links {
    /// Expects the links that `dials` begins: (node, the node it dials).
    pub fn expect(&mut self, dials: impl IntoIterator<Item = (usize, usize)>) {
        self.version += 1;
        for (from, to) in dials {
            self.expected.insert((from, to));
            self.missing.extend([(from, to), (to, from)].into_iter().filter(|end| !self.up.contains(end)));
        }
    }

    /// Node `at` has a connection to `to`.
    pub fn ready(&mut self, at: usize, to: usize) {
        self.version += 1;
        self.up.insert((at, to));
        self.missing.remove(&(at, to));
    }

    /// Node `at` has none to `to` any more.
    pub fn gone(&mut self, at: usize, to: usize) {
        self.version += 1;
        self.up.remove(&(at, to));
        if self.expected.contains(&(at, to)) || self.expected.contains(&(to, at)) {
            self.missing.insert((at, to));
        }
    }

    /// Node `at` is gone, and tells nothing of its connections any more.
    pub fn lost(&mut self, at: usize) {
        let others: Vec<usize> = self.up.range((at, 0)..=(at, usize::MAX)).map(|(_, to)| *to).collect();
        others.into_iter().for_each(|to| self.gone(at, to));
    }

    /// There are no nodes from `first` on.
    pub fn forget_from(&mut self, first: usize) {
        self.version += 1;
        for links in [&mut self.expected, &mut self.missing, &mut self.up] {
            links.retain(|(from, to)| *from < first && *to < first);
        }
    }

    /// Whether `from` is to dial `to`.
    pub fn is_expected(&self, from: usize, to: usize) -> bool {
        self.expected.contains(&(from, to))
    }

    /// Every link that is expected, each begun by its first end.
    pub fn expected(&self) -> impl Iterator<Item = (usize, usize)> {
        self.expected.iter().copied()
    }

    /// Whether every expected link is up at both of its ends.
    pub fn are_up(&self) -> bool {
        self.missing.is_empty()
    }

    /// Expected links that are not up at both ends, as they are begun.
    pub fn missing(&self) -> Vec<(usize, usize)> {
        let is_down = |(from, to): &(usize, usize)| {
            self.missing.contains(&(*from, *to)) || self.missing.contains(&(*to, *from))
        };
        self.expected.iter().copied().filter(is_down).collect()
    }

    /// How many links are expected.
    pub fn count(&self) -> usize {
        self.expected.len()
    }

    /// How many connections node `at` has to others.
    pub fn peers(&self, at: usize) -> usize {
        self.peers_of(at).count()
    }

    /// The nodes that node `at` has a connection to.
    pub fn peers_of(&self, at: usize) -> impl Iterator<Item = usize> {
        self.up.range((at, 0)..=(at, usize::MAX)).map(|(_, to)| *to)
    }

    /// Every link that is expected or up, the smaller number first.
    pub fn pairs(&self) -> BTreeSet<(usize, usize)> {
        self.expected.iter().chain(&self.up).map(|(a, b)| (*a.min(b), *a.max(b))).collect()
    }

    /// Whether one of the link's ends that `runs` has it.
    pub fn is_heard_of(&self, a: usize, b: usize, runs: impl Fn(usize) -> bool) -> bool {
        [(a, b), (b, a)].into_iter().any(|(at, to)| runs(at) && self.up.contains(&(at, to)))
    }

    /// Whether a link is up at both of its ends.
    pub fn is_up(&self, a: usize, b: usize) -> bool {
        self.up.contains(&(a, b)) && self.up.contains(&(b, a))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_up_when_both_ends_say_so() {
        let mut links = Links::default();
        links.expect([(0, 1), (0, 2)]);
        assert_eq!((links.count(), links.missing()), (2, vec![(0, 1), (0, 2)]));
        links.ready(0, 1);
        links.ready(1, 0);
        links.ready(2, 0);
        assert_eq!(links.missing(), [(0, 2)]);
        assert!(!links.are_up());
        links.ready(0, 2);
        assert!(links.are_up());
        assert_eq!([links.peers(0), links.peers(1), links.peers(2)], [2, 1, 1]);
    }

    #[test]
    fn a_link_that_breaks_is_missing_again_and_others_do_not_count() {
        let mut links = Links::default();
        links.ready(0, 1);
        links.expect([(0, 1)]);
        links.ready(1, 0);
        links.ready(1, 2);
        assert!(links.are_up());
        links.gone(1, 2);
        assert!(links.are_up(), "nobody expected that one");
        links.gone(1, 0);
        assert_eq!(links.missing(), [(0, 1)]);
        assert_eq!([links.peers(0), links.peers(1)], [1, 0]);
        links.lost(0);
        assert_eq!((links.peers(0), links.is_expected(0, 1), links.is_expected(1, 0)), (0, true, false));
        links.expect([(2, 0)]);
        links.forget_from(1);
        assert!(links.are_up() && links.pairs().is_empty(), "node 0 is alone");
    }
}
