//! Which network requests are about, now that one may take the place of another.
//!
//! In between, what needs no network is answered as always; who only reads is kept waiting for the new one, a
//! stream of events among them; who wants to change something is told to come again.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::limits::RENEW_PATIENCE;
use crate::manager::api::original::Original;
use crate::manager::api::table::{Op, TABLE};
use crate::manager::api::{Api, alive, original, shutting_down, specification};
use crate::rest::body::Body;
use crate::rest::problem::Problem;
use crate::rest::{self, page};

/// The network that is answered for, if there is one just now.
#[derive(Default)]
pub struct Stage {
    now: watch::Sender<Scene>,
    stop: Notify,
}

/// What there is to see.
#[derive(Clone, Default)]
enum Scene {
    /// Nothing yet.
    #[default]
    Empty,
    /// This network.
    On(Arc<Api>),
    /// Nothing any more.
    Over,
}

impl Stage {
    /// From now on there is this one.
    pub fn show(&self, api: Api) {
        self.now.send_replace(Scene::On(Arc::new(api)));
    }

    /// From now on there is none, until another one comes.
    pub fn hide(&self) {
        self.now.send_replace(Scene::Empty);
    }

    /// There will be none any more. Streams of events end with the last network, which is let go of.
    pub fn close(&self) {
        self.now.send_replace(Scene::Over);
    }

    /// Waits until there is one.
    pub async fn up(&self) {
        let _ = self.now.subscribe().wait_for(is_on).await;
    }

    /// Waits until somebody wants everything to stop while there is none.
    pub async fn told_to_stop(&self) {
        self.stop.notified().await;
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        // About the connection, and not about a path.
        if *request.method() == Method::CONNECT {
            return Err(Problem::method("GET, HEAD, POST, DELETE"));
        }
        let path = request.uri().path().to_owned();
        if let Some(answer) = page::answer(request.method(), &path, request.headers()) {
            return answer;
        }
        let found = TABLE.find(&path);
        let op = found.as_ref().and_then(|found| found.route(request.method())).map(|route| route.op);
        match op {
            Some(Op::OpenApi) => return Ok(specification()),
            Some(Op::Health) => return Ok(alive()),
            _ => {}
        }
        let now = self.now.borrow().clone();
        if let Scene::On(api) = &now {
            return api.clone().answer(request).await;
        }
        let stop = match op {
            Some(Op::Shutdown) => Some(shutting_down()),
            _ => is_shutdown(request.method(), &path).then(original::shutting_down),
        };
        if let Some(answer) = stop {
            self.stop.notify_one();
            return Ok(answer);
        }
        if matches!(now, Scene::Over) {
            return Err(Problem::stopping());
        }
        if op == Some(Op::Ready) || changes(request.method(), &path) {
            return Err(not_yet());
        }
        let mut changes = self.now.subscribe();
        let there = timeout(RENEW_PATIENCE, changes.wait_for(|now| !matches!(now, Scene::Empty))).await;
        match there.map(|now| now.map(|now| now.clone())) {
            Ok(Ok(Scene::On(api))) => api.answer(request).await,
            Ok(_) => Err(Problem::stopping()),
            Err(_) => Err(not_yet()),
        }
    }
}

/// Whether this wants everything to stop.
fn is_shutdown(method: &Method, path: &str) -> bool {
    original::TABLE.route(method, path).is_some_and(|route| route.op == Original::Shutdown)
}

fn is_on(now: &Scene) -> bool {
    matches!(now, Scene::On(_))
}

/// Whether a request would change something: a GET does where it is the original's, at a node, too.
fn changes(method: &Method, path: &str) -> bool {
    if let Some((_, at)) = path.strip_prefix("/node/").and_then(|rest| rest.split_once('/')) {
        return rest::changes(method, &format!("/{at}"));
    }
    original::TABLE.changes(method, path)
}

fn not_yet() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "a new network is being started").retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who wants a change while there is no network is told so, and does not change the one that comes.
    #[test]
    fn a_get_that_changes_something_is_no_look() {
        let rows = [
            ("GET", "/api/v1/network", false),
            ("HEAD", "/api/v1/network", false),
            ("POST", "/api/v1/heal", true),
            ("DELETE", "/api/v1/links/0/1", true),
            ("GET", "/nodes", false),
            ("GET", "/start/mining", true),
            ("POST", "/start/mining", true),
            ("GET", "/shutdown/all", true),
            ("GET", "/node/0/chain", false),
            ("GET", "/node/0/transactions", false),
            ("POST", "/node/0/transactions", true),
            ("GET", "/node/0/mine", true),
            ("GET", "/node/12/block/new", true),
            ("GET", "/node/0/shutdown", true),
            ("GET", "/node/0/api/v1/blocks", false),
            ("POST", "/node/0/api/v1/mine", true),
            ("GET", "/node/0/", false),
            ("GET", "/node/0", false),
            ("GET", "/nowhere", false),
        ];
        for (method, path, expected) in rows {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            assert_eq!(changes(&method, path), expected, "{method} {path}");
        }
    }
}
