//! Values in queries and flags that more than one place reads.

use core::time::Duration;
use std::borrow::Cow;

use hyper::{Request, Uri};

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

/// The query's `name`, decoded; of several, the first.
pub fn query<'a, B>(request: &'a Request<B>, name: &str) -> Option<Cow<'a, str>> {
    pairs(request.uri().query()?).find(|(n, _)| n == name).map(|(_, value)| value)
}

/// The names and values of a query, decoded. One without `=` has an empty value.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (decoded(n), decoded(v)))
}

/// With a path whose letters, digits and `-._~` stand for themselves, where they did not: percent-encoded they mean
/// the same (RFC 3986, section 2.3). Whatever else is encoded stays so, slashes above all.
pub fn plain(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, behind)) = rest.split_once('%') {
        let code = behind.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        let meant = code.map(char::from).filter(|c| c.is_ascii_alphanumeric() || "-._~".contains(*c));
        plain.push_str(before);
        plain.push(meant.unwrap_or('%'));
        rest = if meant.is_some() { &behind[2..] } else { behind };
    }
    if plain.is_empty() {
        return None;
    }
    plain.push_str(rest);
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{plain}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// As forms are decoded (URL Standard, section 5.1): `+` is a space, `%20` as well; a percent sign that is
/// followed by something else stands for itself.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return text.into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        let code = digit(0).zip(digit(1)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        let (byte, used) = match (first, code) {
            (b'%', Some(code)) => (code, 2),
            (b'+', _) => (b' ', 0),
            _ => (*first, 0),
        };
        bytes.push(byte);
        rest = &behind[used..];
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
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
    let number = whole(&text).filter(|number| (least..=most).contains(number));
    number.map(Some).ok_or_else(|| {
        let text = shown(&text);
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
    fn what_need_not_be_encoded_in_a_path_means_what_it_stands_for() {
        let rows = [
            ("/api/v1/%6eetwork", Some("/api/v1/network")),
            ("/api/v1/nodes/%30?limit=%35", Some("/api/v1/nodes/0?limit=%35")),
            ("/%41%7a%2D%2e%5f%7E", Some("/Az-._~")),
            ("/%2f%3F%25%35%c3%a9%20", Some("/%2f%3F%255%c3%a9%20")),
            ("/100%", Some("/100%")),
            ("/%4", Some("/%4")),
            ("/%zz%+1", Some("/%zz%+1")),
            ("http://127.0.0.1:1/%61?x", Some("http://127.0.0.1:1/a?x")),
            ("/tip?%61", None),
        ];
        for (uri, expected) in rows {
            let uri = uri.parse().expect("an URI");
            assert_eq!(plain(&uri).map(|uri| uri.to_string()).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn a_query_is_found_by_name() {
        let uri =
            "/mine?verbose=1&&timeout=2s&flag&verbose=2&lim%69t=%30&text=a+b%20%C3%A9%2b&odd=5%&o=%zz%ff";
        let request = Request::builder().uri(uri).body(()).expect("a request");
        let rows = [
            ("verbose", Some("1")),
            ("timeout", Some("2s")),
            ("flag", Some("")),
            ("other", None),
            ("", None),
            ("limit", Some("0")),
            ("text", Some("a b \u{e9}+")),
            ("odd", Some("5%")),
            ("o", Some("%zz\u{fffd}")),
        ];
        for (name, value) in rows {
            assert_eq!(query(&request, name).as_deref(), value, "{name}");
        }
    }
}
