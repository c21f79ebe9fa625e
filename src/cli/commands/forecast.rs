//! How long blocks take that are asked for: an expected time and never a countdown, because no try knows how
//! many were in vain before it.

use core::time::Duration;

use crate::cli::bench_hash;
use crate::cli::render::{count, hashes, span};
use crate::manager::view::MinedBlock;

/// Hashes a second that whatever machine does: what is expected to take less than the patience at this rate
/// needs no measuring.
const ANY_MACHINE: f64 = 100_000.0;

/// Blocks that are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Forecast {
    /// How many.
    pub blocks: u32,
    /// Hashes that one of them takes on average.
    pub expected_hashes: f64,
    /// How long somebody waits for all of them.
    pub patience: Duration,
}

impl Forecast {
    /// The time in which `blocks` come on average, at so many hashes a second.
    fn time(self, blocks: f64, rate: f64) -> Duration {
        Duration::try_from_secs_f64(self.expected_hashes * blocks / rate).unwrap_or(Duration::MAX)
    }

    /// What to say before they are asked for, if they are not to be expected in time; `measure` says how many
    /// hashes a second there are.
    pub(super) fn warning(self, measure: impl FnOnce() -> f64) -> Option<String> {
        let blocks = f64::from(self.blocks);
        if self.time(blocks, ANY_MACHINE) <= self.patience {
            return None;
        }
        let rate = measure();
        let time = self.time(blocks, rate);
        (time > self.patience).then(|| {
            format!(
                "{} may not come within {}: {} on average at {}, which is what one core does here",
                count(self.blocks, "block"),
                span(self.patience),
                span(time),
                hashes(rate)
            )
        })
    }

    /// What to say when `mined` came and the next one did not in time.
    pub(super) fn missed(self, mined: &[MinedBlock], measure: impl FnOnce() -> f64) -> String {
        let (tries, secs) =
            mined.iter().fold((0.0, 0.0), |sum, block| (sum.0 + block.tries as f64, sum.1 + block.seconds));
        let (rate, whence) = match secs > 0.0 {
            true => (tries / secs, "seen"),
            false => (measure(), "of one core here"),
        };
        format!(
            "{} of {} came within {}; a block takes {:.0} tries on average, {} at the {} {whence}, however many \
             were in vain before",
            mined.len(),
            count(self.blocks, "block"),
            span(self.patience),
            self.expected_hashes,
            span(self.time(1.0, rate)),
            hashes(rate)
        )
    }
}

/// Hashes a second that one core of this machine does, measured for a moment.
pub(super) fn rate() -> f64 {
    bench_hash::moment()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Forecast = Forecast { blocks: 3, expected_hashes: 1e9, patience: Duration::from_secs(60) };

    #[test]
    fn who_asks_for_too_much_is_told_how_long_it_takes_on_average() {
        assert_eq!(ASKED.warning(|| 1e8), None);
        assert_eq!(
            ASKED.warning(|| 1e7).as_deref(),
            Some(
                "3 blocks may not come within 60 s: 5 min on average at 10.0 MH/s, which is what one core does here"
            )
        );
        let easy = Forecast { expected_hashes: 1e6, ..ASKED };
        assert_eq!(easy.warning(|| unreachable!("nobody measures what any machine does")), None);
    }

    #[test]
    fn who_waited_in_vain_is_told_what_came_and_no_countdown() {
        let block = MinedBlock {
            node: 0,
            hash: String::new(),
            height: 1,
            nonce: 0,
            tries: 500_000_000,
            seconds: 20.0,
        };
        let said = ASKED.missed(&[block], || unreachable!("the speed was seen"));
        let expected = "1 of 3 blocks came within 60 s; a block takes 1000000000 tries on average, 40 s at the \
                        25.0 MH/s seen, however many were in vain before";
        assert_eq!(said, expected);
        let said = ASKED.missed(&[], || 1e7);
        assert!(
            said.starts_with("0 of 3 blocks came") && said.contains("100 s at the 10.0 MH/s of one"),
            "{said}"
        );
    }
}
