//! Every path of the API, once: what is routed, what `Allow` says, and what the specification and
//! docs/api.md are held against.

use std::sync::OnceLock;

use hyper::Method;
use matchit::Router;

/// Where the API is.
pub(in crate::rest) const PREFIX: &str = "/api/v1";

/// What a request must bring, where credentials are asked for at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rest) enum Needs {
    /// Nothing: it reads.
    Nothing,
    /// The cookie: it changes something.
    Cookie,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Info,
    Tip,
    Tips,
    Tree,
    Blocks,
    Block,
    BlockRaw,
    BlockHeader,
    BlockProof,
    Pool,
    Transactions,
    Submit,
    Transaction,
    Peers,
    AddPeer,
    DropPeer,
    Mining,
    SetMining,
    Mine,
    Events,
    Health,
    Ready,
    Metrics,
    OpenApi,
}

/// One operation.
#[derive(Debug)]
pub(in crate::rest) struct Route {
    pub(in crate::rest) method: &'static str,
    pub(in crate::rest) path: &'static str,
    /// Its name in the specification.
    pub(in crate::rest) id: &'static str,
    pub(in crate::rest) needs: Needs,
    pub(super) op: Op,
}

const fn read(path: &'static str, id: &'static str, op: Op) -> Route {
    Route { method: "GET", path, id, needs: Needs::Nothing, op }
}

const fn change(method: &'static str, path: &'static str, id: &'static str, op: Op) -> Route {
    Route { method, path, id, needs: Needs::Cookie, op }
}

/// The table. A GET answers HEAD as well, but for the endless one.
pub(in crate::rest) static ROUTES: [Route; 27] = [
    read("/api/v1/info", "getInfo", Op::Info),
    read("/api/v1/tip", "getTip", Op::Tip),
    read("/api/v1/tips", "getTips", Op::Tips),
    read("/api/v1/tree", "getTree", Op::Tree),
    read("/api/v1/blocks", "getBlocks", Op::Blocks),
    read("/api/v1/blocks/{id}", "getBlock", Op::Block),
    read("/api/v1/blocks/{id}/raw", "getBlockRaw", Op::BlockRaw),
    read("/api/v1/blocks/{id}/header", "getBlockHeader", Op::BlockHeader),
    read("/api/v1/blocks/{id}/proof/{transaction}", "getBlockProof", Op::BlockProof),
    read("/api/v1/pool", "getPool", Op::Pool),
    read("/api/v1/transactions", "getTransactions", Op::Transactions),
    change("POST", "/api/v1/transactions", "postTransaction", Op::Submit),
    read("/api/v1/transactions/{id}", "getTransaction", Op::Transaction),
    read("/api/v1/peers", "getPeers", Op::Peers),
    change("POST", "/api/v1/peers", "addPeer", Op::AddPeer),
    change("DELETE", "/api/v1/peers/{id}", "dropPeer", Op::DropPeer),
    read("/api/v1/mining", "getMining", Op::Mining),
    change("POST", "/api/v1/mining", "setMining", Op::SetMining),
    change("POST", "/api/v1/mine", "mine", Op::Mine),
    read("/api/v1/events", "getEvents", Op::Events),
    read("/api/v1/openapi.json", "getOpenApi", Op::OpenApi),
    read("/api/v1/healthz", "getHealth", Op::Health),
    read("/api/v1/readyz", "getReady", Op::Ready),
    read("/api/v1/metrics", "getMetrics", Op::Metrics),
    // Where probes and scrapers look by themselves.
    read("/healthz", "getHealthAtRoot", Op::Health),
    read("/readyz", "getReadyAtRoot", Op::Ready),
    read("/metrics", "getMetricsAtRoot", Op::Metrics),
];

/// One path, and what it answers.
struct Path {
    routes: Vec<&'static Route>,
    allow: String,
}

/// A path that was found, and what stands in its place-holders.
pub(in crate::rest) struct Found {
    path: &'static Path,
    pub(super) id: String,
    pub(super) transaction: String,
}

impl Found {
    /// What answers `method` here.
    pub(super) fn route(&self, method: &Method) -> Option<&'static Route> {
        self.path.routes.iter().copied().find(|route| answers(route, method.as_str()))
    }

    /// The methods that are answered here.
    pub(super) fn allow(&self) -> &'static str {
        &self.path.allow
    }
}

fn answers(route: &Route, method: &str) -> bool {
    route.method == method || (method == "HEAD" && has_head(route))
}

fn has_head(route: &Route) -> bool {
    route.method == "GET" && route.op != Op::Events
}

/// The path that `path` is, if it is one of the API's.
pub(in crate::rest) fn find(path: &str) -> Option<Found> {
    let found = router().at(path).ok()?;
    let value = |name| found.params.get(name).unwrap_or_default().to_owned();
    Some(Found { path: found.value, id: value("id"), transaction: value("transaction") })
}

/// Its paths, for whoever asked for one that is none of them.
pub(in crate::rest) fn paths() -> impl Iterator<Item = &'static str> {
    let mut before = "";
    ROUTES.iter().filter_map(move |route| {
        (core::mem::replace(&mut before, route.path) != route.path).then_some(route.path)
    })
}

fn router() -> &'static Router<Path> {
    static ROUTER: OnceLock<Router<Path>> = OnceLock::new();
    ROUTER.get_or_init(|| {
        let mut router = Router::new();
        for path in paths() {
            let routes: Vec<&'static Route> = ROUTES.iter().filter(|route| route.path == path).collect();
            let methods = routes
                .iter()
                .flat_map(|route| core::iter::once(route.method).chain(has_head(route).then_some("HEAD")));
            let allow = methods.collect::<Vec<_>>().join(", ");
            #[allow(clippy::expect_used, reason = "the table above is all there is, and a test walks it")]
            router.insert(path, Path { routes, allow }).expect("paths do not conflict");
        }
        router
    })
}
