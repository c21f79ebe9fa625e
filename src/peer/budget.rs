//! How much one connection may ask of us before it is a nuisance.

use core::time::Duration;

use crate::limits::{
    ANNOUNCEMENT_BURST, ANNOUNCEMENTS_PER_SEC, GET_PEERS_EVERY, MAX_ANNOUNCEMENT_BURST,
    MAX_ANNOUNCEMENTS_PER_SEC, MAX_GET_PEERS_BURST, MAX_PEERS, MAX_PINGS_PER_SEC, MAX_REQUEST_BURST,
    MAX_REQUESTS_PER_SEC, MAX_STRIKES, MAX_UNKNOWN_FRAMES, NEW_PEER_EVERY,
};
use crate::peer::Disconnect;

/// A token bucket, its tokens as the time in which they are earned: one `every` so often, `full` at most.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    every: Duration,
    full: Duration,
    credit: Duration,
    at: Duration,
}

impl Bucket {
    /// One with `burst` tokens that earns `rate` a second.
    fn full(rate: u32, burst: u32) -> Bucket {
        Bucket::slow(Duration::from_secs(1) / rate, burst)
    }

    /// One with `burst` tokens that earns one `every` so often.
    pub(crate) fn slow(every: Duration, burst: u32) -> Bucket {
        Bucket { every, full: every * burst, credit: every * burst, at: Duration::ZERO }
    }

    fn earn(&mut self, now: Duration) {
        self.credit = self.credit.saturating_add(now.saturating_sub(self.at)).min(self.full);
        self.at = self.at.max(now);
    }

    /// Takes `count` tokens; whether there were so many.
    pub(crate) fn take(&mut self, now: Duration, count: usize) -> bool {
        self.earn(now);
        let price = u32::try_from(count).ok().and_then(|count| self.every.checked_mul(count));
        match price.and_then(|price| self.credit.checked_sub(price)) {
            Some(left) => {
                self.credit = left;
                true
            }
            None => false,
        }
    }
}

/// What this node announces on one connection: never so much that it would be a nuisance there.
#[derive(Debug, Clone)]
pub struct Voice(Bucket);

impl Default for Voice {
    fn default() -> Self {
        Voice(Bucket::full(ANNOUNCEMENTS_PER_SEC, ANNOUNCEMENT_BURST))
    }
}

impl Voice {
    /// How much may be announced now.
    pub fn room(&mut self, now: Duration) -> usize {
        self.0.earn(now);
        (self.0.credit.as_nanos() / self.0.every.as_nanos()) as usize
    }

    /// Announces `count` things; whether it may.
    pub fn announce(&mut self, now: Duration, count: usize) -> bool {
        self.0.take(now, count)
    }
}

/// All budgets of one connection. Each call either pays or says why the connection is to close.
#[derive(Debug, Clone)]
pub struct Budget {
    pings: Bucket,
    requests: Bucket,
    announcements: Bucket,
    get_peers: Bucket,
    new_peers: Bucket,
    strikes: u32,
    unknown: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            pings: Bucket::full(MAX_PINGS_PER_SEC, MAX_PINGS_PER_SEC),
            requests: Bucket::full(MAX_REQUESTS_PER_SEC, MAX_REQUEST_BURST),
            announcements: Bucket::full(MAX_ANNOUNCEMENTS_PER_SEC, MAX_ANNOUNCEMENT_BURST),
            get_peers: Bucket::slow(GET_PEERS_EVERY, MAX_GET_PEERS_BURST),
            new_peers: Bucket::slow(NEW_PEER_EVERY, MAX_PEERS as u32),
            strikes: 0,
            unknown: 0,
        }
    }
}

impl Budget {
    /// A ping, or a pong that nobody waits for.
    pub fn ping(&mut self, now: Duration) -> Result<(), Disconnect> {
        if self.pings.take(now, 1) { Ok(()) } else { Err(Disconnect::Flood("ping")) }
    }

    /// A question that costs us work.
    pub fn request(&mut self, now: Duration) -> Result<(), Disconnect> {
        if self.requests.take(now, 1) { Ok(()) } else { Err(Disconnect::Flood("request")) }
    }

    /// News of `count` things.
    pub fn announce(&mut self, now: Duration, count: usize) -> Result<(), Disconnect> {
        if self.announcements.take(now, count) { Ok(()) } else { Err(Disconnect::Flood("announcement")) }
    }

    /// A question for addresses.
    pub fn get_peers(&mut self, now: Duration) -> Result<(), Disconnect> {
        if self.get_peers.take(now, 1) { Ok(()) } else { Err(Disconnect::Flood("GetPeers")) }
    }

    /// An address that is new to us; whether it may be looked at. More than that is odd and no offence: the
    /// other side cannot know what is new to us.
    pub fn new_peer(&mut self, now: Duration) -> bool {
        self.new_peers.take(now, 1)
    }

    /// An answer that helped nobody.
    pub fn strike(&mut self) -> Result<(), Disconnect> {
        self.strikes += 1;
        if self.strikes < MAX_STRIKES { Ok(()) } else { Err(Disconnect::Strikes) }
    }

    /// A message of a kind that we do not know: a later version may say more than we understand.
    pub fn unknown(&mut self) -> Result<(), Disconnect> {
        self.unknown += 1;
        if self.unknown <= MAX_UNKNOWN_FRAMES { Ok(()) } else { Err(Disconnect::UnknownKinds) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 57 of docs/hostile.md.
    #[test]
    fn a_bucket_holds_its_burst_and_refills_at_its_rate() {
        let mut bucket = Bucket::full(10, 20);
        let at = Duration::from_millis;
        assert!(bucket.take(at(0), 20));
        assert!(!bucket.take(at(99), 1), "a tenth of a second earns one token");
        assert!(bucket.take(at(100), 1));
        assert!(!bucket.take(at(100), 1));
        assert!(bucket.take(at(60_000), 20) && !bucket.take(at(60_000), 1), "a minute saves up no more");
    }

    /// However much there is to say: what one connection says, at the other end's clock or ten seconds late, the other
    /// takes.
    #[test]
    fn what_is_announced_is_never_a_flood() {
        let (mut voice, mut prompt, mut late) = (Voice::default(), Budget::default(), Budget::default());
        let mut held_up = 0;
        for tenth in 1..=3000 {
            let now = Duration::from_millis(tenth * 100);
            let said = voice.room(now);
            assert!(voice.announce(now, said) && !voice.announce(now, 1));
            assert_eq!(prompt.announce(now, said), Ok(()));
            held_up += said;
            if tenth % 95 == 0 {
                assert_eq!(late.announce(now, core::mem::take(&mut held_up)), Ok(()), "after {now:?}");
            }
        }
    }

    #[test]
    fn patience_ends_where_the_limits_say() {
        let mut budget = Budget::default();
        for _ in 1..MAX_STRIKES {
            assert_eq!(budget.strike(), Ok(()));
        }
        assert_eq!(budget.strike(), Err(Disconnect::Strikes));
        for _ in 0..MAX_UNKNOWN_FRAMES {
            assert_eq!(budget.unknown(), Ok(()));
        }
        assert_eq!(budget.unknown(), Err(Disconnect::UnknownKinds));
    }
}
