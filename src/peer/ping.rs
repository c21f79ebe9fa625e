//! Whether the other side is still there.

use core::time::Duration;

use crate::limits::{PING_INTERVAL, PONG_TIMEOUT};

/// What to do when the ping timer rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing; ring again after so long.
    Wait(Duration),
    /// Send a ping, and ring again after so long.
    Ping(Duration),
    /// Close: it is gone.
    Dead,
}

/// When a connection was last heard of, and what it owes.
#[derive(Debug, Clone, Copy)]
pub struct Liveness {
    heard: Duration,
    /// The nonce of a ping without its pong, and when it was sent.
    owed: Option<(u64, Duration)>,
    /// How long the last answer took, and when it came.
    answered: Option<(Duration, Duration)>,
}

impl Liveness {
    /// Alive now.
    pub fn new(now: Duration) -> Liveness {
        Liveness { heard: now, owed: None, answered: None }
    }

    /// Something arrived.
    pub fn heard(&mut self, now: Duration) {
        self.heard = now;
    }

    /// A ping was sent.
    pub fn pinged(&mut self, nonce: u64, now: Duration) {
        self.owed = Some((nonce, now));
    }

    /// A pong arrived; whether it was owed.
    pub fn pong(&mut self, nonce: u64, now: Duration) -> bool {
        match self.owed {
            Some((wanted, since)) if wanted == nonce => {
                self.answered = Some((now.saturating_sub(since), now));
                self.owed = None;
                true
            }
            _ => false,
        }
    }

    /// How long the last ping took to be answered; none, if there was none.
    pub fn round_trip(&self) -> Option<Duration> {
        self.answered.map(|(took, _)| took)
    }

    /// How long ago the last ping was answered, if one was.
    pub fn answered_ago(&self, now: Duration) -> Option<Duration> {
        self.answered.map(|(_, at)| now.saturating_sub(at))
    }

    /// How long a ping has waited for its pong, if one does.
    pub fn owed_for(&self, now: Duration) -> Option<Duration> {
        self.owed.map(|(_, since)| now.saturating_sub(since))
    }

    /// What is due: a ping after a quiet minute, death after another one in which not a word came.
    pub fn due(&self, now: Duration) -> Due {
        let quiet = now.saturating_sub(self.heard);
        match self.owed {
            Some((_, since)) => {
                let waited = now.saturating_sub(since).min(quiet);
                if waited >= PONG_TIMEOUT { Due::Dead } else { Due::Wait(PONG_TIMEOUT - waited) }
            }
            None if quiet >= PING_INTERVAL => Due::Ping(PONG_TIMEOUT),
            None => Due::Wait(PING_INTERVAL - quiet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_peer_is_pinged_and_a_silent_one_is_dead() {
        let secs = Duration::from_secs;
        let mut peer = Liveness::new(secs(0));
        assert_eq!(peer.due(secs(20)), Due::Wait(secs(40)));
        peer.heard(secs(30));
        assert_eq!(peer.due(secs(60)), Due::Wait(secs(30)));
        assert_eq!(peer.due(secs(90)), Due::Ping(PONG_TIMEOUT));
        peer.pinged(7, secs(90));
        assert_eq!(peer.due(secs(149)), Due::Wait(secs(1)));
        assert_eq!(peer.due(secs(150)), Due::Dead);
        assert!(!peer.pong(8, secs(149)));
        assert_eq!(peer.owed_for(secs(150)), Some(secs(60)));
        peer.heard(secs(149));
        assert_eq!(peer.due(secs(150)), Due::Wait(secs(59)), "a slow link is not a dead one");
        assert!(peer.pong(7, secs(151)));
        assert_eq!(peer.owed_for(secs(151)), None);
        assert_eq!(peer.round_trip(), Some(secs(61)));
        assert_eq!(peer.answered_ago(secs(153)), Some(secs(2)));
    }
}
