//! Three gates before routing, always: where the peer is, which name it called us by, and which web page
//! it speaks for.
//!
//! A node on loopback is reached by every web page that its owner opens. Such a page cannot choose its
//! peer address, but a name that its own server resolves to 127.0.0.1 (DNS rebinding) shows in `Host`, and
//! a request made for it by the browser shows in `Origin` and `Sec-Fetch-Site`. A browser leaves the latter
//! out where it does not trust the address: for `0.0.0.0` it does, which is how a foreign page would reach
//! us unseen; so a browser without it is refused, and told the address that works. Programs that are not
//! browsers (curl, requests, Postman) need none of these headers.
//!
//! Not here: credentials (`auth`). Where they are asked for, the first gate stands open, and the other two
//! stay: a browser that was given the credentials once adds them to whatever a foreign page asks for.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN, USER_AGENT};
use hyper::{StatusCode, Uri, Version};

use crate::rest::problem::Problem;
use crate::rest::socket::Exchange;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The gates of a server that asks for no credentials: for this machine alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gates {
    /// Where the server listens: it answers to loopback's names and to this address, on any port.
    pub bound: SocketAddr,
}

/// Stands at the gates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    bound: SocketAddr,
    /// The host names it answers to beside its own, once other machines may call; none if they may not.
    opened: Option<Vec<String>>,
}

/// What handlers find among a request's extensions; one thing, because each costs two allocations.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    /// Who calls.
    pub(super) caller: Caller,
    /// How long the server waits for the request's body.
    pub(super) patience: Duration,
    /// What is told when that was read to its end.
    pub(super) exchange: Arc<Exchange>,
}

/// The two ends of a request's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Who calls.
    pub peer: IpAddr,
    /// Which of our addresses was called.
    pub local: IpAddr,
}

impl Caller {
    /// Both ends; an IPv4 address is one, however the socket writes it.
    pub fn new(peer: IpAddr, local: IpAddr) -> Caller {
        Caller { peer: peer.to_canonical(), local: local.to_canonical() }
    }

    /// Whether the caller is on this machine, as far as addresses tell.
    pub fn is_here(&self) -> bool {
        self.peer.is_loopback() || self.peer == self.local
    }
}

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    /// Returned when the peer is on another machine.
    #[error("only this machine may call")]
    NotLocal,
    /// Returned for HTTP/1.1 without `Host`, or with two, or with one that is no host.
    #[error("the Host header is missing, repeated or no host")]
    BadHost,
    /// Returned when the name is none of ours, as after DNS rebinding.
    #[error("this program does not answer to the host that was asked for")]
    ForeignHost,
    /// Returned when `Origin` is another than this server's own.
    #[error("pages of other sites may not call (Origin)")]
    ForeignOrigin,
    /// Returned when a browser says that the request was made for another site.
    #[error("pages of other sites may not call (Sec-Fetch-Site)")]
    ForeignSite,
    /// Returned for a browser that does not say for whom it asks.
    #[error("a browser must say for which site it asks (Sec-Fetch-Site)")]
    SilentBrowser,
}

impl From<Gates> for Guard {
    fn from(gates: Gates) -> Guard {
        Guard { bound: gates.bound, opened: None }
    }
}

impl Gates {
    /// The gates of a server that asks for credentials where it matters: other machines may call as well,
    /// by the address that they reached (an address cannot be rebound, as a name can) and by `names`.
    pub fn opened(self, names: Vec<String>) -> Guard {
        Guard { bound: self.bound, opened: Some(names) }
    }
}

impl Guard {
    /// Lets a request through, or says why not.
    pub fn check(
        &self,
        caller: Caller,
        version: Version,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        self.pass(caller, version, uri, headers).map_err(|refusal| self.problem(refusal, caller))
    }

    fn pass(&self, caller: Caller, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.opened.is_none() && !caller.peer.is_loopback() {
            return Err(Refusal::NotLocal);
        }
        let host = single(headers, &HOST).ok_or(Refusal::BadHost)?;
        if host.is_none() && version >= Version::HTTP_11 {
            return Err(Refusal::BadHost);
        }
        // Of a whole URI in the request line, host and port are what counts; Host must be ours all the same.
        let authority = uri.authority().map(|authority| authority.as_str());
        for asked in [host, authority].into_iter().flatten() {
            let name = host_name(asked).ok_or(Refusal::BadHost)?;
            if !self.is_ours(name, caller.local) {
                return Err(Refusal::ForeignHost);
            }
        }
        self.check_browser(headers, authority.or(host))
    }

    fn check_browser(&self, headers: &HeaderMap, own: Option<&str>) -> Result<(), Refusal> {
        if let Some(origin) = single(headers, &ORIGIN).ok_or(Refusal::ForeignOrigin)? {
            let same = origin.strip_prefix("http://").zip(own);
            if !same.is_some_and(|(origin, own)| origin.eq_ignore_ascii_case(own)) {
                return Err(Refusal::ForeignOrigin);
            }
        }
        match single(headers, &SEC_FETCH_SITE).ok_or(Refusal::ForeignSite)? {
            Some("same-origin" | "none") => Ok(()),
            Some(_) => Err(Refusal::ForeignSite),
            None => {
                let agents = headers.get_all(USER_AGENT).iter();
                let browser =
                    agents.map(|agent| agent.as_bytes()).any(|agent| agent.starts_with(b"Mozilla/"));
                if browser { Err(Refusal::SilentBrowser) } else { Ok(()) }
            }
        }
    }

    fn is_ours(&self, name: &str, local: IpAddr) -> bool {
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let address = bare.unwrap_or(name).parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let opened = self.opened.as_deref();
        match address {
            Some(address) => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address == self.bound.ip().to_canonical()
                    || opened.is_some() && address == local
            }
            None => {
                let names = opened.into_iter().flatten().map(String::as_str);
                names.chain(["localhost"]).any(|own| own.eq_ignore_ascii_case(name))
            }
        }
    }

    /// What the refused is told.
    fn problem(&self, refusal: Refusal, caller: Caller) -> Problem {
        let status = match refusal {
            Refusal::BadHost => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        };
        Problem::new(status, refusal.to_string()).hint(self.hint(refusal, caller)).refusal()
    }

    /// What works instead.
    fn hint(&self, refusal: Refusal, caller: Caller) -> String {
        let port = self.bound.port();
        let reached = SocketAddr::new(caller.local, port);
        let tunnel = |to| format!("tunnel to it, with ssh -L {port}:{to} and the name of its machine");
        match refusal {
            Refusal::NotLocal => tunnel(self.bound),
            Refusal::ForeignHost if self.opened.is_some() => {
                format!("use http://{reached}, or start it with --http-allow-host and the name")
            }
            // Only loopback is trusted by browsers without TLS.
            Refusal::SilentBrowser if !caller.local.is_loopback() => {
                format!(
                    "{}, and open http://127.0.0.1:{port}; programs such as curl may call",
                    tunnel(reached)
                )
            }
            _ => format!("use http://{reached}"),
        }
    }
}

/// The one value of a header, as text: outer none if there are two, or if it is no text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(None),
        (Some(value), None) => value.to_str().ok().map(Some),
        (Some(_), Some(_)) => None,
    }
}

/// The host in `host` or `host:port`, brackets kept; none if it is neither.
fn host_name(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (name, port) = authority.split_at(end);
    let good = |c: u8| c.is_ascii_alphanumeric() || b"-._[]:".contains(&c);
    let port_is_good = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    (port_is_good && !name.is_empty() && name.bytes().all(good)).then_some(name)
}

#[cfg(test)]
mod tests;
