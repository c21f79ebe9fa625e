//! The address book: where other nodes are, on whose word, and how that word turned out.
//!
//! It is bounded three ways, so that nobody can fill it: in all, by the network that an address is in, and
//! by the network of whoever told of it. What is full takes a newcomer only for an address that does not
//! answer; what answered once is never pushed out by what is merely told. A name is believed in the order of
//! what it cost to say: told by somebody, claimed by a caller, met by dialling.
//!
//! Not here: when to dial (`addresses`, `outbound`), what is sent to peers (`gossip`).

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::limits::{
    MAX_DIAL_FAILURES, MAX_KNOWN_NODES, MAX_KNOWN_PER_GROUP, MAX_KNOWN_PER_SOURCE, MAX_REACHED_AGE,
    MIN_RETRY_PAUSE, SIMULTANEOUS_WINDOW,
};
use crate::time::{Now, UnixTime};
use crate::types::{Group, NodeId, address};

/// Who is the reason that an address is in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// An operator or a manager: only the book's own size limits them.
    Named,
    /// The book of an earlier run.
    Kept,
    /// A peer in this group: by its own handshake, or by what it told.
    Peer(Group),
}

/// What a name rests on, the best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// Somebody said so.
    Told,
    /// A caller said so of itself and the port that it listens on.
    Claimed,
    /// It answered there.
    Met,
}

/// One address.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Who lives there, on what word, and since when that has been so.
    pub(super) name: Option<(NodeId, Word, Duration)>,
    /// When a dial there met a node of this network, if no later one failed.
    pub(super) reached: Option<UnixTime>,
    source: Source,
    /// Dials in a row that nobody answered.
    failures: u32,
    /// Not to be dialled before.
    pub(super) next: Duration,
}

impl Entry {
    /// Whether a handshake with it is so fresh, at `wall`, that others may be told.
    pub(super) fn is_fresh(&self, wall: UnixTime) -> bool {
        self.reached.is_some_and(|at| at.plus(MAX_REACHED_AGE) >= wall)
    }

    fn word(&self) -> Word {
        self.name.map_or(Word::Told, |(_, word, _)| word)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: BTreeMap<SocketAddr, Entry>,
}

impl Book {
    pub(super) fn get(&self, address: &SocketAddr) -> Option<&Entry> {
        self.entries.get(address)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&SocketAddr, &Entry)> {
        self.entries.iter()
    }

    /// Every node with a name, each at the address that its name is best known for.
    pub(super) fn names(&self) -> BTreeMap<NodeId, SocketAddr> {
        let mut best: BTreeMap<NodeId, (Word, Duration, SocketAddr)> = BTreeMap::new();
        for (address, entry) in &self.entries {
            let Some((node, word, since)) = entry.name else { continue };
            let here = (word, since, *address);
            let at = best.entry(node).or_insert(here);
            if (here.0, here.1) > (at.0, at.1) {
                *at = here;
            }
        }
        best.into_iter().map(|(node, (_, _, address))| (node, address)).collect()
    }

    pub(super) fn node_at(&self, address: &SocketAddr) -> Option<NodeId> {
        self.entries.get(address)?.name.map(|(node, _, _)| node)
    }

    /// `node` may be dialled again at once, wherever it lives.
    pub(super) fn no_pause(&mut self, node: &NodeId, now: Duration) {
        for entry in self.entries.values_mut() {
            if entry.name.is_some_and(|(name, _, _)| name == *node) {
                entry.next = entry.next.min(now);
            }
        }
    }

    /// Forgets where `node` lives; whether that was known.
    pub(super) fn forget_node(&mut self, node: &NodeId) -> bool {
        let before = self.entries.len();
        self.entries.retain(|_, entry| entry.name.is_none_or(|(name, _, _)| name != *node));
        self.entries.len() < before
    }

    /// Takes in `address`, if there is room for it.
    pub(super) fn hear(&mut self, address: SocketAddr, source: Source, now: Duration) -> bool {
        if let Some(entry) = self.entries.get_mut(&address) {
            if source == Source::Named {
                entry.source = source;
            }
            return true;
        }
        if !self.make_room(&address, source) {
            return false;
        }
        let entry = Entry { name: None, reached: None, source, failures: 0, next: now };
        self.entries.insert(address, entry);
        true
    }

    /// Learns that `node` is at `address`, unless a better word says that somebody else is.
    pub(super) fn learn(
        &mut self,
        node: NodeId,
        address: SocketAddr,
        word: Word,
        source: Source,
        now: Duration,
    ) {
        if !self.hear(address, source, now) {
            return;
        }
        let Some(entry) = self.entries.get_mut(&address) else { return };
        if entry.name.is_none_or(|(_, known, _)| word >= known) {
            entry.name = Some((node, word, now));
        }
        if word == Word::Claimed {
            // Not called back before that can be told from both having dialled at once.
            entry.next = entry.next.max(now + SIMULTANEOUS_WINDOW * 2);
        }
    }

    /// Takes back the rank of a name that nobody stands for any more.
    pub(super) fn doubt(&mut self, address: &SocketAddr) {
        if let Some(Entry { name: Some((_, word, _)), .. }) = self.entries.get_mut(address) {
            *word = Word::Told;
        }
    }

    /// A dial to `address` met a node of this network.
    pub(super) fn reached(&mut self, address: &SocketAddr, now: Now) {
        if let Some(entry) = self.entries.get_mut(address) {
            entry.reached = Some(now.wall);
            entry.failures = 0;
            entry.next = now.elapsed + MIN_RETRY_PAUSE;
        }
    }

    /// What an earlier run knew of `address`.
    pub(super) fn was_reached(&mut self, address: &SocketAddr, at: UnixTime) {
        if let Some(entry) = self.entries.get_mut(address) {
            entry.reached = Some(at);
        }
    }

    /// Nobody of this network answered at `address`. It counts against the address if somebody does answer
    /// elsewhere: if nobody does, it is we who are cut off.
    pub(super) fn failed(&mut self, address: &SocketAddr, counts: bool, now: Duration) {
        let Some(entry) = self.entries.get_mut(address) else { return };
        entry.reached = None;
        entry.next = now + MIN_RETRY_PAUSE * 2u32.pow(entry.failures);
        if counts {
            entry.failures += 1;
            if entry.failures >= MAX_DIAL_FAILURES {
                self.entries.remove(address);
            }
        }
    }

    /// A manual peer did not answer: it stays, and nobody is told of it.
    pub(super) fn silent(&mut self, address: &SocketAddr) {
        if let Some(entry) = self.entries.get_mut(address) {
            entry.reached = None;
        }
    }

    pub(super) fn forget(&mut self, address: &SocketAddr) {
        self.entries.remove(address);
    }

    /// Forgets all that is on the host of `ip`.
    pub(super) fn forget_host(&mut self, ip: IpAddr) {
        let host = address::host(ip);
        self.entries.retain(|at, _| address::host(at.ip()) != host);
    }

    /// Makes room for `address` by `source`; whether there is.
    fn make_room(&mut self, address: &SocketAddr, source: Source) -> bool {
        let group = Group::of(address.ip());
        let in_group =
            |at: &SocketAddr, entry: &Entry| entry.source != Source::Named && Group::of(at.ip()) == group;
        let by_source = |entry: &Entry| entry.source == source;
        let count = |counts: &dyn Fn(&SocketAddr, &Entry) -> bool| {
            self.entries.iter().filter(|(at, entry)| counts(at, entry)).count()
        };
        let group_full =
            source != Source::Named && group != Group::Loopback && count(&in_group) >= MAX_KNOWN_PER_GROUP;
        let source_full = matches!(source, Source::Peer(by) if by != Group::Loopback)
            && count(&|_, entry| by_source(entry)) >= MAX_KNOWN_PER_SOURCE;
        if !group_full && !source_full && self.entries.len() < MAX_KNOWN_NODES {
            return true;
        }
        let victim = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.failures > 0 && entry.word() < Word::Met)
            .filter(|(at, entry)| !group_full || in_group(at, entry))
            .filter(|(_, entry)| !source_full || by_source(entry))
            .max_by_key(|(_, entry)| entry.failures)
            .map(|(at, _)| *at);
        match victim {
            Some(victim) => self.entries.remove(&victim).is_some(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now { elapsed: Duration::from_secs(100), wall: UnixTime::from_secs(1_000_000) };

    fn at(a: u8, b: u8, n: usize) -> SocketAddr {
        SocketAddr::from(([a, b, (n >> 8) as u8, n as u8], 6000))
    }

    fn hear(book: &mut Book, address: SocketAddr, source: Source) -> bool {
        book.hear(address, source, NOW.elapsed)
    }

    fn told_by(a: u8) -> Source {
        Source::Peer(Group::V4([a, 0]))
    }

    #[test]
    fn no_network_fills_the_book_and_no_source_does() {
        let mut book = Book::default();
        let heard = (0..1000).filter(|n| hear(&mut book, at(10, 1, *n), told_by(1))).count();
        assert_eq!(heard, MAX_KNOWN_PER_GROUP, "one group");
        let heard = (0..=255).filter(|n| hear(&mut book, at(20, *n, 1), told_by(1))).count();
        assert_eq!(heard, MAX_KNOWN_PER_SOURCE - MAX_KNOWN_PER_GROUP, "one source, many groups");
        assert!(hear(&mut book, at(20, 255, 1), told_by(2)), "another source is heard");
        let named = (0..100).filter(|n| hear(&mut book, at(10, 1, 2000 + n), Source::Named)).count();
        assert_eq!(named, 100, "who is named is not counted");
        for a in 30..=255 {
            for b in 0..50 {
                hear(&mut book, at(a, b, 1), told_by(a));
            }
        }
        assert_eq!(book.iter().count(), MAX_KNOWN_NODES);
        assert!(!hear(&mut book, at(9, 9, 9), Source::Named));
    }

    #[test]
    fn this_machine_may_have_as_many_nodes_as_the_book_holds() {
        let mut book = Book::default();
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let source = Source::Peer(Group::Loopback);
        let heard = (1..=2000).filter(|port| hear(&mut book, local(*port), source)).count();
        assert_eq!(heard, MAX_KNOWN_NODES);
    }

    #[test]
    fn a_newcomer_takes_the_place_of_who_does_not_answer_and_of_nobody_else() {
        let mut book = Book::default();
        for n in 0..MAX_KNOWN_PER_GROUP {
            assert!(hear(&mut book, at(10, 1, n), told_by(1)));
        }
        assert!(!hear(&mut book, at(10, 1, 999), told_by(2)));
        book.failed(&at(10, 1, 5), true, NOW.elapsed);
        assert!(hear(&mut book, at(10, 1, 999), told_by(2)));
        assert!(book.get(&at(10, 1, 5)).is_none());
    }

    #[test]
    fn who_does_not_answer_leaves_unless_nobody_does() {
        let mut book = Book::default();
        let place = at(10, 1, 1);
        hear(&mut book, place, told_by(1));
        for _ in 0..100 {
            book.failed(&place, false, NOW.elapsed);
        }
        for n in 1..MAX_DIAL_FAILURES {
            book.failed(&place, true, NOW.elapsed);
            let pause = book.get(&place).expect("still there").next - NOW.elapsed;
            assert_eq!(pause, MIN_RETRY_PAUSE * 2u32.pow(n - 1), "the pause doubles");
        }
        book.reached(&place, NOW);
        assert!(book.get(&place).is_some_and(|entry| entry.is_fresh(NOW.wall)));
        for _ in 0..MAX_DIAL_FAILURES {
            book.failed(&place, true, NOW.elapsed);
        }
        assert!(book.get(&place).is_none());
    }

    /// (who is said to be there, on what word; who is there then)
    #[test]
    fn a_name_gives_way_to_a_better_word_only() {
        let (mut book, place) = (Book::default(), at(10, 1, 1));
        let node = |n| NodeId([n; 16]);
        let rows = [
            (1, Word::Told, 1),
            (2, Word::Told, 2),
            (3, Word::Claimed, 3),
            (4, Word::Told, 3),
            (5, Word::Met, 5),
            (6, Word::Claimed, 5),
            (7, Word::Told, 5),
            (8, Word::Met, 8),
        ];
        for (n, word, there) in rows {
            book.learn(node(n), place, word, Source::Named, NOW.elapsed);
            assert_eq!(book.node_at(&place), Some(node(there)), "{n} {word:?}");
        }
        // And a node that is said to be elsewhere is still where it was met.
        book.learn(node(8), at(10, 1, 2), Word::Told, Source::Named, NOW.elapsed);
        assert_eq!(book.names(), BTreeMap::from([(node(8), place)]));
    }

    #[test]
    fn a_handshake_is_fresh_for_a_day() {
        let (mut book, place) = (Book::default(), at(10, 1, 1));
        hear(&mut book, place, told_by(1));
        let fresh = |book: &Book, wall| book.get(&place).is_some_and(|entry| entry.is_fresh(wall));
        assert!(!fresh(&book, NOW.wall), "heard of, not met");
        book.reached(&place, NOW);
        assert!(fresh(&book, NOW.wall.plus(MAX_REACHED_AGE)));
        assert!(!fresh(&book, NOW.wall.plus(MAX_REACHED_AGE).plus(Duration::from_secs(1))));
    }
}
