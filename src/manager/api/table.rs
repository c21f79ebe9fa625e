//! Every path of the manager's API, once.

use crate::rest::table::{Route, Table, change, follow, read};

/// Where the API is.
pub(super) const PREFIX: &str = "/api/v1";

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Network,
    Nodes,
    Node,
    Add,
    Kill,
    Stop,
    Pause,
    Resume,
    Restart,
    Tree,
    Block,
    Propagation,
    Mine,
    Mining,
    SetMining,
    Send,
    Partition,
    Heal,
    SetLink,
    CutLink,
    Logs,
    Events,
    Lessons,
    Step,
    Renew,
    Shutdown,
    OpenApi,
    Health,
    Ready,
    Metrics,
}

/// Those of one path stand together.
pub(super) static ROUTES: [Route<Op>; 33] = [
    read("/api/v1/network", "getNetwork", Op::Network),
    read("/api/v1/nodes", "getNodes", Op::Nodes),
    change("POST", "/api/v1/nodes", "addNodes", Op::Add),
    read("/api/v1/nodes/{node}", "getNode", Op::Node),
    change("POST", "/api/v1/nodes/{node}/kill", "killNode", Op::Kill),
    change("POST", "/api/v1/nodes/{node}/stop", "stopNode", Op::Stop),
    change("POST", "/api/v1/nodes/{node}/pause", "pauseNode", Op::Pause),
    change("POST", "/api/v1/nodes/{node}/resume", "resumeNode", Op::Resume),
    change("POST", "/api/v1/nodes/{node}/restart", "restartNode", Op::Restart),
    read("/api/v1/tree", "getTree", Op::Tree),
    read("/api/v1/blocks/{id}", "getBlock", Op::Block),
    read("/api/v1/propagation", "getPropagation", Op::Propagation),
    change("POST", "/api/v1/mine", "mine", Op::Mine),
    read("/api/v1/mining", "getMining", Op::Mining),
    change("POST", "/api/v1/mining", "setMining", Op::SetMining),
    change("POST", "/api/v1/transactions", "postTransaction", Op::Send),
    change("POST", "/api/v1/partition", "partition", Op::Partition),
    change("POST", "/api/v1/heal", "heal", Op::Heal),
    change("POST", "/api/v1/links", "setLink", Op::SetLink),
    change("DELETE", "/api/v1/links/{a}/{b}", "cutLink", Op::CutLink),
    follow("/api/v1/logs", "getLogs", Op::Logs),
    follow("/api/v1/events", "getEvents", Op::Events),
    read("/api/v1/lessons", "getLessons", Op::Lessons),
    change("POST", "/api/v1/lessons/{name}/steps/{line}", "runStep", Op::Step),
    change("POST", "/api/v1/restart", "restart", Op::Renew),
    change("POST", "/api/v1/shutdown", "shutDown", Op::Shutdown),
    read("/api/v1/openapi.json", "getOpenApi", Op::OpenApi),
    read("/api/v1/healthz", "getHealth", Op::Health),
    read("/api/v1/readyz", "getReady", Op::Ready),
    read("/api/v1/metrics", "getMetrics", Op::Metrics),
    // Where probes and scrapers look by themselves.
    read("/healthz", "getHealthAtRoot", Op::Health),
    read("/readyz", "getReadyAtRoot", Op::Ready),
    read("/metrics", "getMetricsAtRoot", Op::Metrics),
];

/// The table.
pub(super) static TABLE: Table<Op> = Table::new(&ROUTES);
