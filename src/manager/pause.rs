//! How long to wait between two mining requests.

use core::str::FromStr;
use core::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use crate::sim::Span;

/// Milliseconds of a random pause: 1 to 3 seconds, the original's.
const RANDOM_MILLIS: core::ops::RangeInclusive<u64> = 1000..=3000;

/// Longest pause there may be.
const MAX_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// A pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pause {
    /// 1 to 3 seconds, another one each time.
    #[default]
    Random,
    /// Always this long.
    Fixed(Duration),
}

/// A text is no pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time such as 0s, 500ms, 2s or 1m, of at most a day, or random")]
pub struct BadPause;

impl Pause {
    /// The next pause.
    pub fn next(self, rng: &mut ChaCha12Rng) -> Duration {
        match self {
            Pause::Random => Duration::from_millis(rng.random_range(RANDOM_MILLIS)),
            Pause::Fixed(pause) => pause,
        }
    }
}

impl FromStr for Pause {
    type Err = BadPause;

    fn from_str(text: &str) -> Result<Pause, BadPause> {
        if text == "random" {
            return Ok(Pause::Random);
        }
        match text.parse() {
            Ok(Span(pause)) if pause <= MAX_PAUSE => Ok(Pause::Fixed(pause)),
            _ => Err(BadPause),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn pauses_are_read_as_people_write_them() {
        let rows = [("0s", 0), ("500ms", 500), ("2s", 2000), ("1.5", 1500), ("1m", 60_000), ("0", 0)];
        for (text, millis) in rows {
            assert_eq!(text.parse(), Ok(Pause::Fixed(Duration::from_millis(millis))), "{text}");
        }
        assert_eq!("random".parse(), Ok(Pause::Random));
        for bad in ["", "s", "ms", "soon", "-1s", "NaN", "inf", "1e99s", "25h", "1441m", "é"] {
            assert_eq!(bad.parse::<Pause>(), Err(BadPause), "{bad}");
        }
    }

    #[test]
    fn a_random_pause_is_one_to_three_seconds() {
        let mut rng = ChaCha12Rng::from_seed([1; 32]);
        let secs = 1.0..=3.0;
        assert!((0..1000).all(|_| secs.contains(&Pause::Random.next(&mut rng).as_secs_f64())));
    }
}
