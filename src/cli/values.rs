//! Values of flags: read strictly, refused with an example.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::sim::{BadValue, Span};

/// Hashes a second, a whole number of them from 1 on: `120000`, `120k`, `1.5M`.
pub(super) fn hashrate(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1e3),
        Some(b'M') => (&text[..text.len() - 1], 1e6),
        Some(b'G') => (&text[..text.len() - 1], 1e9),
        _ => (text, 1.0),
    };
    let rate: f64 =
        number.parse().map_err(|_| "expected hashes a second, such as 120k or 1.5M".to_owned())?;
    // As near to a whole number as a float gets: 1.1k is 1100.
    let whole = (rate * unit).round();
    if !(1.0..=1e15).contains(&whole) || (rate * unit - whole).abs() > whole * 1e-12 {
        return Err("expected whole hashes a second, 1 to 1000000G".to_owned());
    }
    Ok(whole as u64)
}

/// Where HTTP is served: `5000` (on 127.0.0.1) or `127.0.0.1:5000`.
pub(super) fn http_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| "expected a port, or an address and a port such as 127.0.0.1:5000".to_owned())
}

/// A host's name as `Host` has it, without a port.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match !text.is_empty() && text.bytes().all(good) {
        true => Ok(text.to_owned()),
        false => Err("expected a host name without a port, such as node.lan".to_owned()),
    }
}

/// A time, such as `500ms`, `10s` or `2m`; a bare number is seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse().map_err(|error: BadValue| error.to_string())?;
    if span.0.is_zero() { Err("expected a time above 0".to_owned()) } else { Ok(span.0) }
}

/// A time of whole seconds: `10`, `10s`, `2m`.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    let Span(time) = text.parse().map_err(|error: BadValue| error.to_string())?;
    let whole = u32::try_from(time.as_secs()).ok().filter(|_| time.subsec_nanos() == 0);
    whole.ok_or_else(|| "expected whole seconds, such as 10 or 10s".to_owned())
}

/// `did you mean NAME? ` of the nearest, if one may be meant.
pub(super) fn meant<'a>(names: impl Iterator<Item = &'a str>, wanted: &str) -> String {
    nearest(names, wanted).map_or(String::new(), |name| format!("did you mean {name}? "))
}

/// The one of `names` that is nearest to `wanted`, which is none of them, if it is near enough to be meant: that is
/// clap's own measure for flags.
pub(super) fn nearest<'a>(names: impl Iterator<Item = &'a str>, wanted: &str) -> Option<&'a str> {
    let near = |name: &str| strsim::jaro(name, wanted);
    names.filter(|name| near(name) > 0.7).max_by(|one, other| near(one).total_cmp(&near(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them() {
        let rates = [
            ("1", 1),
            ("1.1k", 1100),
            ("0.07M", 70_000),
            ("1000000G", 1_000_000_000_000_000),
            ("120000", 120_000),
            ("120k", 120_000),
            ("1.5M", 1_500_000),
        ];
        for (text, rate) in rates {
            assert_eq!(hashrate(text), Ok(rate), "{text}");
        }
        for bad in ["", "k", "fast", "0", "0k", "1.5", "0.0001k", "-1", "NaN", "inf", "1e99", "é"] {
            assert!(hashrate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_far_from_all_names_is_none_of_them() {
        let names = ["amount", "base-http", "restart", "kernel", "log-level"];
        let rows = [
            ("amonut", Some("amount")),
            ("basehttp", Some("base-http")),
            ("detach", None),
            ("verbose", None),
        ];
        for (wanted, meant) in rows {
            assert_eq!(nearest(names.into_iter(), wanted), meant, "{wanted}");
        }
    }

    #[test]
    fn a_time_is_in_seconds_where_it_has_no_unit() {
        let times = [("1.5s", 1500), ("2m", 120_000), ("30", 30_000), ("1.5", 1500), ("5ms", 5)];
        for (text, millis) in times {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "0", "0s", "soon", "-1", "s", "1 s", "1e3"] {
            assert!(time(bad).is_err(), "{bad}");
        }
        assert_eq!((seconds("10"), seconds("2m")), (Ok(10), Ok(120)));
        assert_eq!(seconds("0"), Ok(0), "whether there is sense in it is the network's to say");
        for bad in ["", "1.5", "10ms", "soon", "-1"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn http_is_on_loopback_unless_it_is_said_otherwise() {
        assert_eq!(http_address("5000"), Ok(SocketAddr::from(([127, 0, 0, 1], 5000))));
        assert_eq!(http_address("0.0.0.0:1"), Ok(SocketAddr::from(([0, 0, 0, 0], 1))));
        for bad in ["", "65536", "localhost", "127.0.0.1"] {
            assert!(http_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_named_without_its_port() {
        assert_eq!(host_name("node-1.lan").as_deref(), Ok("node-1.lan"));
        for bad in ["", "node.lan:5000", "http://node.lan", "*", "a b", "n\u{f6}de"] {
            assert!(host_name(bad).is_err(), "{bad}");
        }
    }
}
