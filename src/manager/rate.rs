//! At which rate a node mines in the background: as it says, and as it was told: pure.
//!
//! The manager tells a node its share. Whoever calls the node itself may tell it another rate, which the node
//! says: that is its own, which it is told again after a restart, until mining is set for all.

/// Hashes a second, of one node; 0: it does not mine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// What it does, as far as it said.
    said: u64,
    /// What it was told last.
    told: u64,
    /// What it did when it was told, until it says that it does that: it may not have heard it.
    before: u64,
    /// What was set at the node itself.
    own: Option<u64>,
}

impl Rate {
    /// What it does.
    pub fn said(&self) -> u64 {
        self.said
    }

    /// What was set at the node itself, if that is not what it was told.
    pub fn own(&self) -> Option<u64> {
        self.own
    }

    /// It is told a rate: its share, or its own again.
    pub fn tell(&mut self, rate: u64) {
        if self.own != Some(rate) {
            (self.told, self.before) = (rate, self.said);
        }
        self.said = rate;
    }

    /// It says a rate; `set`: it does not only say how it started. Whether that is another one than before.
    pub fn says(&mut self, rate: u64, set: bool) -> bool {
        let is_other = core::mem::replace(&mut self.said, rate) != rate;
        if set && rate == self.told {
            (self.before, self.own) = (rate, None);
        } else if set && rate != self.before {
            self.own = Some(rate);
        }
        is_other
    }

    /// It is told its share again, whatever was set at it.
    pub fn forget_own(&mut self) {
        self.own = None;
    }

    /// Its process is another one, which does nothing yet.
    pub fn restarted(&mut self) {
        self.said = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_at_a_node_is_its_own_until_it_is_told_otherwise() {
        let mut rate = Rate::default();
        let has = |rate: &Rate| (rate.said(), rate.own());
        rate.tell(1000);
        assert_eq!(has(&rate), (1000, None), "it does as it is told");
        assert!(rate.says(0, true), "not heard yet");
        assert_eq!(has(&rate), (0, None));
        assert!(rate.says(1000, true) && !rate.says(1000, true));
        assert!(rate.says(60_000, true));
        assert_eq!(has(&rate), (60_000, Some(60_000)));
        rate.says(0, true);
        assert_eq!(has(&rate), (0, Some(0)), "what it did before is its own, too");
        rate.says(60_000, true);

        rate.restarted();
        rate.says(0, false);
        assert_eq!(has(&rate), (0, Some(60_000)), "how it starts was set by nobody");
        rate.tell(60_000);
        rate.says(60_000, true);
        assert_eq!(has(&rate), (60_000, Some(60_000)), "its own again");

        rate.forget_own();
        rate.tell(2000);
        rate.says(2000, true);
        assert_eq!(has(&rate), (2000, None), "the newest wish");
        rate.says(7, true);
        rate.says(2000, true);
        assert_eq!(has(&rate), (2000, None), "set back by hand");
    }
}
