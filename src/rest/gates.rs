//! Who may call at all: three gates before routing.
//!
//! Every endpoint is for the people of this machine, and there is no password. So a call must come from
//! this machine (gate 1), must mean this machine (gate 2: a page of another site whose name was made to
//! point here says that name in `Host`), and must not be another site's doing (gate 3: a browser says so in
//! `Origin` or `Sec-Fetch-Site`; one that says nothing has come by way of 0.0.0.0). Programs such as curl
//! send none of these headers and pass.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN, USER_AGENT};
use hyper::{StatusCode, Uri, Version};

use crate::rest::problem::Problem;

/// What the gates know of the server.
#[derive(Debug, Clone, Copy)]
pub struct Gates {
    /// Where it listens.
    pub bound: SocketAddr,
}

impl Gates {
    /// Lets a request through, or says why not.
    pub fn check(
        &self,
        peer: IpAddr,
        version: Version,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        if !peer.to_canonical().is_loopback() {
            return Err(forbidden("only programs on this machine may call"));
        }
        self.check_host(version, uri, headers)?;
        self.check_site(headers)
    }

    fn check_host(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if headers.get_all(HOST).iter().count() > 1 {
            return Err(Problem::bad_request("there is more than one Host header"));
        }
        let host = headers.get(HOST).map(text).transpose()?;
        if host.is_none() && version >= Version::HTTP_11 {
            return Err(Problem::bad_request("the Host header is missing"));
        }
        let authority = uri.authority().map(|authority| authority.as_str());
        for name in [host, authority].into_iter().flatten() {
            if !self.is_this_machine(name) {
                return Err(forbidden(format!(
                    "the host {name:?} is not this machine's: use http://127.0.0.1:{}",
                    self.bound.port()
                )));
            }
        }
        Ok(())
    }

    /// Whether `host`, with or without a port, can only mean this machine.
    fn is_this_machine(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((name, port)) if port.is_empty() || is_port(port.strip_prefix(':')) => name,
                _ => return false,
            },
            None => match host.split_once(':') {
                Some((name, port)) if is_port(Some(port)) => name,
                Some(_) => return false,
                None => host,
            },
        };
        match name.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback() || ip == self.bound.ip() || ip == IpAddr::from([0, 0, 0, 0]),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        }
    }

    fn check_site(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let port = self.bound.port();
        let host = headers.get(HOST).map(text).transpose()?.unwrap_or_default();
        if let Some(origin) = headers.get(ORIGIN) {
            let ours = text(origin)?.strip_prefix("http://").is_some_and(|o| o.eq_ignore_ascii_case(host));
            if !ours {
                return Err(forbidden("pages of other sites may not call"));
            }
        }
        let site = headers.get("sec-fetch-site").map(text).transpose()?;
        let agent = headers.get(USER_AGENT).map(text).transpose()?.unwrap_or_default();
        match site {
            Some("same-origin" | "none") => Ok(()),
            Some(_) => Err(forbidden("pages of other sites may not call")),
            None if agent.starts_with("Mozilla/") => Err(forbidden(format!(
                "a browser must say which page calls, and does so only at http://127.0.0.1:{port}"
            ))
            .with("hint", format!("open http://127.0.0.1:{port} instead"))),
            None => Ok(()),
        }
    }
}

fn is_port(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.parse::<u16>().is_ok())
}

fn text(value: &HeaderValue) -> Result<&str, Problem> {
    value.to_str().map_err(|_| Problem::bad_request("a header is not text"))
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36";

    fn verdict(peer: &str, uri: &str, headers: &[(&'static str, &str)]) -> u16 {
        let gates = Gates { bound: SocketAddr::from(([127, 0, 0, 1], 5000)) };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header value"));
        }
        let uri = uri.parse().expect("a uri");
        let peer = peer.parse().expect("an address");
        match gates.check(peer, Version::HTTP_11, &uri, &map) {
            Ok(()) => 200,
            Err(problem) => problem.status().as_u16(),
        }
    }

    #[test]
    fn programs_of_this_machine_pass_and_pages_of_others_do_not() {
        let local = ("host", "127.0.0.1:5000");
        type Row = (&'static str, &'static str, Vec<(&'static str, &'static str)>, u16);
        let rows: Vec<Row> = vec![
            ("127.0.0.1", "/mine", vec![local], 200),
            ("127.0.0.1", "/mine", vec![("host", "0.0.0.0:5000")], 200),
            ("127.0.0.1", "/mine", vec![("host", "LOCALHOST:5000"), ("user-agent", "curl/8")], 200),
            ("::1", "/mine", vec![("host", "[::1]:5000")], 200),
            ("::ffff:127.0.0.1", "/mine", vec![("host", "127.8.9.1")], 200),
            // 1: another machine
            ("10.0.0.7", "/mine", vec![local], 403),
            ("::ffff:10.0.0.7", "/mine", vec![local], 403),
            // 2: another name
            ("127.0.0.1", "/chain", vec![("host", "evil.example:5000")], 403),
            ("127.0.0.1", "/chain", vec![("host", "localhost.evil.example")], 403),
            ("127.0.0.1", "/chain", vec![("host", "127.0.0.1.evil.example")], 403),
            ("127.0.0.1", "/chain", vec![("host", "[::1")], 403),
            ("127.0.0.1", "/chain", vec![("host", "127.0.0.1:5000@evil.example")], 403),
            ("127.0.0.1", "/chain", vec![("host", "")], 403),
            ("127.0.0.1", "/chain", vec![], 400),
            ("127.0.0.1", "/chain", vec![local, local], 400),
            ("127.0.0.1", "http://evil.example/chain", vec![local], 403),
            ("127.0.0.1", "http://127.0.0.1:5000/chain", vec![local], 200),
            // 3: another site
            ("127.0.0.1", "/mine", vec![local, ("origin", "http://evil.example")], 403),
            ("127.0.0.1", "/mine", vec![local, ("origin", "null")], 403),
            ("127.0.0.1", "/mine", vec![local, ("origin", "http://127.0.0.1:8000")], 403),
            ("127.0.0.1", "/mine", vec![local, ("origin", "http://127.0.0.1:5000")], 200),
            (
                "127.0.0.1",
                "/mine",
                vec![local, ("user-agent", CHROME), ("sec-fetch-site", "cross-site")],
                403,
            ),
            ("127.0.0.1", "/mine", vec![local, ("user-agent", CHROME), ("sec-fetch-site", "same-site")], 403),
            ("127.0.0.1", "/mine", vec![local, ("user-agent", CHROME), ("sec-fetch-site", "none")], 200),
            (
                "127.0.0.1",
                "/mine",
                vec![local, ("user-agent", CHROME), ("sec-fetch-site", "same-origin")],
                200,
            ),
            // An image at http://0.0.0.0:5000/mine on a foreign page: the browser says nothing of the page.
            ("127.0.0.1", "/mine", vec![("host", "0.0.0.0:5000"), ("user-agent", CHROME)], 403),
        ];
        for (peer, uri, headers, status) in rows {
            assert_eq!(verdict(peer, uri, &headers), status, "{peer} {uri} {headers:?}");
        }
    }
}
