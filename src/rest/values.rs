//! Values in queries and flags that more than one place reads.

use core::time::Duration;

use hyper::Request;

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

#[cfg(test)]
mod tests {
    use super::*;

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
