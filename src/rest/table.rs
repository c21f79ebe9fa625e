//! Paths, methods and who answers, once: what is routed, what `Allow` says, and what a specification is held
//! against.

#[cfg(test)]
pub(crate) mod held;

use std::sync::OnceLock;

use hyper::Method;
use matchit::Router;

/// One operation; `O` says whose it is.
#[derive(Debug)]
pub struct Route<O> {
    /// Its method.
    pub method: &'static str,
    /// Its path, place-holders in braces.
    pub path: &'static str,
    /// Its name, in the specification where there is one.
    pub id: &'static str,
    /// Whether it changes something.
    pub changes: bool,
    /// Whether its answer has no end, so that HEAD makes no sense.
    pub endless: bool,
    /// Who answers.
    pub op: O,
}

/// What only reads.
pub const fn read<O>(path: &'static str, id: &'static str, op: O) -> Route<O> {
    Route { method: "GET", path, id, changes: false, endless: false, op }
}

/// What reads on and on.
pub const fn follow<O>(path: &'static str, id: &'static str, op: O) -> Route<O> {
    Route { method: "GET", path, id, changes: false, endless: true, op }
}

/// What changes something.
pub const fn change<O>(method: &'static str, path: &'static str, id: &'static str, op: O) -> Route<O> {
    Route { method, path, id, changes: true, endless: false, op }
}

/// All of them. A GET answers HEAD as well, but for an endless one, and one that changes something.
pub struct Table<O: 'static> {
    routes: &'static [Route<O>],
    router: OnceLock<Router<Path<O>>>,
}

/// One path, and what it answers.
struct Path<O: 'static> {
    routes: Vec<&'static Route<O>>,
    allow: String,
}

/// A path that was found, and what stands in its place-holders.
pub struct Found<O: 'static> {
    path: &'static Path<O>,
    values: Vec<(String, String)>,
}

impl<O> Table<O> {
    /// A table of these; those of one path stand together.
    pub const fn new(routes: &'static [Route<O>]) -> Table<O> {
        Table { routes, router: OnceLock::new() }
    }

    /// Its rows.
    pub fn routes(&self) -> &'static [Route<O>] {
        self.routes
    }

    /// The path that `path` is, if it is one of them.
    pub fn find(&'static self, path: &str) -> Option<Found<O>> {
        let found = self.router.get_or_init(|| self.router()).at(path).ok()?;
        let values = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Found { path: found.value, values: values.collect() })
    }

    /// What answers `method` at `path`, if that is one of these.
    pub fn route(&'static self, method: &Method, path: &str) -> Option<&'static Route<O>> {
        self.find(path)?.route(method)
    }

    /// Whether a request would change something: one that is none of these does, unless its method only reads.
    pub fn changes(&'static self, method: &Method, path: &str) -> bool {
        let reads = [Method::GET, Method::HEAD].contains(method);
        self.route(method, path).map_or(!reads, |route| route.changes)
    }

    /// Its paths, for whoever asked for one that is none of them.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> {
        let mut before = "";
        self.routes.iter().filter_map(move |route| {
            (core::mem::replace(&mut before, route.path) != route.path).then_some(route.path)
        })
    }

    fn router(&self) -> Router<Path<O>> {
        let mut router = Router::new();
        for path in self.paths() {
            let routes: Vec<&'static Route<O>> =
                self.routes.iter().filter(|route| route.path == path).collect();
            let methods = routes
                .iter()
                .flat_map(|route| core::iter::once(route.method).chain(has_head(route).then_some("HEAD")));
            let allow = methods.collect::<Vec<_>>().join(", ");
            #[allow(clippy::expect_used, reason = "tables are all there is, and tests walk them")]
            router.insert(path, Path { routes, allow }).expect("paths do not conflict");
        }
        router
    }
}

impl<O> Found<O> {
    /// What answers `method` here.
    pub fn route(&self, method: &Method) -> Option<&'static Route<O>> {
        self.path.routes.iter().copied().find(|route| answers(route, method.as_str()))
    }

    /// The methods that are answered here.
    pub fn allow(&self) -> &'static str {
        &self.path.allow
    }

    /// What stands in place of `{name}`; empty where there is no such place.
    pub fn value(&self, name: &str) -> &str {
        let value = self.values.iter().find(|(known, _)| known == name);
        value.map_or("", |(_, value)| value)
    }
}

fn answers<O>(route: &Route<O>, method: &str) -> bool {
    route.method == method || (method == "HEAD" && has_head(route))
}

fn has_head<O>(route: &Route<O>) -> bool {
    route.method == "GET" && !route.endless && !route.changes
}
