//! Every path of the API, once.

use crate::rest::table::{Route, Table, change, follow, read};

/// Where the API is.
pub(in crate::rest) const PREFIX: &str = "/api/v1";

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rest) enum Op {
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
    Bans,
    LiftBan,
    Mining,
    SetMining,
    Mine,
    Events,
    Health,
    Ready,
    Metrics,
    OpenApi,
}

/// What changes something needs the cookie, where credentials are asked for at all.
pub(in crate::rest) static ROUTES: [Route<Op>; 29] = [
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
    read("/api/v1/bans", "getBans", Op::Bans),
    change("DELETE", "/api/v1/bans/{host}", "liftBan", Op::LiftBan),
    read("/api/v1/mining", "getMining", Op::Mining),
    change("POST", "/api/v1/mining", "setMining", Op::SetMining),
    change("POST", "/api/v1/mine", "mine", Op::Mine),
    follow("/api/v1/events", "getEvents", Op::Events),
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
pub(in crate::rest) static TABLE: Table<Op> = Table::new(&ROUTES);
