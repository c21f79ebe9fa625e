//! The manager's HTTP API, as commands call it: one request a connection, over loopback, with deadlines.
//!
//! Plain HTTP only: the manager takes calls of its own machine and no others. What goes wrong comes back as
//! a [`Failure`] with an exit code that says which kind it is.

mod stranger;
mod stream;

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use crate::cli::commands::Here;
use crate::cli::{Failure, TIMED_OUT, UNREACHABLE, names};
use crate::limits::{API_CONNECT_TIMEOUT, API_TIMEOUT, EVENT_RECONNECT};
use crate::manager::view::Call;

pub(crate) use stream::{Events, Lines};

/// What to do where nobody answers.
const START_ONE: &str =
    "start a network with `networkmngr up --detach`, or say where one is with --manager http://HOST:PORT";

/// Where a manager is, and how it is called.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    host: String,
    port: u16,
    /// Whether it is known to be one.
    met: Arc<OnceCell<()>>,
    /// The network of a folder that it is meant to be of: where nothing listens, that says why.
    here: Option<Here>,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What became of the request.
    pub status: StatusCode,
    /// What it says.
    pub body: Bytes,
}

impl Answer {
    /// Whether what was asked for was done.
    pub(crate) fn is_good(&self) -> bool {
        self.status.is_success()
    }

    /// Its JSON; null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Client {
    /// A client of the manager at `url`: `http://127.0.0.1:4999`, or the same without `http://`.
    pub(crate) fn new(url: &str) -> Result<Client, String> {
        const FORM: &str = "expected http://HOST:PORT, such as http://127.0.0.1:4999";
        let text = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri: Uri = text.parse().map_err(|_| FORM.to_owned())?;
        if uri.scheme_str() != Some("http") {
            return Err(format!("a manager speaks plain HTTP to its own machine: {FORM}"));
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.filter(|_| uri.path() == "/" && uri.query().is_none()).ok_or(FORM)?;
        let port = authority.port_u16().ok_or(FORM)?;
        Ok(Client { host: authority.host().to_owned(), port, met: Arc::default(), here: None })
    }

    /// The same, which is meant to be that of a folder.
    pub(crate) fn of(self, here: Here) -> Client {
        Client { here: Some(here), ..self }
    }

    /// One of a manager that is known to be one.
    #[cfg(test)]
    pub(crate) fn known(url: &str) -> Client {
        let met = Arc::new(OnceCell::new_with(Some(())));
        Client { met, ..Client::new(url).expect("a URL") }
    }

    /// Its address, as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// What is at `path`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.call(Method::GET, path, Bytes::new(), API_TIMEOUT).await?;
        self.read(path, &answer)
    }

    /// Sends `body` to `path`; the answer may take as long as `within`.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::new(error.to_string(), ""))?;
        let answer = self.call(Method::POST, path, body.into(), within).await?;
        self.read(path, &answer)
    }

    /// Takes away what is at `path`.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.call(Method::DELETE, path, Bytes::new(), API_TIMEOUT).await?;
        self.read(path, &answer)
    }

    /// Any request, and its answer, whatever that is.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        within: Duration,
    ) -> Result<Answer, Failure> {
        self.meet().await?;
        let whole = async {
            let response = self.send(method, path, body, &[]).await?;
            let status = response.status();
            match response.into_body().collect().await {
                Ok(body) => Ok(Answer { status, body: body.to_bytes() }),
                Err(error) => Err(self.or_gone(self.broke_off(&error)).await),
            }
        };
        timeout(within, whole).await.map_err(|_| self.late(path, within))?
    }

    /// Sends a request; the answer's head has come when this returns.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        headers: &[(&'static str, String)],
    ) -> Result<Response<Incoming>, Failure> {
        self.send_over(self.connect().await?, method, path, body, headers).await
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        let host = self.host.trim_matches(['[', ']']);
        let socket = timeout(API_CONNECT_TIMEOUT, TcpStream::connect((host, self.port)));
        let socket = socket.await.map_err(|_| self.silent())?;
        let socket = match socket {
            Ok(socket) => socket,
            Err(error) => return Err(self.or_gone(self.unreachable(&plain(&error))).await),
        };
        let _ = socket.set_nodelay(true);
        Ok(socket)
    }

    async fn send_over(
        &self,
        socket: TcpStream,
        method: Method,
        path: &str,
        body: Bytes,
        headers: &[(&'static str, String)],
    ) -> Result<Response<Incoming>, Failure> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(socket)).await.map_err(|error| self.broke_off(&error))?;
        // Ends with the answer, or when whoever reads that goes.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", format!("{}:{}", self.host, self.port))
            .header("user-agent", concat!("networkmngr/", env!("CARGO_PKG_VERSION")));
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| Failure::new(error.to_string(), ""))?;
        match sender.send_request(request).await {
            Ok(response) => Ok(response),
            Err(error) if error.is_parse() => Err(self.stranger("what listens there speaks no HTTP")),
            Err(error) => Err(self.or_gone(self.broke_off(&error)).await),
        }
    }

    /// `failure`, or what has become of the manager, where its network's folder says that. One that ends stops
    /// listening a moment before it does.
    async fn or_gone(&self, failure: Failure) -> Failure {
        let Some(here) = &self.here else { return failure };
        let mut pauses = EVENT_RECONNECT.into_iter();
        loop {
            match (here.why_gone(), pauses.next()) {
                (Some(gone), _) => return gone,
                (None, Some(pause)) if here.is_still_there() => sleep(pause).await,
                _ => return failure,
            }
        }
    }

    /// What a good answer says, or why it is none.
    pub(crate) fn read<T: DeserializeOwned>(&self, path: &str, answer: &Answer) -> Result<T, Failure> {
        if !answer.is_good() {
            return Err(refused(answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::new(
                format!("{} answers {path} with something else than expected: {error}", self.url()),
                "use the networkmngr that started the network: `networkmngr --version`",
            )
        })
    }

    /// Nobody takes or refuses the connection within its time: somebody who is stopped, or too busy for all who call,
    /// or nobody that can be reached.
    fn silent(&self) -> Failure {
        self.why_silent().unwrap_or_else(|| {
            let secs = API_CONNECT_TIMEOUT.as_secs();
            let error = format!("{} does not answer: no connection within {secs} s", self.url());
            let hint =
                "see whether its process was stopped or is busy, and whether this machine can reach it";
            Failure { code: UNREACHABLE, ..Failure::new(error, hint) }
        })
    }

    /// Why the manager of this folder is silent, if it is the one that is called.
    fn why_silent(&self) -> Option<Failure> {
        self.here.as_ref().filter(|here| here.url == self.url()).and_then(Here::why_silent)
    }

    fn unreachable(&self, why: &str) -> Failure {
        let error = format!("there is no manager at {}: {why}", self.url());
        Failure { code: UNREACHABLE, ..Failure::new(error, START_ONE) }
    }

    fn broke_off(&self, error: &dyn core::fmt::Display) -> Failure {
        let error = format!("the manager at {} broke off: {error}", self.url());
        Failure {
            code: UNREACHABLE,
            ..Failure::new(error, "see whether it still runs: `networkmngr status`")
        }
    }

    fn late(&self, path: &str, within: Duration) -> Failure {
        let secs = within.as_secs_f64();
        let error = format!("{} has not answered {path} within {secs} s", self.url());
        let hint =
            "a node may be paused or busy: `networkmngr ps` shows; --timeout waits longer where there is one";
        Failure { code: TIMED_OUT, ..Failure::new(error, hint) }
    }
}

/// What an answer that is a problem comes to.
pub(crate) fn refused(answer: &Answer) -> Failure {
    let problem = answer.json();
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let detail = match text("detail") {
        detail if detail.is_empty() => format!("the manager answered {}", answer.status),
        detail => detail,
    };
    let call = serde_json::from_value::<Call>(problem["call"].clone());
    let hint = call.map_or_else(|_| text("hint"), |call| format!("{} {}", command(call), call.does()));
    let mut failure = Failure::new(detail, hint);
    failure.code = match answer.status {
        StatusCode::BAD_REQUEST => crate::cli::USAGE,
        StatusCode::GATEWAY_TIMEOUT => TIMED_OUT,
        _ => 1,
    };
    failure
}

/// The command that makes a call.
fn command(call: Call) -> String {
    match call {
        Call::ResumeNode { node } => format!("`networkmngr resume {}`", names::letters(node)),
        Call::RestartNode { node } => format!("`networkmngr restart {}`", names::letters(node)),
        Call::Heal => "`networkmngr heal`".to_owned(),
        Call::GetNodes => "`networkmngr ps`".to_owned(),
    }
}

/// An error of the system in its own words, without its number.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_named_by_its_url() {
        for good in ["http://127.0.0.1:4999", "127.0.0.1:4999", "http://127.0.0.1:4999/"] {
            assert_eq!(Client::new(good).map(|client| client.url()), Ok("http://127.0.0.1:4999".to_owned()));
        }
        assert_eq!(Client::new("http://[::1]:80").map(|client| client.url()), Ok("http://[::1]:80".into()));
        for bad in [
            "",
            "https://a:1",
            "http://a",
            "http://a:1/x",
            "http://u@a:1",
            "a:99999",
            "http://a:1?x",
            "ftp://a:1",
        ] {
            assert!(Client::new(bad).is_err(), "{bad}");
        }
    }

    /// (status, body, exit code, what is said)
    #[test]
    fn a_problem_becomes_an_error_with_its_hint_and_code() {
        let restart =
            r#"{"detail": "no", "hint": "POST /x", "call": {"operation": "restartNode", "node": 27}}"#;
        let heal =
            r#"{"detail": "no", "call": {"operation": "heal", "method": "POST", "path": "/api/v1/heal"}}"#;
        let unknown = r#"{"detail": "no", "hint": "POST /x", "call": {"operation": "dance"}}"#;
        let rows = [
            (409, restart, 1, "no", "`networkmngr restart AB` starts it"),
            (409, heal, 1, "no", "`networkmngr heal` ends it"),
            (409, unknown, 1, "no", "POST /x"),
            (409, r#"{"detail": "no", "hint": "try"}"#, 1, "no", "try"),
            (400, r#"{"detail": "what?"}"#, 2, "what?", ""),
            (504, r#"{"detail": "late"}"#, 4, "late", ""),
            (502, "<html>", 1, "the manager answered 502 Bad Gateway", ""),
        ];
        for (status, body, code, error, hint) in rows {
            let status = StatusCode::from_u16(status).expect("a status");
            let failure = refused(&Answer { status, body: Bytes::from_static(body.as_bytes()) });
            assert_eq!((failure.code, failure.error.as_str(), failure.hint.as_str()), (code, error, hint));
        }
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable() {
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = gone.local_addr().expect("an address");
        drop(gone);
        let client = Client::new(&address.to_string()).expect("a URL");
        let failure = client.get::<Value>("/").await.expect_err("nobody is there");
        assert_eq!(failure.code, UNREACHABLE);
        assert!(failure.error.contains("nothing listens there") && failure.hint.contains("up --detach"));
    }
}
