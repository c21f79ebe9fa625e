//! A node's HTTP: its flags, its port, and the file with its credentials.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tokio::net::TcpListener;

use crate::cli::node::unbound;
use crate::cli::seed::random;
use crate::cli::{Failure, values};
use crate::rest::Opened;
use crate::rest::cookie::Cookie;

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
    /// File for the cookie, for `curl -u "$(cat FILE)"`; new at each start, and only you can read it.
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

impl HttpArgs {
    /// Takes the port, and then writes the cookie: to `cookie` if no flag says where.
    pub(super) async fn bind(&self, cookie: &Path) -> Result<Option<Http>, Failure> {
        self.check()?;
        if self.no_http {
            return Ok(None);
        }
        let listener = TcpListener::bind(self.http).await;
        let listener = listener.map_err(|error| unbound("--http", self.http, &error))?;
        let opened = match self.http_auth {
            HttpAuth::None => None,
            HttpAuth::Cookie => {
                let file = self.http_cookie_file.as_deref().unwrap_or(cookie);
                let cookie = Cookie::create(file, random()?).map_err(|error| unwritten(file, &error))?;
                Some(Opened { cookie, names: self.http_allow_host.clone() })
            }
        };
        Ok(Some(Http { listener, opened }))
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

fn unwritten(file: &Path, error: &std::io::Error) -> Failure {
    let error = format!("the cookie file {} cannot be written: {error}", file.display());
    Failure::new(error, "name a file in a folder of yours with --http-cookie-file").at("--http-cookie-file")
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

    /// (flags, how the complaint begins; nothing if there is none)
    #[tokio::test]
    async fn other_machines_call_only_where_credentials_are_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let cookie = folder.path().join("cookie");
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
            match args(flags).bind(&cookie).await {
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

    #[tokio::test]
    async fn a_port_that_is_taken_costs_nobody_the_cookie() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cookie");
        let flags = ["--http", "0", "--http-auth", "cookie"];
        let running = args(&flags).bind(&file).await.expect("it runs").expect("HTTP");
        let before = std::fs::read(&file).expect("there");
        let port = running.listener.local_addr().expect("an address").port().to_string();
        let failed = args(&["--http", &port, "--http-auth", "cookie"]).bind(&file).await;
        assert!(failed.expect_err("taken").error.contains(&port));
        assert_eq!(std::fs::read(&file).expect("still there"), before);
        let nowhere = folder.path().join("no/folder");
        let failed = args(&flags).bind(&nowhere).await.expect_err("no such folder");
        assert!(
            failed.error.contains("no/folder") && failed.hint.contains("--http-cookie-file"),
            "{failed:?}"
        );
    }
}
