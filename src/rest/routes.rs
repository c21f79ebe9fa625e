//! A node's paths: the original's, which methods each answers, and who does. Those of `/api/v1` are in
//! `api`.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use matchit::Router;
use tokio::sync::Semaphore;

use crate::limits::MAX_MANUAL_PEERS;
use crate::net::{Handle, Stopped};
use crate::node::io::Answer;
use crate::params::Params;
use crate::rest::api;
use crate::rest::auth::authorize;
use crate::rest::body::Body;
use crate::rest::cookie::Cookie;
use crate::rest::kept::Kept;
use crate::rest::page;
use crate::rest::problem::Problem;
use crate::rest::server::not_found;
use crate::store::Damage;

/// What the endpoints work with.
pub(super) struct Api {
    pub(super) handle: Handle,
    pub(super) params: Arc<Params>,
    /// Where this is served.
    pub(super) http: SocketAddr,
    /// What changes something needs it, if there is one.
    pub(super) cookie: Option<Cookie>,
    /// Whose turn it is to offer a large chain.
    pub(super) replacing: Arc<Semaphore>,
    /// What `/node/id` answers.
    pub(super) id: Kept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Id,
    Register,
    Mine,
    Notify,
    Shutdown,
    Chain,
    Replace,
    Transactions,
    Transaction,
}

impl Endpoint {
    /// Whether a request of `method` changes something here.
    fn changes(self, method: &Method) -> bool {
        match self {
            Endpoint::Id | Endpoint::Chain | Endpoint::Transaction => false,
            Endpoint::Transactions => *method == Method::POST,
            Endpoint::Register
            | Endpoint::Mine
            | Endpoint::Notify
            | Endpoint::Shutdown
            | Endpoint::Replace => true,
        }
    }
}

/// (path, endpoint, methods). GET that changes something is the original's; POST does the same.
const ROUTES: [(&str, Endpoint, &str); 9] = [
    ("/node/id", Endpoint::Id, "GET, HEAD"),
    ("/chain", Endpoint::Chain, "GET, HEAD"),
    ("/mine", Endpoint::Mine, "GET, POST"),
    ("/block/new", Endpoint::Notify, "GET, POST"),
    ("/chain/replace", Endpoint::Replace, "POST"),
    ("/nodes/register", Endpoint::Register, "POST"),
    ("/transactions", Endpoint::Transactions, "GET, HEAD, POST"),
    ("/transactions/{id}", Endpoint::Transaction, "GET, HEAD"),
    ("/shutdown", Endpoint::Shutdown, "GET, POST"),
];

fn router() -> &'static Router<(Endpoint, &'static str)> {
    static ROUTER: OnceLock<Router<(Endpoint, &'static str)>> = OnceLock::new();
    ROUTER.get_or_init(|| {
        let mut router = Router::new();
        for (path, endpoint, methods) in ROUTES {
            #[allow(clippy::expect_used, reason = "the table above is all there is, and a test walks it")]
            router.insert(path, (endpoint, methods)).expect("paths do not conflict");
        }
        router
    })
}

impl Api {
    /// Answers a request that passed the gates.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        self.route(request).await.unwrap_or_else(Problem::into_response)
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        // About the connection, and not about a path.
        if *request.method() == Method::CONNECT {
            return Err(Problem::method("GET, HEAD, POST"));
        }
        let found = router().at(request.uri().path()).ok();
        let found = found.map(|found| (*found.value, found.params.get("id").map(str::to_owned)));
        let Some(((endpoint, methods), id)) = found else { return Box::pin(self.elsewhere(request)).await };
        if !methods.split(", ").any(|method| method == request.method().as_str()) {
            return Err(Problem::method(methods));
        }
        if let Some(cookie) = self.cookie.as_ref().filter(|_| endpoint.changes(request.method())) {
            authorize(cookie, &request)?;
        }
        // What takes long is boxed: the future of every request would be as large as the largest of these.
        match endpoint {
            Endpoint::Id => self.id().await,
            Endpoint::Register => Box::pin(self.register(request)).await,
            Endpoint::Mine => Box::pin(self.mine(request)).await,
            Endpoint::Notify => Box::pin(self.notify()).await,
            Endpoint::Shutdown => self.shut_down(),
            Endpoint::Chain => Box::pin(self.chain(request)).await,
            Endpoint::Replace => Box::pin(self.replace(request)).await,
            Endpoint::Transactions if request.method() == Method::POST => {
                Box::pin(self.submit(request)).await
            }
            Endpoint::Transactions => Box::pin(self.pool()).await,
            Endpoint::Transaction => Box::pin(self.transaction(&id.unwrap_or_default())).await,
        }
    }

    /// Answers what is none of the original's paths.
    async fn elsewhere(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let path = request.uri().path().to_owned();
        if let Some(found) = api::TABLE.find(&path) {
            return self.v1(found, request).await;
        }
        page::answer(request.method(), &path, request.headers()).unwrap_or_else(|| {
            Err(match path.starts_with(api::PREFIX) {
                true => not_found(&path, api::TABLE.paths()),
                false => not_found(&path, ROUTES.iter().map(|(path, _, _)| *path).chain([api::PREFIX])),
            })
        })
    }
}

/// What whoever asked for something is told when the node stops instead.
pub(super) fn not_done(answer: Answer) -> Problem {
    match answer {
        Answer::NotStored(why) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("it could not be stored, and the node stops: {why}"),
        )
        .hint("the node's log says what to do; what was acknowledged before is not lost"),
        Answer::NotRegistered { address, why } => Problem::bad_request(format!("{address}: {why}")),
        Answer::TooManyAddresses { room } => Problem::new(
            StatusCode::CONFLICT,
            format!(
                "the node stays connected to at most {MAX_MANUAL_PEERS} addresses, and takes {room} more: \
                 nothing was added"
            ),
        )
        .hint("DELETE /api/v1/peers/{id} drops one, connected or not")
        .with("limit", MAX_MANUAL_PEERS)
        .with("room", room),
        _ => Problem::stopping(),
    }
}

impl From<Stopped> for Problem {
    fn from(_: Stopped) -> Problem {
        Problem::stopping()
    }
}

impl From<Damage> for Problem {
    fn from(damage: Damage) -> Problem {
        tracing::error!(%damage, hint = damage.hint(), "a block cannot be read");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, damage.to_string()).hint(damage.hint())
    }
}
