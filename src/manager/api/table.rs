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
    Mine,
    Mining,
    SetMining,
    Send,
    Logs,
    Shutdown,
    OpenApi,
    Health,
    Ready,
}

/// Those of one path stand together.
pub(super) static ROUTES: [Route<Op>; 20] = [
    read("/api/v1/network", "getNetwork", Op::Network),
    read("/api/v1/nodes", "getNodes", Op::Nodes),
    change("POST", "/api/v1/nodes", "addNodes", Op::Add),
    read("/api/v1/nodes/{node}", "getNode", Op::Node),
    change("POST", "/api/v1/nodes/{node}/kill", "killNode", Op::Kill),
    change("POST", "/api/v1/nodes/{node}/stop", "stopNode", Op::Stop),
    change("POST", "/api/v1/nodes/{node}/pause", "pauseNode", Op::Pause),
    change("POST", "/api/v1/nodes/{node}/resume", "resumeNode", Op::Resume),
    change("POST", "/api/v1/nodes/{node}/restart", "restartNode", Op::Restart),
    change("POST", "/api/v1/mine", "mine", Op::Mine),
    read("/api/v1/mining", "getMining", Op::Mining),
    change("POST", "/api/v1/mining", "setMining", Op::SetMining),
    change("POST", "/api/v1/transactions", "postTransaction", Op::Send),
    follow("/api/v1/logs", "getLogs", Op::Logs),
    change("POST", "/api/v1/shutdown", "shutDown", Op::Shutdown),
    read("/api/v1/openapi.json", "getOpenApi", Op::OpenApi),
    read("/api/v1/healthz", "getHealth", Op::Health),
    read("/api/v1/readyz", "getReady", Op::Ready),
    // Where probes look by themselves.
    read("/healthz", "getHealthAtRoot", Op::Health),
    read("/readyz", "getReadyAtRoot", Op::Ready),
];

/// The table.
pub(super) static TABLE: Table<Op> = Table::new(&ROUTES);
