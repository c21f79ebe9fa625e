//! Credentials: whether a request that changes something comes from the operator.
//!
//! HTTP Basic with what the cookie's file holds, so that `curl -u "$(cat FILE)"` is all it takes; or the
//! secret alone as a bearer token. Reads need none. Not here: the file (`cookie`), and which requests
//! change something (`routes`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Body;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};

use crate::rest::cookie::Cookie;
use crate::rest::gates::{Arrived, Caller};
use crate::rest::problem::Problem;
use crate::text::quoted;

/// What a client is asked for; a browser shows the realm.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"p2pnode\", charset=\"UTF-8\"");

/// Why credentials open nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    /// Returned without `Authorization`.
    #[error("this changes something: it needs the credentials in the node's cookie file")]
    Missing,
    /// Returned for two of it, and for one that cannot be read.
    #[error("the Authorization header is repeated, or neither Basic nor Bearer")]
    Unreadable,
    /// Returned when they are not what the file holds.
    #[error("these are not the node's credentials, which are new after each of its starts")]
    Wrong,
}

/// Lets a request through that has the cookie, or says how it would have.
pub(super) fn authorize<B: Body>(cookie: &Cookie, request: &Request<B>) -> Result<(), Problem> {
    check(cookie, request.headers()).map_err(|refusal| {
        let caller = request.extensions().get::<Arrived>().map(|arrived| arrived.caller);
        let is_here = caller.as_ref().is_some_and(Caller::is_here);
        Problem::new(StatusCode::UNAUTHORIZED, refusal.to_string())
            .header(WWW_AUTHENTICATE, CHALLENGE)
            .hint(curl(cookie, request, is_here))
            .refusal()
    })
}

fn check(cookie: &Cookie, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let given = match (values.next(), values.next()) {
        (None, _) => return Err(Refusal::Missing),
        (Some(value), None) => value.to_str().map_err(|_| Refusal::Unreadable)?,
        (Some(_), Some(_)) => return Err(Refusal::Unreadable),
    };
    let (scheme, given) = given.split_once(' ').ok_or(Refusal::Unreadable)?;
    let given = given.trim();
    let known = if scheme.eq_ignore_ascii_case("basic") {
        cookie.is(&STANDARD.decode(given).map_err(|_| Refusal::Unreadable)?)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        cookie.is_secret(given.as_bytes())
    } else {
        return Err(Refusal::Unreadable);
    };
    if known { Ok(()) } else { Err(Refusal::Wrong) }
}

/// The command that does what was asked for. Where the file is, another machine need not know.
fn curl<B: Body>(cookie: &Cookie, request: &Request<B>, is_here: bool) -> String {
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(|authority| authority.as_str()).or(host).unwrap_or("127.0.0.1");
    let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
    let url = quoted(&format!("http://{host}{path}"));
    let method = match *request.method() {
        Method::POST if request.body().is_end_stream() => "-X POST ",
        Method::POST => "-d @BODY ",
        Method::DELETE => "-X DELETE ",
        _ => "",
    };
    match is_here {
        true => format!("curl -u \"$(cat {})\" {method}{url}", cookie.shown()),
        false => format!(
            "curl -u CREDENTIALS {method}{url}, where CREDENTIALS is what the cookie file on its machine holds"
        ),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    #[test]
    fn only_the_cookie_opens() {
        let folder = tempfile::tempdir().expect("a folder");
        let cookie = Cookie::create(&folder.path().join("cookie"), [0xab; 32]).expect("written");
        let secret = "ab".repeat(32);
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let right = basic(&format!("__cookie__:{secret}"));
        let rows = [
            (vec![right.clone()], Ok(())),
            (vec![right.replace("Basic", "bAsIc ")], Ok(())),
            (vec![format!("Bearer {secret}")], Ok(())),
            (vec![], Err(Refusal::Missing)),
            (vec![right.clone(), right.clone()], Err(Refusal::Unreadable)),
            (vec![secret.clone()], Err(Refusal::Unreadable)),
            (vec![format!("Digest {secret}")], Err(Refusal::Unreadable)),
            (vec![format!("Basic {secret}:?")], Err(Refusal::Unreadable)),
            (vec!["Basic".to_owned()], Err(Refusal::Unreadable)),
            (vec!["Basic ".to_owned()], Err(Refusal::Wrong)),
            (vec!["Bearer ".to_owned()], Err(Refusal::Wrong)),
            (vec![basic(&secret)], Err(Refusal::Wrong)),
            (vec![basic(&format!("other:{secret}"))], Err(Refusal::Wrong)),
            (vec![basic(&format!("__cookie__:{secret}\n"))], Err(Refusal::Wrong)),
            (vec![basic(&format!("__cookie__:{}", secret.to_uppercase()))], Err(Refusal::Wrong)),
            (vec![format!("Bearer __cookie__:{secret}")], Err(Refusal::Wrong)),
            (vec![format!("Bearer {}", &secret[1..])], Err(Refusal::Wrong)),
            (vec![format!("Bearer {}", "0".repeat(64))], Err(Refusal::Wrong)),
        ];
        for (values, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(AUTHORIZATION, value.parse().expect("a value"));
            }
            assert_eq!(check(&cookie, &headers), expected, "{values:?}");
        }
    }

    #[test]
    fn the_hint_is_a_command_that_does_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it's mine");
        let cookie = Cookie::create(&path, [1; 32]).expect("written");
        let quoted = path.to_string_lossy().replace('\'', r"'\''");
        let file = format!(r#"curl -u "$(cat '{quoted}')""#);
        let request = |method: &str, uri: &str| {
            Request::builder().method(method).uri(uri).header("Host", "127.0.0.1:5000")
        };
        let rows = [
            ("GET", "/mine", "http://127.0.0.1:5000/mine"),
            ("POST", "/mine", "-X POST http://127.0.0.1:5000/mine"),
            ("DELETE", "/api/v1/peers/7", "-X DELETE http://127.0.0.1:5000/api/v1/peers/7"),
            ("GET", "/mine?verbose=1&timeout=1s", "'http://127.0.0.1:5000/mine?verbose=1&timeout=1s'"),
            ("GET", "/mine?$(reboot)", "'http://127.0.0.1:5000/mine?$(reboot)'"),
            ("GET", "/mine?';reboot;'", r"'http://127.0.0.1:5000/mine?'\'';reboot;'\'''"),
            ("GET", "http://localhost:5000/mine", "http://localhost:5000/mine"),
        ];
        for (method, uri, expected) in rows {
            let request = request(method, uri).body(Empty::<&[u8]>::new()).expect("a request");
            assert_eq!(curl(&cookie, &request, true), format!("{file} {expected}"), "{method} {uri}");
        }
        let with_body = request("POST", "/mine").body(Full::new(&b"{}"[..])).expect("a request");
        let expected = format!("{file} -d @BODY http://127.0.0.1:5000/mine");
        assert_eq!(curl(&cookie, &with_body, true), expected);
        let afar = curl(&cookie, &with_body, false);
        assert!(
            !afar.contains("it's mine") && afar.contains("-d @BODY http://127.0.0.1:5000/mine"),
            "{afar}"
        );
    }
}
