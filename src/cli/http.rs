//! A node's HTTP: its flags, its port, and the file with its credentials.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tokio::net::TcpListener;

use crate::cli::node::unbound;
use crate::cli::seed::random;
use crate::cli::{Failure, values};
use crate::rest::Opened;
use crate::rest::cookie::Cookie;

/// The cookie's file in the node's folder.
const COOKIE_FILE: &str = "cookie";

/// The cookie's file of a node that has no folder, where it was started.
const EPHEMERAL_COOKIE_FILE: &str = "p2pnode-cookie";

/// Where HTTP is served, and to whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct HttpArgs {
    /// Port (on 127.0.0.1) or address of its HTTP endpoints.
    #[arg(long, value_name = "PORT", default_value = "5000", value_parser = values::http_address)]
    pub(crate) http: SocketAddr,
    /// Serve no HTTP at all.
    #[arg(long, conflicts_with = "http")]
    pub(crate) no_http: bool,
    /// What an HTTP request that changes something needs; with the cookie, other machines may call as well.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = HttpAuth::None)]
    pub(crate) http_auth: HttpAuth,
    /// File for the cookie, for `curl -u "$(cat FILE)"`; in the data folder if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) http_cookie_file: Option<PathBuf>,
    /// A host name by which other machines may call, beside its addresses; may be given often.
    #[arg(long, value_name = "NAME", value_parser = values::host_name)]
    pub(crate) http_allow_host: Vec<String>,
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HttpAuth {
    /// Nothing: whoever is on this machine may do everything.
    None,
    /// The cookie, for everything that changes something.
    Cookie,
}

/// HTTP that is about to be served.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) listener: TcpListener,
    pub(super) opened: Option<Opened>,
}

/// Removes the cookie that a node which was killed left in its folder; the folder is the caller's.
pub(super) fn tidy(folder: &Path) {
    Cookie::remove_left(&folder.join(COOKIE_FILE));
}

impl HttpArgs {
    /// Takes the port.
    pub(super) async fn bind(&self) -> Result<Option<TcpListener>, Failure> {
        self.check()?;
        if self.no_http {
            return Ok(None);
        }
        let listener = TcpListener::bind(self.http).await;
        listener.map(Some).map_err(|error| unbound("--http", self.http, &error))
    }

    /// Writes the cookie, if there is to be one: in the node's folder unless a flag says where. The ports and
    /// the folder are this node's by then, so that no other's cookie is replaced.
    pub(super) fn open(&self, listener: TcpListener, folder: Option<&Path>) -> Result<Http, Failure> {
        if self.http_auth == HttpAuth::None {
            return Ok(Http { listener, opened: None });
        }
        let usual = || folder.map_or(EPHEMERAL_COOKIE_FILE.into(), |folder| folder.join(COOKIE_FILE));
        let file = self.http_cookie_file.clone().unwrap_or_else(usual);
        let cookie = Cookie::create(&file, random()?).map_err(|error| unwritten(&file, &error))?;
        Ok(Http { listener, opened: Some(Opened { cookie, names: self.http_allow_host.clone() }) })
    }

    fn check(&self) -> Result<(), Failure> {
        if self.http_auth == HttpAuth::Cookie {
            return match self.no_http {
                true => Err(Failure::usage(
                    "--http-auth cookie and --no-http exclude each other",
                    "leave one of them out",
                )),
                false => Ok(()),
            };
        }
        if !self.http.ip().is_loopback() {
            let error = format!("--http {} lets other machines do everything here", self.http);
            let hint = format!(
                "add --http-auth cookie; or use --http {}, and let other machines tunnel to it, with ssh -L",
                self.http.port()
            );
            return Err(Failure::usage(error, hint).at("--http"));
        }
        let idle = [
            ("--http-cookie-file", self.http_cookie_file.is_some()),
            ("--http-allow-host", !self.http_allow_host.is_empty()),
        ];
        match idle.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Failure::usage(
                format!("{flag} means nothing without credentials"),
                "add --http-auth cookie",
            )
            .at(flag)),
            None => Ok(()),
        }
    }
}

impl Http {
    /// The beginning of a command that may change something.
    pub(super) fn curl(&self) -> String {
        match &self.opened {
            None => "curl".to_owned(),
            Some(opened) => format!("curl -u \"$(cat {})\"", opened.cookie.shown()),
        }
    }
}

/// Whether a file of this name is one that a node keeps for itself.
pub(super) fn is_cookie(name: &OsStr) -> bool {
    name == COOKIE_FILE
}

fn unwritten(file: &Path, error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            "name another file with --http-cookie-file: nothing but an old cookie is replaced"
        }
        _ => "name a file in a folder of yours with --http-cookie-file",
    };
    let error = format!("the cookie file {} cannot be written: {error}", file.display());
    Failure::new(error, hint).at("--http-cookie-file")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        http: HttpArgs,
    }

    fn args(flags: &[&str]) -> HttpArgs {
        Flags::try_parse_from([&["p2pnode"], flags].concat()).expect("flags").http
    }

    /// Both steps; without a port nothing is written.
    async fn start(flags: &[&str], home: &Path) -> Result<Option<Http>, Failure> {
        let args = args(flags);
        args.bind().await?.map(|listener| args.open(listener, Some(home))).transpose()
    }

    /// (flags, how the complaint begins; nothing if there is none)
    #[tokio::test]
    async fn other_machines_call_only_where_credentials_are_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let cookie = folder.path().join(COOKIE_FILE);
        let rows: [(&[&str], &str); 9] = [
            (&["--http", "0"], ""),
            (&["--no-http"], ""),
            (&["--http", "0", "--http-auth", "cookie"], ""),
            (&["--http", "0.0.0.0:0", "--http-auth", "cookie", "--http-allow-host", "node.lan"], ""),
            (&["--http", "0.0.0.0:0"], "--http 0.0.0.0:0 lets other machines do everything here"),
            (&["--http", "[::]:0", "--http-auth", "none"], "--http [::]:0 lets other machines"),
            (&["--http", "0", "--http-allow-host", "node.lan"], "--http-allow-host means nothing"),
            (&["--http", "0", "--http-cookie-file", "x"], "--http-cookie-file means nothing"),
            (&["--no-http", "--http-auth", "cookie"], "--http-auth cookie and --no-http exclude"),
        ];
        for (flags, expected) in rows {
            match start(flags, folder.path()).await {
                Ok(http) => {
                    assert_eq!(expected, "", "{flags:?}");
                    assert_eq!(http.is_none(), flags.contains(&"--no-http"));
                    assert_eq!(cookie.exists(), flags.contains(&"--http-auth"), "{flags:?}");
                }
                Err(Failure { error, hint, .. }) => {
                    assert!(!expected.is_empty() && error.starts_with(expected), "{flags:?}: {error}");
                    assert!(flags.contains(&"--no-http") || hint.contains("--http-auth cookie"), "{hint}");
                    assert!(!cookie.exists());
                }
            }
        }
    }

    /// Row 65 of docs/hostile.md.
    #[tokio::test]
    async fn a_port_that_is_taken_costs_nobody_the_cookie() {
        let folder = tempfile::tempdir().expect("a folder");
        let flags = ["--http", "0", "--http-auth", "cookie"];
        let running = start(&flags, folder.path()).await.expect("it runs").expect("HTTP");
        let cookie = || std::fs::read(folder.path().join(COOKIE_FILE)).expect("it is there");
        let before = cookie();
        let port = running.listener.local_addr().expect("an address").port().to_string();
        let taken = start(&["--http", &port, "--http-auth", "cookie"], folder.path()).await;
        assert!(taken.expect_err("taken").error.contains(&port));
        assert_eq!(cookie(), before);
        let nowhere = start(&flags, &folder.path().join("no/folder")).await.expect_err("no such folder");
        assert!(nowhere.error.contains("no/folder"), "{nowhere:?}");
        assert!(nowhere.hint.contains("--http-cookie-file"), "{nowhere:?}");
    }
}
