//! The gates as tables. (These are rows 69 and 70 of the hostile inputs, without a socket.)

use super::*;
use hyper::Request;

fn check(peer: &str, request: &str) -> Result<(), Refusal> {
    let gates = Gates { bound: "127.0.0.1:5000".parse().expect("an address") };
    let mut lines = request.lines();
    let mut first = lines.next().expect("a line").split(' ');
    let mut builder = Request::builder();
    builder = builder.method(first.next().expect("a method")).uri(first.next().expect("a target"));
    if first.next() == Some("1.0") {
        builder = builder.version(Version::HTTP_10);
    }
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        builder = builder.header(name, value);
    }
    let (parts, ()) = builder.body(()).expect("a request").into_parts();
    gates.pass(peer.parse().expect("an address"), parts.version, &parts.uri, &parts.headers)
}

#[test]
fn the_peer_is_on_this_machine() {
    let rows = [
        ("127.0.0.1", Ok(())),
        ("127.9.9.9", Ok(())),
        ("::1", Ok(())),
        ("::ffff:127.0.0.1", Ok(())),
        ("192.168.0.7", Err(Refusal::NotLocal)),
        ("0.0.0.0", Err(Refusal::NotLocal)),
        ("fe80::1", Err(Refusal::NotLocal)),
        ("::ffff:8.8.8.8", Err(Refusal::NotLocal)),
    ];
    for (peer, expected) in rows {
        assert_eq!(check(peer, "GET / 1.1\nHost: 127.0.0.1"), expected, "{peer}");
    }
}

#[test]
fn the_host_is_ours() {
    let good = [
        "127.0.0.1",
        "127.0.0.1:5000",
        "127.0.0.1:80",
        "127.1.2.3:5000",
        "0.0.0.0:5000",
        "[::1]:5000",
        "[::1]",
        "[::]:5000",
        "localhost:5000",
        "LocalHost",
    ];
    for host in good {
        assert_eq!(check("127.0.0.1", &format!("GET / 1.1\nHost: {host}")), Ok(()), "{host}");
    }
    let foreign = [
        "evil.example",
        "evil.example:5000",
        "localhost.evil.example",
        "127.0.0.1.evil.example:5000",
        "10.0.0.1:5000",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "[fe80::1]:5000",
        "localhost.",
    ];
    for host in foreign {
        let expected = Err(Refusal::ForeignHost);
        assert_eq!(check("127.0.0.1", &format!("GET / 1.1\nHost: {host}")), expected, "{host}");
    }
    let bad = [
        "",
        ":5000",
        "127.0.0.1:",
        "127.0.0.1:port",
        "127.0.0.1:70000",
        "a@127.0.0.1",
        "[::1",
        "127.0.0.1, x",
    ];
    for host in bad {
        let expected = Err(Refusal::BadHost);
        assert_eq!(check("127.0.0.1", &format!("GET / 1.1\nHost: {host}")), expected, "{host}");
    }
}

#[test]
fn one_host_is_needed_and_a_whole_uri_counts_too() {
    let rows = [
        ("GET / 1.1", Err(Refusal::BadHost)),
        ("GET / 1.0", Ok(())),
        ("GET / 1.0\nHost: evil.example", Err(Refusal::ForeignHost)),
        ("GET / 1.1\nHost: 127.0.0.1\nHost: 127.0.0.1", Err(Refusal::BadHost)),
        ("GET http://127.0.0.1:5000/ 1.1\nHost: 127.0.0.1:5000", Ok(())),
        ("GET http://evil.example/ 1.1\nHost: 127.0.0.1", Err(Refusal::ForeignHost)),
        ("GET http://127.0.0.1/ 1.1\nHost: evil.example", Err(Refusal::ForeignHost)),
        ("GET http://127.0.0.1/ 1.1", Err(Refusal::BadHost)),
    ];
    for (request, expected) in rows {
        assert_eq!(check("127.0.0.1", request), expected, "{request}");
    }
}

#[test]
fn no_other_sites_page_may_call() {
    use Refusal::{ForeignOrigin, ForeignSite, SilentBrowser};
    const FIREFOX: &str =
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let rows = [
        ("User-Agent: curl/8.5.0", Ok(())),
        ("User-Agent: python-requests/2.32.3", Ok(())),
        ("User-Agent: PostmanRuntime/7.43.0", Ok(())),
        ("Origin: http://127.0.0.1:5000\nSec-Fetch-Site: same-origin", Ok(())),
        ("Origin: http://127.0.0.1:5000", Ok(())),
        ("Origin: http://127.0.0.1:4999\nSec-Fetch-Site: same-site", Err(ForeignOrigin)),
        ("Origin: http://localhost:5000", Err(ForeignOrigin)),
        ("Origin: https://127.0.0.1:5000", Err(ForeignOrigin)),
        ("Origin: http://evil.example", Err(ForeignOrigin)),
        ("Origin: null", Err(ForeignOrigin)),
        ("Origin: ", Err(ForeignOrigin)),
        ("Origin: http://127.0.0.1:5000\nOrigin: http://evil.example", Err(ForeignOrigin)),
        ("Sec-Fetch-Site: none", Ok(())),
        ("Sec-Fetch-Site: cross-site", Err(ForeignSite)),
        ("Sec-Fetch-Site: same-site", Err(ForeignSite)),
        ("Sec-Fetch-Site: anything", Err(ForeignSite)),
        ("Sec-Fetch-Site: none\nSec-Fetch-Site: none", Err(ForeignSite)),
        ("FIREFOX", Err(SilentBrowser)),
        ("FIREFOX\nSec-Fetch-Site: none", Ok(())),
        ("FIREFOX\nSec-Fetch-Site: cross-site", Err(ForeignSite)),
    ];
    for (headers, expected) in rows {
        let headers = headers.replace("FIREFOX", FIREFOX);
        for method in ["GET", "POST"] {
            let request = format!("{method} /shutdown 1.1\nHost: 127.0.0.1:5000\n{headers}");
            assert_eq!(check("127.0.0.1", &request), expected, "{request}");
        }
    }
    let unseen = format!("GET /shutdown 1.1\nHost: 0.0.0.0:5000\n{FIREFOX}");
    assert_eq!(check("127.0.0.1", &unseen), Err(SilentBrowser));
}

#[test]
fn a_refused_browser_is_told_what_works() {
    let gates = Gates { bound: "0.0.0.0:5000".parse().expect("an address") };
    let problem = gates.problem(Refusal::SilentBrowser);
    assert_eq!(
        problem,
        Problem::new(StatusCode::FORBIDDEN, Refusal::SilentBrowser.to_string())
            .hint("use http://127.0.0.1:5000")
    );
    assert_eq!(gates.problem(Refusal::BadHost).status(), StatusCode::BAD_REQUEST);
}
