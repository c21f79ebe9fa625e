//! The quantities of a simulation, as people write them and as whole numbers: nothing that decides anything
//! is a float, so that a seed means the same on every machine.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::limits::MAX_SIMULATED_SECS;
use crate::node::RelayPolicy;

/// A million: what a [`Share`] is counted in.
const WHOLE: u32 = 1_000_000;

/// Why a text is none of these quantities: what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct BadValue(&'static str);

/// A decimal number in units of a `scale`th: `1.5` at a scale of 1000 is 1500.
fn decimal(text: &str, scale: u64) -> Option<u64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((whole, part)) = text.split_once('.') else {
        return text.parse::<u64>().ok().filter(|_| digits(text))?.checked_mul(scale);
    };
    let unit = 10u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    if !digits(whole) || !digits(part) || !scale.is_multiple_of(unit) {
        return None;
    }
    let part: u64 = part.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(part * (scale / unit))
}

/// A time, such as `20us`, `50ms`, `1.5s`, `10m`, `1h`, or a number of seconds; of at most ten days.
fn time(text: &str) -> Option<Duration> {
    const SECOND: u64 = 1_000_000_000;
    let units = [
        ("ns", 1),
        ("us", SECOND / 1_000_000),
        ("µs", SECOND / 1_000_000),
        ("ms", SECOND / 1000),
        ("s", SECOND),
        ("m", 60 * SECOND),
        ("h", 3600 * SECOND),
        ("", SECOND),
    ];
    let (number, scale) = units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)))?;
    let time = Duration::from_nanos(decimal(number, scale)?);
    (time <= Duration::from_secs(MAX_SIMULATED_SECS)).then_some(time)
}

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = BadValue;
    fn from_str(text: &str) -> Result<Span, BadValue> {
        time(text).map(Span).ok_or(BadValue("a time such as 50ms, 10s or 10m, of at most ten days"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// How long a message is under way: equally likely anything within `spread` of `mean`, drawn for each
/// message (as `netem delay 50ms 20ms` does it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// In the middle.
    pub mean: Duration,
    /// To either side; at most the mean.
    pub spread: Duration,
}

impl FromStr for Latency {
    type Err = BadValue;
    fn from_str(text: &str) -> Result<Latency, BadValue> {
        const FORM: BadValue = BadValue("a time such as 50ms, or one and its spread such as 50ms±20ms");
        let parts = text.split_once('±').or_else(|| text.split_once("+-"));
        let (mean, spread) = parts.unwrap_or((text, "0s"));
        // Elsewhere a bare number is seconds; who says 50 of a latency hardly means those.
        let is_bare = |time: &str| time.trim().parse::<f64>().is_ok_and(|number| number != 0.0);
        if is_bare(mean) || is_bare(spread) {
            return Err(BadValue("a time with its unit, such as 50ms or 2s"));
        }
        let (mean, spread) = (time(mean).ok_or(FORM)?, time(spread).ok_or(FORM)?);
        if spread > mean {
            return Err(BadValue(
                "a spread of at most the latency itself: nothing arrives before it is sent",
            ));
        }
        Ok(Latency { mean, spread })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.mean)?;
        if self.spread > Duration::ZERO { write!(f, "±{:?}", self.spread) } else { Ok(()) }
    }
}

/// What a node sends at most, over all its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bits a second; never 0.
    pub bits_per_second: u64,
}

impl FromStr for Bandwidth {
    type Err = BadValue;
    fn from_str(text: &str) -> Result<Bandwidth, BadValue> {
        let units = [("kbit", 1000), ("Mbit", 1_000_000), ("Gbit", 1_000_000_000)];
        let form = BadValue("bits a second such as 500kbit, 10Mbit or 1Gbit");
        let bits = units.iter().find_map(|(unit, scale)| decimal(text.strip_suffix(unit)?, *scale));
        let bits_per_second = bits.filter(|bits| *bits > 0).ok_or(form)?;
        Ok(Bandwidth { bits_per_second })
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits_per_second;
        match (bits.is_multiple_of(1_000_000), bits.is_multiple_of(1000)) {
            (true, _) => write!(f, "{}Mbit", bits / 1_000_000),
            (_, true) => write!(f, "{}kbit", bits / 1000),
            _ => write!(f, "{}.{:03}kbit", bits / 1000, bits % 1000),
        }
    }
}

/// How nodes tell each other of blocks: the way that ships, or one of those that it is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Relay {
    /// As they do.
    #[default]
    Shipped,
    /// Whole, to all.
    Flood,
    /// Whole to so many, and to the others by the header.
    Push(usize),
    /// By the header, to all.
    Announce,
    /// In short, to all.
    Compact,
}

impl Relay {
    /// The same, as a node is told of it.
    pub fn policy(self) -> RelayPolicy {
        match self {
            Relay::Shipped => RelayPolicy::default(),
            Relay::Flood => RelayPolicy::FLOOD,
            Relay::Push(fan_out) => RelayPolicy::push(fan_out),
            Relay::Announce => RelayPolicy::ANNOUNCE,
            Relay::Compact => RelayPolicy::COMPACT,
        }
    }
}

impl FromStr for Relay {
    type Err = BadValue;
    fn from_str(text: &str) -> Result<Relay, BadValue> {
        let form = BadValue("shipped, flood, announce, compact, or push and to how many peers: push:4");
        Ok(match text {
            "shipped" => Relay::Shipped,
            "flood" => Relay::Flood,
            "announce" => Relay::Announce,
            "compact" => Relay::Compact,
            _ => {
                let count = text.strip_prefix("push:").and_then(|count| count.parse().ok());
                Relay::Push(count.filter(|count| *count > 0).ok_or(form)?)
            }
        })
    }
}

impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Relay::Shipped => f.write_str("shipped"),
            Relay::Flood => f.write_str("flood"),
            Relay::Push(count) => write!(f, "push:{count}"),
            Relay::Announce => f.write_str("announce"),
            Relay::Compact => f.write_str("compact"),
        }
    }
}

/// A part of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Share {
    /// Millionths.
    pub millionths: u32,
}

impl Share {
    /// So much of `whole`, rounded down.
    pub fn of(self, whole: usize) -> usize {
        (whole as u64 * u64::from(self.millionths) / u64::from(WHOLE)) as usize
    }
}

impl FromStr for Share {
    type Err = BadValue;
    fn from_str(text: &str) -> Result<Share, BadValue> {
        let number = text.strip_suffix('%').and_then(|number| decimal(number, u64::from(WHOLE / 100)));
        let millionths = number.and_then(|number| u32::try_from(number).ok());
        let millionths = millionths.filter(|millionths| *millionths <= WHOLE);
        Ok(Share { millionths: millionths.ok_or(BadValue("a percentage such as 1% or 0.25%"))? })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.millionths / 10_000, self.millionths % 10_000);
        match part {
            0 => write!(f, "{whole}%"),
            _ => write!(f, "{whole}.{}%", format!("{part:04}").trim_end_matches('0')),
        }
    }
}

/// Some of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(usize),
    /// Such a part of all.
    Share(Share),
}

impl Amount {
    /// None of them.
    pub const NONE: Amount = Amount::Count(0);

    /// How many of `all` that is; never more than all.
    pub fn of(self, all: usize) -> usize {
        match self {
            Amount::Count(count) => count.min(all),
            Amount::Share(share) => share.of(all),
        }
    }
}

impl FromStr for Amount {
    type Err = BadValue;
    fn from_str(text: &str) -> Result<Amount, BadValue> {
        const FORM: BadValue = BadValue("a number of nodes such as 5, or a percentage of them such as 10%");
        if text.ends_with('%') {
            return text.parse().map(Amount::Share).map_err(|_| FORM);
        }
        text.parse().map(Amount::Count).map_err(|_| FORM)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Count(count) => count.fmt(f),
            Amount::Share(share) => share.fmt(f),
        }
    }
}

/// From when until when, counted from the moment at which mining begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Its beginning.
    pub from: Duration,
    /// Its end, later than that.
    pub to: Duration,
}

impl FromStr for Interval {
    type Err = BadValue;
    fn from_str(text: &str) -> Result<Interval, BadValue> {
        const FORM: BadValue = BadValue("two times, the second later, such as 60s..120s");
        let (from, to) = text.split_once("..").ok_or(FORM)?;
        let (from, to) = (time(from).ok_or(FORM)?, time(to).ok_or(FORM)?);
        if from < to { Ok(Interval { from, to }) } else { Err(FORM) }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}..{:?}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn latencies_are_read_with_either_sign() {
        let latency = |mean, spread| Ok(Latency { mean: ms(mean), spread: ms(spread) });
        assert_eq!("50ms±20ms".parse::<Latency>(), latency(50, 20));
        assert_eq!("50ms+-20ms".parse::<Latency>(), latency(50, 20));
        assert_eq!("1.5s".parse::<Latency>(), latency(1500, 0));
        assert_eq!("0".parse::<Latency>(), latency(0, 0));
        for bare in ["50", "2±0.5", "50ms±20"] {
            assert_eq!(
                bare.parse::<Latency>(),
                Err(BadValue("a time with its unit, such as 50ms or 2s")),
                "{bare}"
            );
        }
        for bad in ["", "ms", "-5ms", "50ms±", "50ms±60ms", "50ms±20", "1e3ms", ".5s", "5.s", "999h"] {
            assert!(bad.parse::<Latency>().is_err(), "{bad}");
        }
    }

    #[test]
    fn quantities_read_back_as_they_are_written() {
        fn back<T: FromStr<Err = BadValue> + fmt::Display + PartialEq + fmt::Debug>(texts: &[&str]) {
            for text in texts {
                let value: T = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!(value.to_string().parse(), Ok(value), "{text}");
            }
        }
        back::<Span>(&["20us", "20µs", "50ms", "1.5s", "10m", "1.25h", "0s", "7ns"]);
        back::<Latency>(&["50ms±20ms", "1.5s", "0ms"]);
        back::<Bandwidth>(&["500kbit", "10Mbit", "1.5Mbit", "1Gbit", "0.001kbit"]);
        back::<Share>(&["0%", "1%", "0.25%", "100%", "12.5%", "0.0001%"]);
        back::<Amount>(&["0", "5", "10%", "0.5%"]);
        back::<Interval>(&["0s..1ms", "60s..120s", "1m..1h"]);
    }

    #[test]
    fn quantities_that_are_none_are_refused_with_an_example() {
        for bad in ["1", "101%", "-1%", "%", "1.23456%"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
        for bad in ["0kbit", "10", "10mbit", "fast"] {
            assert!(bad.parse::<Bandwidth>().is_err(), "{bad}");
        }
        for bad in ["60s", "60s..60s", "2s..1s", "..1s", "60..x"] {
            assert!(bad.parse::<Interval>().is_err(), "{bad}");
        }
        for bad in ["-1", "all", "200%"] {
            assert!(bad.parse::<Amount>().is_err(), "{bad}");
        }
        let error = "soon".parse::<Span>().expect_err("no time").to_string();
        assert_eq!(error, "expected a time such as 50ms, 10s or 10m, of at most ten days");
    }

    #[test]
    fn a_part_is_rounded_down_and_never_more_than_all() {
        let share: Share = "12.5%".parse().expect("a share");
        assert_eq!([share.of(0), share.of(7), share.of(8), share.of(1000)], [0, 0, 1, 125]);
        assert_eq!(Amount::Count(9).of(5), 5);
    }
}
