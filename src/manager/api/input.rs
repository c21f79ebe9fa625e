//! Bodies and queries in.

use core::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use crate::limits::MAX_HTTP_BODY_BYTES;
use crate::manager::mine::Content;
use crate::rest::body;
use crate::rest::problem::Problem;
use crate::rest::{exact, query};

pub(super) use crate::rest::{number, number_if_given, shown, whole};

/// What a request's body says; none at all says what an empty object does.
pub(super) async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Problem> {
    parse(&body::read(request, MAX_HTTP_BODY_BYTES).await?)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut value: Value = body::parse_plain(body::or_empty(bytes))?;
    make_whole(&mut value);
    serde_json::from_value(value).map_err(body::wrong)
}

/// JSON may write a whole number as `5` or as `5.0`.
fn make_whole(value: &mut Value) {
    match value {
        Value::Number(number) if !number.is_u64() => {
            if let Some(whole) = number.as_f64().and_then(exact) {
                *number = Number::from(whole);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(members) => members.values_mut().for_each(make_whole),
        _ => {}
    }
}

/// The content that `text` is.
pub(super) fn content(text: String) -> Result<Content, Problem> {
    text.into_bytes().try_into().map_err(|error| {
        let status = hyper::StatusCode::PAYLOAD_TOO_LARGE;
        Problem::new(status, format!("the content's size {error} bytes"))
    })
}

/// The node that a path names.
pub(super) fn node(text: &str) -> Result<usize, Problem> {
    let number = whole(text).and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| {
        let detail = format!("there is no node {:?}: a node is named by its number", shown(text));
        Problem::new(hyper::StatusCode::NOT_FOUND, detail)
    })
}

/// The time that the query's `timeout` gives, in seconds, of at most a day.
pub(super) fn patience<B>(request: &Request<B>, usual: Duration) -> Result<Duration, Problem> {
    number(request, "timeout", usual.as_secs(), (0, 24 * 60 * 60)).map(Duration::from_secs)
}

/// Whether the query's `name` is true.
pub(super) fn flag<B>(request: &Request<B>, name: &str) -> Result<bool, Problem> {
    match query(request, name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true" | "") => Ok(true),
        Some(other) => Err(Problem::bad_request(format!("{name}={}: expected true or false", shown(other)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::view::{Add, Mine, SetLink};

    #[test]
    fn a_body_may_be_left_out_and_numbers_be_written_either_way() {
        assert_eq!(parse::<Mine>(b" \n"), Ok(Mine::default()));
        let mine: Mine = parse(br#"{"node": 2.0, "count": 3}"#).expect("sense");
        assert_eq!((mine.node, mine.count), (Some(2), Some(3)));
        for lacking in [&b"{}"[..], br#"{"a": 1}"#, br#"{"b": 1, "loss": 0.1}"#] {
            assert!(parse::<SetLink>(lacking).is_err(), "a link has two ends");
        }
        let link: SetLink = parse(br#"{"a": 0, "b": 1, "latency_ms": 20}"#).expect("sense");
        assert!((link.latency_ms - 20.0).abs() < 1e-9);
        for bad in [
            r#"{"count": 1.5}"#,
            r#"{"count": -1}"#,
            r#"{"counts": 1}"#,
            r#"{"count": 1, "count": 2}"#,
            "[]",
            "null",
            "{",
            "\"{}\"",
        ] {
            assert_eq!(
                parse::<Add>(bad.as_bytes()).map_err(|problem| problem.status()),
                Err(400.try_into().expect("a status")),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_query_is_read_strictly() {
        let asked = |query: &str| Request::builder().uri(format!("/x?{query}")).body(()).expect("a request");
        assert_eq!(number(&asked("limit=7"), "limit", 50, (1, 1000)), Ok(7));
        assert_eq!(number(&asked(""), "limit", 50, (1, 1000)), Ok(50));
        for bad in ["limit=", "limit=0", "limit=1001", "limit=+5", "limit=x"] {
            assert!(number(&asked(bad), "limit", 50, (1, 1000)).is_err(), "{bad}");
        }
        assert_eq!(flag(&asked("follow=true"), "follow"), Ok(true));
        assert!(flag(&asked("follow=maybe"), "follow").is_err());
    }
}
