//! Connections between nodes, and how long what is sent on them is under way.
//!
//! A message waits for the sender's uplink, which all its connections share; then it travels (`peer::line`).

use core::time::Duration;

use rand_chacha::ChaCha12Rng;

use crate::limits::{HANDSHAKE_TIMEOUT, MAX_BLOCK_TIMEOUT, MIN_FRAME_BYTES_PER_SEC};
use crate::node::io::ConnId;
use crate::peer::line;
pub(super) use crate::peer::line::nanos;
use crate::sim::values::{Bandwidth, Latency, Share};

/// What all links are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Of one message, one way.
    pub latency: Latency,
    /// Of each node's uplink; none: a message is sent in no time.
    pub bandwidth: Option<Bandwidth>,
    /// How many of the segments are lost.
    pub loss: Share,
}

/// Why no network can be on such links: nodes have limits, and close what is slower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooSlow {
    /// No handshake is done in time.
    #[error(
        "a latency of {latency:?} lets no link come up: a handshake takes two of them, and has {} s",
        HANDSHAKE_TIMEOUT.as_secs()
    )]
    Latency {
        /// The mean one, each way.
        latency: Duration,
    },
    /// A frame arrives too slowly.
    #[error(
        "a bandwidth of {bandwidth} is too little: a frame has to arrive at {MIN_FRAME_BYTES_PER_SEC} bytes a second"
    )]
    Frame {
        /// Of an uplink.
        bandwidth: Bandwidth,
    },
    /// A block is under way for longer than anybody waits for it.
    #[error(
        "a bandwidth of {bandwidth} is too little for blocks of {bytes} bytes: each takes {takes:?}, and a node that \
         asked for it waits for {} s at the longest",
        MAX_BLOCK_TIMEOUT.as_secs()
    )]
    Block {
        /// Of an uplink.
        bandwidth: Bandwidth,
        /// Of a block.
        bytes: usize,
        /// How long that takes.
        takes: Duration,
    },
}

impl Line {
    /// Whether nodes on such links can have blocks of so many bytes from each other.
    pub fn check(&self, block_bytes: usize) -> Result<(), TooSlow> {
        let latency = self.latency.mean;
        if latency.saturating_mul(2) >= HANDSHAKE_TIMEOUT {
            return Err(TooSlow::Latency { latency });
        }
        let Some(bandwidth) = self.bandwidth else { return Ok(()) };
        if bandwidth.bits_per_second < 8 * MIN_FRAME_BYTES_PER_SEC {
            return Err(TooSlow::Frame { bandwidth });
        }
        let takes = Duration::from_nanos(self.sending(block_bytes));
        if takes > MAX_BLOCK_TIMEOUT {
            return Err(TooSlow::Block { bandwidth, bytes: block_bytes, takes });
        }
        Ok(())
    }

    /// How long a message that weighs nothing is under way.
    pub(super) fn trip(&self, dice: &mut ChaCha12Rng) -> u64 {
        let Latency { mean, spread } = self.latency;
        line::trip(nanos(mean), nanos(spread), dice)
    }

    /// How long the uplink is busy with so many bytes.
    pub(super) fn sending(&self, bytes: usize) -> u64 {
        let Some(Bandwidth { bits_per_second }) = self.bandwidth else { return 0 };
        let time = bytes as u128 * 8 * 1_000_000_000 / u128::from(bits_per_second);
        u64::try_from(time).unwrap_or(u64::MAX)
    }

    /// How long so many bytes wait for what was lost of them to be sent again.
    pub(super) fn repair(&self, bytes: usize, dice: &mut ChaCha12Rng) -> u64 {
        line::repair(bytes, self.loss.millionths, 2 * nanos(self.latency.mean), dice)
    }
}

/// One connection. Its ends are numbered 0, which dialled, and 1.
#[derive(Debug)]
struct Link {
    nodes: [u32; 2],
    /// Whether each end still holds it.
    open: [bool; 2],
    /// Cut in the middle: nothing arrives any more but the news of it.
    cut: bool,
    /// When the last message towards each end arrives, so that the next does not overtake it.
    last: [u64; 2],
}

/// All connections there ever were; the number of an end says which link it is of, and which end.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<Link>);

fn place(conn: ConnId) -> (usize, usize) {
    ((conn.0 / 2) as usize, (conn.0 % 2) as usize)
}

impl Links {
    /// A new one: both ends' numbers.
    pub(super) fn open(&mut self, from: usize, to: usize) -> (ConnId, ConnId) {
        let first = 2 * self.0.len() as u64;
        let nodes = [from as u32, to as u32];
        self.0.push(Link { nodes, open: [true; 2], cut: false, last: [0; 2] });
        (ConnId(first), ConnId(first + 1))
    }

    /// The node that holds this end.
    pub(super) fn node(&self, conn: ConnId) -> usize {
        let (link, end) = place(conn);
        self.0[link].nodes[end] as usize
    }

    /// The other end.
    pub(super) fn other(conn: ConnId) -> ConnId {
        ConnId(conn.0 ^ 1)
    }

    /// Whether this end is still held.
    pub(super) fn is_open(&self, conn: ConnId) -> bool {
        let (link, end) = place(conn);
        self.0[link].open[end]
    }

    /// Whether anything said still arrives at this end.
    pub(super) fn hears(&self, conn: ConnId) -> bool {
        self.is_open(conn) && !self.0[place(conn).0].cut
    }

    /// This end lets go.
    pub(super) fn close(&mut self, conn: ConnId) {
        let (link, end) = place(conn);
        self.0[link].open[end] = false;
    }

    /// Nothing arrives at either end any more.
    pub(super) fn cut(&mut self, conn: ConnId) {
        self.0[place(conn).0].cut = true;
    }

    /// When what could arrive at this end `at` some time does: not before what was sent earlier.
    pub(super) fn in_order(&mut self, conn: ConnId, at: u64) -> u64 {
        let (link, end) = place(conn);
        let last = &mut self.0[link].last[end];
        *last = at.max(*last);
        *last
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const MS: u64 = 1_000_000;

    fn line(latency: &str, bandwidth: Option<&str>, loss: &str) -> Line {
        Line {
            latency: latency.parse().expect("a latency"),
            bandwidth: bandwidth.map(|text| text.parse().expect("a bandwidth")),
            loss: loss.parse().expect("a share"),
        }
    }

    #[test]
    fn trips_are_within_the_spread_and_fill_it() {
        let mut dice = ChaCha12Rng::seed_from_u64(1);
        let line = line("50ms±20ms", None, "0%");
        let trips: Vec<u64> = (0..10_000).map(|_| line.trip(&mut dice)).collect();
        assert!(trips.iter().all(|trip| (30 * MS..=70 * MS).contains(trip)));
        let mean = trips.iter().sum::<u64>() / 10_000;
        assert!((49 * MS..51 * MS).contains(&mean), "{mean}");
        assert!(trips.iter().any(|trip| *trip < 31 * MS) && trips.iter().any(|trip| *trip > 69 * MS));
    }

    #[test]
    fn an_uplink_takes_its_time() {
        assert_eq!(line("0ms", Some("10Mbit"), "0%").sending(1_000_000), 800 * MS);
        assert_eq!(line("0ms", None, "0%").sending(1_000_000), 0);
    }

    /// One segment at 10 %: nine of ten are not late, the others by a timeout that doubles.
    #[test]
    fn what_is_lost_is_late() {
        let mut dice = ChaCha12Rng::seed_from_u64(2);
        let line = line("50ms", None, "10%");
        let late: Vec<u64> = (0..100_000).map(|_| line.repair(100, &mut dice)).collect();
        let count = |delay: u64| late.iter().filter(|late| **late == delay * MS).count();
        assert!((89_500..90_500).contains(&count(0)), "{}", count(0));
        assert!((8_700..9_300).contains(&count(300)), "{}", count(300));
        assert!((800..1_000).contains(&count(900)), "{}", count(900));
        // A long message hears of its losses from what follows them.
        let late: Vec<u64> = (0..1000).map(|_| line.repair(100_000, &mut dice)).collect();
        assert!(late.iter().filter(|late| **late == 100 * MS).count() > 300);
    }

    #[test]
    fn order_is_kept_each_way() {
        let mut links = Links::default();
        let (a, b) = links.open(3, 4);
        assert_eq!((links.node(a), links.node(b), Links::other(a)), (3, 4, b));
        assert_eq!([links.in_order(b, 10), links.in_order(b, 7), links.in_order(b, 12)], [10, 10, 12]);
        assert_eq!(links.in_order(a, 3), 3);
        links.close(a);
        assert!(!links.is_open(a) && links.hears(b));
        links.cut(a);
        assert!(links.is_open(b) && !links.hears(b));
    }
}
