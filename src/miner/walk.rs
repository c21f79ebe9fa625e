//! The way of one thread through the blocks a template can become: nonces, then time and extra nonce.

use crate::miner::{Kernel, Search};
use crate::types::{Header, Template};

/// Headers of one template, one after another, of which no two are the same.
#[derive(Debug)]
pub struct Walk<'a> {
    template: &'a Template,
    kernel: Kernel,
    extra_nonce: u64,
    /// How far apart this thread's extra nonces are: the number of threads.
    step: u64,
    /// Nonces of a header that are tried.
    range: u64,
    header: Header,
    search: Search,
    /// The next nonce, or `range`.
    next: u64,
}

/// Where the walk got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// A header that meets its target, and its extra nonce.
    pub found: Option<(Header, u64)>,
    /// Headers tried.
    pub hashes: u64,
}

impl<'a> Walk<'a> {
    /// Begins at `extra_nonce` with `time` or the template's earliest; `range` is 2^32 but in tests.
    pub fn new(
        template: &'a Template,
        kernel: Kernel,
        extra_nonce: u64,
        step: u64,
        range: u64,
        time: u32,
    ) -> Walk<'a> {
        let header = template.header(extra_nonce, time);
        let search = Search::with(&header, kernel);
        Walk { template, kernel, extra_nonce, step, range, header, search, next: 0 }
    }

    /// Tries up to `count` headers, fewer where the nonces end.
    pub fn run(&mut self, count: u64) -> Step {
        let count = count.min(self.range - self.next);
        let Ok(from) = u32::try_from(self.next) else {
            return Step { found: None, hashes: 0 };
        };
        let searched = self.search.run(from, count);
        self.next += searched.hashes;
        let found = searched.nonce.map(|nonce| (Header { nonce, ..self.header }, self.extra_nonce));
        Step { found, hashes: searched.hashes }
    }

    /// Whether this header's nonces are used up, and [`Walk::renew`] must come first.
    pub fn is_used_up(&self) -> bool {
        self.next >= self.range
    }

    /// Goes on with the time `time`, and with the next extra nonce where the nonces have ended. A clock
    /// that was set back is not followed: that would lead over headers already tried.
    pub fn renew(&mut self, time: u32) {
        if self.is_used_up() {
            self.extra_nonce = self.extra_nonce.wrapping_add(self.step);
        } else if time <= self.header.time {
            return;
        }
        self.header = self.template.header(self.extra_nonce, time.max(self.header.time));
        self.search = Search::with(&self.header, self.kernel);
        self.next = 0;
    }

    /// The extra nonce after the last that was used.
    pub fn next_extra_nonce(&self) -> u64 {
        self.extra_nonce.wrapping_add(self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Text;
    use crate::params::Params;
    use crate::types::{Coinbase, NodeId, Target};
    use std::collections::BTreeSet;

    fn template(zeros: u32) -> Template {
        let genesis = Params::regtest().genesis().header;
        let header = Header { time: 100, bits: Target::from_leading_zeros(zeros).to_compact(), ..genesis };
        let coinbase =
            Coinbase { height: 1, miner: NodeId([3; 16]), extra_nonce: 0, note: Text::clipped("") };
        Template::new(header, coinbase, Vec::new())
    }

    #[test]
    fn no_header_comes_twice_whatever_the_clock_does() {
        let template = template(200);
        let mut seen = BTreeSet::new();
        for thread in 0..2 {
            let mut walk = Walk::new(&template, Kernel::fastest(), thread, 2, 16, 90);
            assert_eq!(walk.header.time, 100, "not before the template's");
            for (count, time) in [(5, 90), (20, 95), (20, 101), (3, 102), (9, 50), (9, 102), (16, 60), (7, 0)]
            {
                let from = walk.next;
                let step = walk.run(count);
                assert_eq!(step, Step { found: None, hashes: count.min(16 - from) });
                for nonce in from..walk.next {
                    let header = Header { nonce: nonce as u32, ..walk.header };
                    assert!(seen.insert(header.to_bytes()), "{header:?}");
                }
                if walk.is_used_up() {
                    assert_eq!(walk.run(1), Step { found: None, hashes: 0 });
                }
                walk.renew(time);
            }
            assert!(walk.header.time == 102 && walk.next_extra_nonce() > 4);
        }
    }

    #[test]
    fn a_found_header_is_one_of_its_extra_nonce() {
        let template = template(4);
        let mut walk = Walk::new(&template, Kernel::fastest(), 7, 1, 1 << 32, 123);
        let (header, extra_nonce) = walk.run(10_000).found.expect("one in sixteen");
        assert_eq!(Header { nonce: 0, ..header }, template.header(7, 123));
        assert_eq!(extra_nonce, 7);
        assert_eq!(walk.next, u64::from(header.nonce) + 1);
    }
}
