//! Numbers, times and hashes as people read them.

use core::time::Duration;

pub(in crate::cli) use crate::manager::words::{count, short};
pub(in crate::cli) use crate::text::steers;

use crate::text::escaped;

/// Text from outside, on one line: what could steer a terminal is escaped, what is too long is cut.
pub(in crate::cli) fn safe(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == most {
            shown.push('…');
            break;
        }
        if steers(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Lines of text, in which nothing but their ends steers a terminal.
pub(in crate::cli) fn lines(text: &str) -> String {
    escaped(text, |c| c == '\n')
}

/// A time that something takes.
pub(in crate::cli) fn span(time: Duration) -> String {
    let secs = time.as_secs_f64();
    match secs {
        0.0 => "0.0 ms".to_owned(),
        ..0.000_1 => format!("{:.0} µs", secs * 1e6),
        ..0.01 => format!("{:.1} ms", secs * 1e3),
        ..0.9995 => format!("{:.0} ms", secs * 1e3),
        ..10.0 => format!("{secs:.1} s"),
        ..120.0 => format!("{secs:.0} s"),
        ..7200.0 => format!("{:.0} min", secs / 60.0),
        ..172_800.0 => format!("{:.0} h", secs / 3600.0),
        _ => format!("{:.0} days", secs / 86_400.0),
    }
}

/// How long before `now` something was, both in seconds since 1970.
pub(in crate::cli) fn ago(then: f64, now: f64) -> String {
    match now - then {
        ..1.0 => "now".to_owned(),
        passed => format!("{} ago", span(Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX))),
    }
}

/// Bytes, in powers of 1024.
pub(in crate::cli) fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    match value {
        ..1024.0 => format!("{bytes} B"),
        ..1_048_576.0 => format!("{:.1} KiB", value / 1024.0),
        ..1_073_741_824.0 => format!("{:.1} MiB", value / 1_048_576.0),
        _ => format!("{:.1} GiB", value / 1_073_741_824.0),
    }
}

/// A rate of hashing.
pub(in crate::cli) fn hashes(rate: f64) -> String {
    match rate {
        ..1e3 => format!("{rate:.0} H/s"),
        ..1e6 => format!("{:.1} kH/s", rate / 1e3),
        ..1e9 => format!("{:.1} MH/s", rate / 1e6),
        _ => format!("{:.1} GH/s", rate / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_shown_by_what_differs() {
        let rows = [
            ("000006343a951166a0b1c2d3e4f5061728394a5b6c7d8e9f0011223344556677", "6343a951…"),
            ("b679a46ff286b28201434235096e7ed5f9315ceb20bd000f69ff0a143bf1d139", "b679a46f…"),
            ("0000000000000000", "00000000"),
            ("00000000000000000000000000000000000000000000000000000000000abcde", "000abcde"),
            ("abc", "abc"),
        ];
        for (hash, shown) in rows {
            assert_eq!(short(hash), shown);
        }
    }

    #[test]
    fn text_from_outside_cannot_steer_a_terminal() {
        assert_eq!(safe("hello, chain", 20), "hello, chain");
        assert_eq!(safe("a\x1b[2Jb\nc\u{202e}d", 99), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        assert_eq!(safe("hellö, chain", 5), "hellö…");
        assert_eq!(safe("\u{9b}2J\u{61c}\u{2066}\u{ad}", 99), "\\u{9b}2J\\u{61c}\\u{2066}\\u{ad}");
        assert_eq!(lines("one\ntwo\r\u{9b}"), "one\ntwo\\r\\u{9b}");
    }

    #[test]
    fn quantities_are_said_as_people_say_them() {
        let times = [
            (0.0, "0.0 ms"),
            (0.000_043, "43 µs"),
            (0.000_38, "0.4 ms"),
            (0.0012, "1.2 ms"),
            (0.25, "250 ms"),
            (9.0, "9.0 s"),
            (75.0, "75 s"),
            (600.0, "10 min"),
            (9000.0, "2 h"),
        ];
        for (secs, said) in times {
            assert_eq!(span(Duration::from_secs_f64(secs)), said);
        }
        assert_eq!((ago(10.0, 10.5).as_str(), ago(10.0, 40.0).as_str()), ("now", "30 s ago"));
        assert_eq!((bytes(80).as_str(), bytes(8_808_038).as_str()), ("80 B", "8.4 MiB"));
        assert_eq!((hashes(0.0).as_str(), hashes(120e3).as_str()), ("0 H/s", "120.0 kH/s"));
        assert_eq!((count(1u32, "block").as_str(), count(2u32, "block").as_str()), ("1 block", "2 blocks"));
    }
}
