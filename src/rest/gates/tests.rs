//! The gates as tables. (These are rows 69 and 70 of the hostile inputs, without a socket.)

use super::*;
use hyper::Request;

fn gates(bound: &str) -> Gates {
    Gates { bound: bound.parse().expect("an address") }
}

fn caller(peer: &str, local: &str) -> Caller {
    Caller::new(peer.parse().expect("an address"), local.parse().expect("an address"))
}

fn check(peer: &str, request: &str) -> Result<(), Refusal> {
    check_by(&gates("127.0.0.1:5000").into(), caller(peer, "127.0.0.1"), request)
}

fn check_by(guard: &Guard, caller: Caller, request: &str) -> Result<(), Refusal> {
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
    guard.pass(caller, parts.version, &parts.uri, &parts.headers)
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

/// (peer, the address it reached, Host, what comes of it) where credentials are asked for.
#[test]
fn opened_gates_answer_to_the_address_reached_and_to_names_that_were_given() {
    let guard = gates("0.0.0.0:5000").opened(vec!["node.lan".to_owned(), "Attic".to_owned()]);
    let rows = [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:5000", Ok(())),
        ("127.0.0.1", "127.0.0.1", "0.0.0.0:5000", Ok(())),
        ("192.168.0.7", "192.168.0.2", "192.168.0.2:5000", Ok(())),
        ("::ffff:192.168.0.7", "::ffff:192.168.0.2", "192.168.0.2:5000", Ok(())),
        ("fd00::7", "fd00::2", "[fd00::2]:5000", Ok(())),
        ("192.168.0.7", "192.168.0.2", "node.lan:5000", Ok(())),
        ("192.168.0.7", "192.168.0.2", "attic", Ok(())),
        ("192.168.0.7", "192.168.0.2", "NODE.LAN", Ok(())),
        ("192.168.0.7", "192.168.0.2", "192.168.0.3:5000", Err(Refusal::ForeignHost)),
        ("192.168.0.7", "192.168.0.2", "evil.example:5000", Err(Refusal::ForeignHost)),
        ("127.0.0.1", "127.0.0.1", "192.168.0.2:5000", Err(Refusal::ForeignHost)),
        ("127.0.0.1", "127.0.0.1", "evil.node.lan", Err(Refusal::ForeignHost)),
        ("127.0.0.1", "127.0.0.1", "node.lan.evil.example", Err(Refusal::ForeignHost)),
    ];
    for (peer, local, host, expected) in rows {
        let request = format!("GET /chain 1.1\nHost: {host}");
        assert_eq!(check_by(&guard, caller(peer, local), &request), expected, "{peer} {local} {host}");
    }
    let foreign = "GET /mine 1.1\nHost: node.lan:5000\nOrigin: http://evil.example";
    let from_afar = caller("192.168.0.7", "192.168.0.2");
    assert_eq!(check_by(&guard, from_afar, foreign), Err(Refusal::ForeignOrigin), "this gate stays");
    let closed = Guard::from(gates("192.168.0.2:5000"));
    let asked = "GET / 1.1\nHost: 192.168.0.2";
    assert_eq!(check_by(&closed, from_afar, asked), Err(Refusal::NotLocal), "without credentials none may");
}

/// (gates, why, the address that was reached, what to do instead)
#[test]
fn who_is_refused_is_told_what_works() {
    let closed: Guard = gates("127.0.0.1:5000").into();
    let open = gates("0.0.0.0:5000").opened(Vec::new());
    let rows = [
        (&closed, Refusal::SilentBrowser, "127.0.0.1", "use http://127.0.0.1:5000"),
        (&closed, Refusal::ForeignOrigin, "127.0.0.1", "use http://127.0.0.1:5000"),
        (&closed, Refusal::ForeignHost, "::1", "use http://[::1]:5000"),
        (
            &closed,
            Refusal::NotLocal,
            "127.0.0.1",
            "tunnel to it, with ssh -L 5000:127.0.0.1:5000 and the name of its machine",
        ),
        (
            &open,
            Refusal::ForeignHost,
            "10.0.0.2",
            "use http://10.0.0.2:5000, or start it with --http-allow-host and the name",
        ),
        (
            &open,
            Refusal::SilentBrowser,
            "10.0.0.2",
            "tunnel to it, with ssh -L 5000:10.0.0.2:5000 and the name of its machine, and open \
             http://127.0.0.1:5000; programs such as curl may call",
        ),
    ];
    for (guard, refusal, local, hint) in rows {
        let expected = Problem::new(StatusCode::FORBIDDEN, refusal.to_string()).hint(hint).refusal();
        assert_eq!(guard.problem(refusal, caller("10.0.0.1", local)), expected, "{refusal:?} {local}");
    }
    let bad = closed.problem(Refusal::BadHost, caller("127.0.0.1", "127.0.0.1"));
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn this_machine_is_known_by_its_addresses() {
    let rows = [
        ("127.0.0.1", "127.0.0.1", true),
        ("::ffff:127.0.0.1", "127.0.0.1", true),
        ("192.168.0.2", "192.168.0.2", true),
        ("192.168.0.7", "192.168.0.2", false),
    ];
    for (peer, local, here) in rows {
        assert_eq!(caller(peer, local).is_here(), here, "{peer} {local}");
    }
}
