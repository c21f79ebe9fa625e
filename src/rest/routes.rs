//! A node's paths: the original's, which methods each answers, and who does. Those of `/api/v1` are in
//! `api`.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
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
use crate::rest::table::{Route, Table, change, read};
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
    Pool,
    Submit,
    Transaction,
}

/// A GET that changes something is the original's; POST does the same.
static ROUTES: [Route<Endpoint>; 13] = [
    read("/node/id", "id", Endpoint::Id),
    read("/chain", "chain", Endpoint::Chain),
    change("GET", "/mine", "mine", Endpoint::Mine),
    change("POST", "/mine", "mine", Endpoint::Mine),
    change("GET", "/block/new", "notify", Endpoint::Notify),
    change("POST", "/block/new", "notify", Endpoint::Notify),
    change("POST", "/chain/replace", "replace", Endpoint::Replace),
    change("POST", "/nodes/register", "register", Endpoint::Register),
    read("/transactions", "pool", Endpoint::Pool),
    change("POST", "/transactions", "submit", Endpoint::Submit),
    read("/transactions/{id}", "transaction", Endpoint::Transaction),
    change("GET", "/shutdown", "shutDown", Endpoint::Shutdown),
    change("POST", "/shutdown", "shutDown", Endpoint::Shutdown),
];

static TABLE: Table<Endpoint> = Table::new(&ROUTES);

/// Whether a request of `method` for `path` would change something at a node.
pub fn changes(method: &Method, path: &str) -> bool {
    TABLE.changes(method, path)
}

impl Api {
    /// Answers a request that passed the gates.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        self.route(request).await.unwrap_or_else(Problem::into_response)
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        // About the connection, and not about a path.
        if *request.method() == Method::CONNECT {
            return Err(Problem::method("GET, HEAD, POST, DELETE"));
        }
        let Some(found) = TABLE.find(request.uri().path()) else {
            return Box::pin(self.elsewhere(request)).await;
        };
        let route = found.route(request.method()).ok_or_else(|| Problem::method(found.allow()))?;
        if let Some(cookie) = self.cookie.as_ref().filter(|_| route.changes) {
            authorize(cookie, &request)?;
        }
        // What takes long is boxed: the future of every request would be as large as the largest of these.
        match route.op {
            Endpoint::Id => self.id().await,
            Endpoint::Register => Box::pin(self.register(request)).await,
            Endpoint::Mine => Box::pin(self.mine(request)).await,
            Endpoint::Notify => Box::pin(self.notify()).await,
            Endpoint::Shutdown => self.shut_down(),
            Endpoint::Chain => Box::pin(self.chain(request)).await,
            Endpoint::Replace => Box::pin(self.replace(request)).await,
            Endpoint::Submit => Box::pin(self.submit(request)).await,
            Endpoint::Pool => Box::pin(self.pool()).await,
            Endpoint::Transaction => Box::pin(self.transaction(found.value("id"))).await,
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
                false => not_found(&path, TABLE.paths().chain([api::PREFIX])),
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
