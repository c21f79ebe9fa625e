//! Whether who is there is a manager at all. Nodes and other servers answer some of the same calls, and must
//! not be asked to do anything: so a client looks once, before its first call, at what the specification that
//! is served there is of.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::header::SERVER;
use hyper::{Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cli::client::{Client, START_ONE};
use crate::cli::render::safe;
use crate::cli::{Failure, UNREACHABLE};
use crate::limits::{API_CONNECT_TIMEOUT, MAX_SPECIFICATION_BYTES};

/// What managers and nodes serve.
const SPECIFICATION: &str = "/api/v1/openapi.json";

/// What was served.
struct Served {
    status: StatusCode,
    /// Who says to serve it.
    server: Option<String>,
    specification: Value,
}

impl Client {
    /// Makes sure that a manager is there.
    pub(super) async fn meet(&self) -> Result<(), Failure> {
        self.met.get_or_try_init(|| self.look()).await.map(drop)
    }

    async fn look(&self) -> Result<(), Failure> {
        let socket = self.connect().await?;
        let served = timeout(API_CONNECT_TIMEOUT, self.served(socket));
        let served = served.await.map_err(|_| {
            let secs = API_CONNECT_TIMEOUT.as_secs();
            self.why_silent()
                .unwrap_or_else(|| self.stranger(&format!("what listens there says nothing within {secs} s")))
        })??;
        match served.specification["info"]["title"].as_str() {
            Some("networkmngr") => Ok(()),
            Some("p2pnode") => {
                Err(self
                    .stranger("is a node, not a manager: what is asked of a whole network is asked there"))
            }
            // It says itself why it does not speak to us, or that it ends.
            _ if [StatusCode::FORBIDDEN, StatusCode::SERVICE_UNAVAILABLE].contains(&served.status) => Ok(()),
            _ => {
                let server =
                    served.server.map_or(String::new(), |server| format!(" ({})", safe(&server, 80)));
                Err(self.stranger(&format!("what listens there is another HTTP server{server}")))
            }
        }
    }

    async fn served(&self, socket: TcpStream) -> Result<Served, Failure> {
        let response = self.send_over(socket, Method::GET, SPECIFICATION, Bytes::new(), &[]).await?;
        let status = response.status();
        let server =
            response.headers().get(SERVER).map(|name| String::from_utf8_lossy(name.as_bytes()).into());
        let body = Limited::new(response.into_body(), MAX_SPECIFICATION_BYTES).collect().await;
        // What is no such thing has no title either.
        let specification = body.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
        Ok(Served { status, server, specification: specification.unwrap_or_default() })
    }

    /// Somebody is there, who is no manager.
    pub(super) fn stranger(&self, what: &str) -> Failure {
        let place = format!("{}:{}", self.host, self.port);
        let error = match what.starts_with("is ") {
            true => format!("{place} {what}"),
            false => format!("{place} is no manager: {what}"),
        };
        Failure { code: UNREACHABLE, ..Failure::new(error, START_ONE) }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    /// As a manager that was stopped is, once many have called it.
    #[tokio::test]
    async fn who_takes_no_more_callers_is_not_said_to_be_none() {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let listener = socket.listen(1).expect("it listens");
        let address = listener.local_addr().expect("an address");
        let call = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200));
        let callers: Vec<_> = core::iter::from_fn(|| call().ok()).take(100).collect();
        let client = Client::new(&address.to_string()).expect("a URL");
        let failure = client.meet().await.expect_err("nobody answers");
        let says = format!("http://{address} does not answer: no connection within ");
        assert!(failure.error.starts_with(&says), "after {} callers: {failure}", callers.len());
        assert_eq!(failure.code, UNREACHABLE);
    }

    /// (what a server says to whoever connects, what is said of it)
    #[tokio::test]
    async fn who_is_no_manager_is_told_for_what_it_is() {
        let http = |status: &str, head: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n{body}")
        };
        let titled = |title: &str| http("200 OK", "", &format!(r#"{{"info": {{"title": "{title}"}}}}"#));
        let rows = [
            (titled("networkmngr"), ""),
            (http("403 Forbidden", "", r#"{"detail": "not from there"}"#), ""),
            (titled("p2pnode"), "is a node, not a manager"),
            (titled("petstore"), "is no manager: what listens there is another HTTP server"),
            (
                http("404 File not found", "server: SimpleHTTP/0.6\r\n", "<html>"),
                "HTTP server (SimpleHTTP/0.6)",
            ),
            ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "is no manager: what listens there speaks no HTTP"),
        ];
        for (says, expected) in rows {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let said = says.clone();
            let serving = tokio::spawn(async move {
                let (mut socket, _) = listener.accept().await.expect("a caller");
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.expect("a byte"));
                }
                socket.write_all(said.as_bytes()).await.expect("sent");
                // Until the other side goes.
                let _ = socket.read_u8().await;
            });
            let client = Client::new(&address.to_string()).expect("a URL");
            let met = client.meet().await;
            drop(client);
            serving.abort();
            match met {
                Ok(()) => assert_eq!(expected, "", "{says}"),
                Err(failure) => {
                    assert!(!expected.is_empty() && failure.error.contains(expected), "{says}: {failure}");
                    assert!(failure.error.starts_with(&address.to_string()), "{failure}");
                    assert_eq!((failure.code, failure.hint.as_str()), (UNREACHABLE, START_ONE));
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let client = Client::new(&listener.local_addr().expect("an address").to_string()).expect("a URL");
        let failure = client.meet().await.expect_err("nobody speaks");
        assert!(failure.error.contains("says nothing within 3 s"), "{failure}");
        assert_eq!(failure.code, UNREACHABLE);
    }
}
