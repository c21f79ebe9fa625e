//! Answers without an end: Server-Sent Events, which go on where they were when a connection breaks, and
//! lines of text.

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use tokio::time::{sleep, timeout};

use crate::cli::client::{Answer, Client, refused};
use crate::cli::{Failure, UNREACHABLE};
use crate::limits::{API_CONNECT_TIMEOUT, EVENT_HEARTBEAT, EVENT_RECONNECT, MAX_EVENT_LINE_BYTES};
use crate::manager::view::Event;

/// An event, and the JSON that told it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// What it says.
    pub event: Event,
    /// The same, as it came.
    pub json: String,
}

/// The events of a network, from some moment on.
#[derive(Debug)]
pub(crate) struct Events {
    client: Client,
    /// The last id that was read: where to go on.
    last: Option<String>,
    open: Option<Lines>,
    half: Half,
}

/// An event that is being read.
#[derive(Debug, Default)]
struct Half {
    data: String,
    id: Option<String>,
}

impl Half {
    /// Takes a line of the stream. What an event is told by, once it is whole.
    fn line(&mut self, line: &str) -> Option<Half> {
        if line.is_empty() {
            let whole = core::mem::take(self);
            return (!whole.data.is_empty()).then_some(whole);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" if self.data.is_empty() => self.data = value.to_owned(),
            "data" => {
                self.data.push('\n');
                self.data.push_str(value);
            }
            "id" => self.id = Some(value.to_owned()),
            // Comments, and what does not matter here.
            _ => {}
        }
        None
    }
}

impl Events {
    /// The events of `client`'s network: those behind `after` (`RUN.SEQ`), or from now on. They are told from
    /// the moment this returns.
    pub(crate) async fn open(client: &Client, after: Option<String>) -> Result<Events, Failure> {
        let mut events = Events { client: client.clone(), last: after, open: None, half: Half::default() };
        events.connect().await?;
        Ok(events)
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        let headers: Vec<_> = self.last.iter().map(|id| ("last-event-id", id.clone())).collect();
        self.half = Half::default();
        self.open = Some(Lines::open(&self.client, "/api/v1/events", &headers).await?);
        Ok(())
    }

    /// The next event. A connection that breaks is opened again, and nothing is missed that is still kept.
    /// Safe to be given up at any moment.
    pub(crate) async fn next(&mut self) -> Result<Told, Failure> {
        loop {
            let Some(lines) = &mut self.open else {
                self.again().await?;
                continue;
            };
            // Twice the time in which a comment comes at the latest: whoever is silent longer has gone.
            let line = timeout(EVENT_HEARTBEAT * 2, lines.next()).await;
            let Ok(Ok(Some(line))) = line else {
                self.open = None;
                continue;
            };
            let Some(whole) = self.half.line(&line) else { continue };
            if whole.id.is_some() {
                self.last = whole.id;
            }
            match serde_json::from_str(&whole.data) {
                Ok(event) => return Ok(Told { event, json: whole.data }),
                Err(error) => tracing::debug!(%error, data = whole.data, "an event that is none"),
            }
        }
    }

    /// Connects again: a manager that stops answers no more, one whose answer was cut off does at once.
    async fn again(&mut self) -> Result<(), Failure> {
        let mut pauses = EVENT_RECONNECT.into_iter();
        loop {
            match self.connect().await {
                Err(failure) => away(&self.client, failure, pauses.next()).await?,
                Ok(()) => return Ok(()),
            }
        }
    }
}

/// Waits for a manager that is away, for as long as one may be that takes a breath; then it has gone.
async fn away(client: &Client, failure: Failure, pause: Option<Duration>) -> Result<(), Failure> {
    match pause {
        _ if failure.code != UNREACHABLE => Err(failure),
        Some(pause) => {
            sleep(pause).await;
            Ok(())
        }
        None => {
            let error = format!("the manager at {} has gone", client.url());
            Err(client.or_gone(Failure { error, ..failure }).await)
        }
    }
}

/// The lines of an answer, as they come.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Incoming,
    unread: BytesMut,
    ended: bool,
}

impl Lines {
    /// What is at `path`, line by line.
    pub(crate) async fn open(
        client: &Client,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Lines, Failure> {
        client.meet().await?;
        let response = timeout(
            API_CONNECT_TIMEOUT + Duration::from_secs(10),
            client.send(Method::GET, path, Bytes::new(), headers),
        );
        let response = response.await.map_err(|_| client.unreachable("it does not answer"))??;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            let body = (&mut body).collect().await.map_err(|error| client.broke_off(&error))?;
            return Err(refused(&Answer { status, body: body.to_bytes() }));
        }
        Ok(Lines { body, unread: BytesMut::new(), ended: false })
    }

    /// The same, where an answer broke off.
    pub(crate) async fn again(client: &Client, path: &str) -> Result<Lines, Failure> {
        let mut pauses = EVENT_RECONNECT.into_iter();
        // A network that ends takes a moment to do so.
        sleep(EVENT_RECONNECT[0]).await;
        loop {
            match Lines::open(client, path, &[]).await {
                Err(failure) => away(client, failure, pauses.next()).await?,
                lines => return lines,
            }
        }
    }

    /// The next line, without its end; none at the end of all. Safe to be given up at any moment.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, hyper::Error> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line = self.unread.split_to(end + 1);
                let line = String::from_utf8_lossy(&line[..end]).into_owned();
                return Ok(Some(line.strip_suffix('\r').map_or(line.clone(), str::to_owned)));
            }
            // A line without an end is no line: what is there of it is given as it is.
            if self.ended || self.unread.len() > MAX_EVENT_LINE_BYTES {
                let rest = self.unread.split();
                return Ok((!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned()));
            }
            match self.body.frame().await {
                Some(frame) => self.unread.extend_from_slice(&frame?.into_data().unwrap_or_default()),
                None => self.ended = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn request(listener: &TcpListener) -> (TcpStream, String) {
        let (mut socket, _) = listener.accept().await.expect("a caller");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.expect("a byte"));
        }
        (socket, String::from_utf8(head).expect("text"))
    }

    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_stream_that_breaks_goes_on_behind_the_last_event() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            let (mut socket, head) = request(&listener).await;
            assert!(!head.contains("last-event-id"), "{head}");
            let text = "retry: 1000\n: hello\n\nid: 7.1\nevent: tip\ndata: {\"seq\":1,\"type\":\"tip\",\"height\":4}\n\n\
                        id: 7.2\ndata: {\"se";
            socket.write_all(format!("{HEAD}{text}").as_bytes()).await.expect("sent");
            drop(socket);
            let (mut socket, head) = request(&listener).await;
            assert!(head.contains("last-event-id: 7.1"), "{head}");
            let text = "id: 7.2\r\ndata: {\"seq\":2,\"type\":\"lost\",\"first\":1}\r\n\r\n";
            socket.write_all(format!("{HEAD}{text}").as_bytes()).await.expect("sent");
        });
        let client = Client::known(&address.to_string());
        let mut events = Events::open(&client, None).await.expect("a stream");
        let first = events.next().await.expect("an event");
        assert_eq!((first.event.kind.as_str(), first.event.seq), ("tip", Some(1)));
        assert_eq!(first.event.more["height"], 4);
        let second = events.next().await.expect("an event");
        assert_eq!((second.event.kind.as_str(), second.event.seq), ("lost", Some(2)));
        serving.await.expect("served");
        let gone = events.next().await.expect_err("nobody is there any more");
        assert!(gone.error.contains("has gone") && gone.code == UNREACHABLE, "{gone}");
    }

    #[tokio::test]
    async fn a_stream_that_is_refused_says_why() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut socket, _) = request(&listener).await;
            let body = r#"{"detail": "too many"}"#;
            let head = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n";
            socket.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
        });
        let client = Client::known(&address.to_string());
        let refused = Events::open(&client, None).await.expect_err("refused");
        assert_eq!((refused.error.as_str(), refused.code), ("too many", 1));
    }
}
