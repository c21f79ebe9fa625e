//! Values in queries and flags that more than one place reads.

use core::time::Duration;

use hyper::Request;

use crate::rest::problem::Problem;

/// A time: `0s`, `500ms`, `2s`, `1.5`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 500ms, 2s or 1m".to_owned();
    let (number, unit) = if let Some(number) = text.strip_suffix("ms") {
        (number, 1e-3)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1.0)
    } else if let Some(number) = text.strip_suffix('m') {
        (number, 60.0)
    } else {
        (text, 1.0)
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let secs = number * unit;
    if !(0.0..=86_400.0).contains(&secs) {
        return Err("expected a time of at most a day".to_owned());
    }
    Duration::try_from_secs_f64(secs).map_err(|_| wrong())
}

/// The query's `name`, not decoded: no value that is looked for needs it.
pub fn query<'a, B>(request: &'a Request<B>, name: &str) -> Option<&'a str> {
    let pairs = request.uri().query()?.split('&');
    pairs
        .filter_map(|pair| pair.split_once('=').or(Some((pair, ""))))
        .find(|(n, _)| *n == name)
        .map(|(_, v)| v)
}

/// The largest whole number that every JSON reader keeps exact.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The whole number that `number` is; JSON may write it as `5` or as `5.0`.
pub fn exact(number: f64) -> Option<u64> {
    let is_one = number.fract() == 0.0 && (0.0..=MAX_SAFE_INTEGER as f64).contains(&number);
    // Within the bounds, and whole.
    is_one.then_some(number as u64)
}

/// The number of at most 19 digits, all of which a u64 holds; Rust's own parser takes a sign as well.
pub fn whole(text: &str) -> Option<u64> {
    let is_one = (1..20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then(|| text.parse().ok())?
}

/// The number that the query names `name`, between `least` and `most`; `usual`, if it does not.
pub fn number<B>(request: &Request<B>, name: &str, usual: u64, bounds: (u64, u64)) -> Result<u64, Problem> {
    Ok(number_if_given(request, name, bounds)?.unwrap_or(usual))
}

/// The number that the query gives for `name`, within these bounds, if it gives one.
pub fn number_if_given<B>(
    request: &Request<B>,
    name: &str,
    (least, most): (u64, u64),
) -> Result<Option<u64>, Problem> {
    let Some(text) = query(request, name) else { return Ok(None) };
    let number = whole(text).filter(|number| (least..=most).contains(number));
    number.map(Some).ok_or_else(|| {
        let text = shown(text);
        Problem::bad_request(format!("{name}={text}: expected a whole number from {least} to {most}"))
    })
}

/// As much of what somebody sent as is worth showing.
pub fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(80)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_a_path_is_digits() {
        let rows =
            [("0", Some(0)), ("007", Some(7)), ("9999999999999999999", Some(9_999_999_999_999_999_999))];
        for (text, number) in rows {
            assert_eq!(whole(text), number, "{text}");
        }
        for bad in ["", "+5", "-5", "5 ", "5.0", "x", "00000000000000000000", "١"] {
            assert_eq!(whole(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let times = [("0s", 0), ("500ms", 500), ("2s", 2000), ("1.5", 1500), ("1m", 60_000)];
        for (text, millis) in times {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "fast", "-1", "NaN", "inf", "1e99", "é", "2d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_is_found_by_name() {
        let request = Request::builder().uri("/mine?verbose=1&timeout=2s&flag").body(()).expect("a request");
        let found = ["verbose", "timeout", "flag", "other"].map(|name| query(&request, name));
        assert_eq!(found, [Some("1"), Some("2s"), Some(""), None]);
    }
}
