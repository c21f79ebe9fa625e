//! What the manager's API says, as plain data: the server writes these, the command line reads them.
//!
//! Times are seconds since 1970, durations are milliseconds, hash rates are hashes a second. Nodes are named
//! by their number. A field that is not known is null.

mod lesson;
mod renew;

pub use lesson::{Lesson, Lessons, Step, StepDone, StepKind};
pub use renew::{Renew, Renewed};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

/// `GET /api/v1/network`: all that a glance needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// The program that runs it.
    pub manager: Manager,
    /// What its nodes hold true.
    pub rules: Rules,
    /// Whether they agree.
    pub verdict: Verdict,
    /// Why the network is not ready; none: it is.
    #[serde(default)]
    pub not_ready: Option<String>,
    /// Every node, by number.
    pub nodes: Vec<Node>,
    /// Every link that is or should be.
    pub links: Vec<Link>,
    /// How blocks come to be.
    pub mining: Mining,
    /// The groups that cannot reach each other; none: whole.
    pub partition: Option<Vec<Vec<usize>>>,
    /// Spread of the last blocks over all nodes, in milliseconds.
    pub propagation: Percentiles,
    /// The newest reorganisation.
    pub last_reorg: Option<Reorg>,
    /// The last number of the events' stream, and the run it belongs to.
    pub events: Position,
}

/// The manager's process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manager {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Its HTTP.
    pub http: SocketAddr,
    /// When the network was up.
    pub started: f64,
    /// The network's folder.
    #[serde(serialize_with = "as_text")]
    pub data_dir: PathBuf,
    /// Whether its nodes keep nothing when they stop.
    pub ephemeral: bool,
}

/// What the nodes hold true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// The network's id.
    pub id: String,
    /// The rules, as one line.
    pub text: String,
    /// Hashes that a block takes on average, at the target of the best tip, as a decimal number.
    pub expected_hashes: String,
    /// Leading zero bits of the first blocks' hashes, as `--difficulty` has it; none: not the lab's rules.
    #[serde(default)]
    pub difficulty: Option<u32>,
    /// Seconds between blocks that the difficulty aims at; none: fixed difficulty.
    pub block_time: Option<f64>,
}

/// What a network is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// All nodes that run have one tip.
    InSync,
    /// Some nodes are behind, all of them on one chain: a block is under way.
    Syncing,
    /// Several tips on different branches.
    Forked,
    /// Nodes cannot reach each other: a partition, or cut links that leave no way.
    Partitioned,
    /// Nobody has found a block for ten times as long as expected, while somebody mines.
    Stalled,
    /// No node runs.
    Down,
}

/// Whether the nodes agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one word.
    pub condition: Condition,
    /// In one sentence: "forked: 2 tips, 4 nodes to 2".
    pub text: String,
    /// Every tip that a running node has: most work first, and of the same work most nodes.
    pub tips: Vec<Tip>,
    /// Nodes that are not running.
    pub missing: Vec<usize>,
}

/// A tip, and who has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tip {
    /// The block.
    pub hash: String,
    /// Its height; genesis is 0.
    pub height: u64,
    /// Work of its chain, as a decimal number.
    pub work: String,
    /// Whose tip it is.
    pub nodes: Vec<usize>,
}

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// It takes part.
    Running,
    /// Its process is stopped by a signal, and goes on when told so.
    Paused,
    /// Its process has ended, and is being started again.
    Restarting,
    /// It was started again and finds its way back.
    Returning,
    /// Its process has ended.
    Ended,
}

/// A call of this API that does something about a problem: a problem's `call`, beside its `method` and `path`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "camelCase")]
pub enum Call {
    /// Has a paused node go on.
    ResumeNode {
        /// Which.
        node: usize,
    },
    /// Starts a node that has ended.
    RestartNode {
        /// Which.
        node: usize,
    },
    /// Ends every partition and cut.
    Heal,
    /// Lists the nodes.
    GetNodes,
}

impl Call {
    /// Its method.
    pub fn method(self) -> &'static str {
        match self {
            Call::GetNodes => "GET",
            Call::ResumeNode { .. } | Call::RestartNode { .. } | Call::Heal => "POST",
        }
    }

    /// Its path.
    pub fn path(self) -> String {
        match self {
            Call::ResumeNode { node } => format!("/api/v1/nodes/{node}/resume"),
            Call::RestartNode { node } => format!("/api/v1/nodes/{node}/restart"),
            Call::Heal => "/api/v1/heal".to_owned(),
            Call::GetNodes => "/api/v1/nodes".to_owned(),
        }
    }

    /// What comes of it, behind its name in a sentence.
    pub fn does(self) -> &'static str {
        match self {
            Call::ResumeNode { .. } => "has it go on",
            Call::RestartNode { .. } => "starts it",
            Call::Heal => "ends it",
            Call::GetNodes => "lists them",
        }
    }
}

/// A node, in lists and alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its number.
    pub node: usize,
    /// Its id on the wire.
    pub id: String,
    /// Where its HTTP is; the manager serves the same at /node/N/.
    pub http: Option<SocketAddr>,
    /// Where it takes connections.
    pub p2p: SocketAddr,
    /// Its process, or its last one.
    pub pid: u32,
    /// Where it is in its life.
    pub state: Life,
    /// How often it was started again.
    pub restarts: u32,
    /// How its last process ended, if it has.
    pub ended: Option<String>,
    /// Height of its tip.
    pub height: Option<u64>,
    /// Its tip.
    pub tip: Option<String>,
    /// Nodes of this network that it is connected to.
    pub peers: Vec<usize>,
    /// Transactions that wait in its pool.
    pub pool: Option<u64>,
    /// The rate at which it mines in the background, as it says, or will when it runs; 0: none.
    pub hashrate: u64,
    /// Blocks of the best chain that it mined, since the manager knows.
    pub mined: u64,
    /// Resident memory in bytes, where the system tells.
    pub memory: Option<u64>,
}

/// A link between two nodes, the smaller number first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// One end.
    pub a: usize,
    /// The other.
    pub b: usize,
    /// Whether both ends have it.
    pub up: bool,
    /// Whether it is cut, by hand or by a partition.
    pub cut: bool,
    /// Delay that was put on each way.
    pub latency_ms: f64,
    /// What that varies by, up and down.
    pub jitter_ms: f64,
    /// Share of segments that are lost and sent again, 0 to 1.
    pub loss: f64,
}

/// How blocks come to be without being asked for one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mining {
    /// Which of the ways.
    pub mode: MiningMode,
    /// Nodes that mine.
    pub nodes: Vec<usize>,
    /// Hashes a second of all nodes together in the background, as they say.
    pub hashrate: u64,
    /// Seconds between blocks, in the mode `interval`.
    pub interval: Option<f64>,
    /// Seconds that a block takes on average at this rate; none: nobody mines.
    pub expected_seconds: Option<f64>,
    /// Nodes that mine at a rate that was set at themselves, not by the manager.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<OwnRate>,
}

/// A rate that was set at a node itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnRate {
    /// Which node.
    pub node: usize,
    /// Hashes a second; 0: it does not mine.
    pub hashrate: u64,
}

/// The ways of mining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MiningMode {
    /// Nobody mines but who is asked to.
    Off,
    /// In the background, at a rate.
    Background,
    /// A block every so often, by the nodes in turn.
    Interval,
    /// A block whenever something waits in a pool.
    Auto,
}

/// A spread over many blocks, in milliseconds from the first node's word to the n-th one's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Blocks it is over.
    pub blocks: usize,
    /// Half of them were everybody's by then.
    pub p50_ms: Option<f64>,
    /// Nine of ten.
    pub p90_ms: Option<f64>,
    /// Nineteen of twenty.
    pub p95_ms: Option<f64>,
    /// All but one of a hundred.
    pub p99_ms: Option<f64>,
    /// The slowest.
    pub max_ms: Option<f64>,
}

/// Nodes gave up blocks for others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reorg {
    /// The first one that did.
    pub node: usize,
    /// All that did, for the same branch.
    #[serde(default)]
    pub nodes: Vec<usize>,
    /// When the first one did.
    pub time: f64,
    /// Blocks given up, at the most.
    pub depth: u64,
    /// Blocks of the branch that won, from where it began to the tip that it had then.
    #[serde(default)]
    pub gained: u64,
    /// The tip given up.
    pub old: String,
    /// The tip of the branch that won.
    pub new: String,
    /// Contents that wait again.
    pub returned: u64,
}

/// A place in the events' stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Names this run of the manager.
    pub run: u64,
    /// The last number given.
    pub seq: u64,
}

/// `GET /api/v1/tree?from=HEIGHT&limit=HEIGHTS`: blocks that any node told of, by height.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// The lowest height given.
    pub from: u64,
    /// Whether there were more blocks than are given.
    pub cut: bool,
    /// The height from which up every block of the best chain is known.
    #[serde(default)]
    pub known_from: u64,
    /// By height, then by when they were seen.
    pub blocks: Vec<TreeBlock>,
}

/// Where a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Branch {
    /// On the chain with the most work.
    Best,
    /// On another one.
    Side,
    /// Below the blocks of the best chain that are known: it may be on it.
    Unknown,
    /// It broke a rule.
    Refused,
}

/// A block in the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeBlock {
    /// Its hash.
    pub hash: String,
    /// Its parent.
    pub previous: String,
    /// Its height; genesis is 0.
    pub height: u64,
    /// The time in its header.
    pub time: u32,
    /// Its target in compact form, as eight hex digits.
    pub bits: String,
    /// Work of its chain, as a decimal number.
    pub work: String,
    /// Transactions, the coinbase included.
    pub transactions: u32,
    /// Bytes of its encoding.
    pub bytes: u32,
    /// Beginning of its first content.
    pub text: Option<String>,
    /// The node that mined it, if it is one of ours.
    pub miner: Option<usize>,
    /// When the first node had it; the time in its header, if it was there before the network was started.
    pub seen: f64,
    /// Nodes whose tip it is.
    pub tip_of: Vec<usize>,
    /// Nodes that have it.
    pub held_by: Vec<usize>,
    /// Where it stands.
    pub branch: Branch,
    /// The rule it broke, and why.
    pub refused: Option<String>,
}

/// `GET /api/v1/blocks/{hash or height}`: a block and its way over the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockReport {
    /// The block.
    #[serde(flatten)]
    pub block: TreeBlock,
    /// Who had it when, by time.
    pub arrivals: Vec<Arrival>,
}

/// When a node had a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// Who.
    pub node: usize,
    /// When, by this machine's clock.
    pub time: f64,
    /// Milliseconds after the first.
    pub after_ms: f64,
    /// The node that gave it, if it is one of ours.
    pub from: Option<usize>,
    /// How it came: mined, pushed, compact, requested, imported, loaded.
    pub origin: String,
}

/// `GET /api/v1/propagation?limit=N`: how the newest blocks spread, newest first. A node has a block once it is
/// in its tree, and relays it and mines on it; its commit comes later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Propagation {
    /// Over all of them, the time to the last node.
    pub to_all: Percentiles,
    /// Each.
    pub blocks: Vec<Spread>,
}

/// How one block spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The block.
    pub hash: String,
    /// Its height.
    pub height: u64,
    /// Who mined it, if it is one of ours.
    pub miner: Option<usize>,
    /// Nodes that have it.
    pub nodes: usize,
    /// Milliseconds to half, nine tenths and all of those that have it.
    pub to_50_ms: f64,
    /// Nine tenths.
    pub to_90_ms: f64,
    /// All.
    pub to_100_ms: f64,
}

/// `POST /api/v1/mine`: what to mine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mine {
    /// By whom; none: the nodes in turn.
    pub node: Option<usize>,
    /// How many blocks, one after the other; none: one.
    pub count: Option<u32>,
    /// Text put into the first of them.
    pub content: Option<String>,
}

/// What was mined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MinedBlocks {
    /// In their order.
    pub blocks: Vec<MinedBlock>,
}

/// A block that was mined because somebody asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MinedBlock {
    /// By whom.
    pub node: usize,
    /// The block.
    pub hash: String,
    /// Its height.
    pub height: u64,
    /// The nonce that was found.
    pub nonce: u32,
    /// Hashes tried.
    pub tries: u64,
    /// Seconds it took.
    pub seconds: f64,
}

/// `POST /api/v1/mining`: how blocks are to come from now on. What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SetMining {
    /// Which way.
    pub mode: Option<MiningMode>,
    /// By which nodes; none given: all.
    pub nodes: Option<Vec<usize>>,
    /// Hashes a second of all of them together.
    pub hashrate: Option<u64>,
    /// Seconds between blocks, for the mode `interval`.
    pub interval: Option<f64>,
}

/// `POST /api/v1/transactions`: a text to be put into a block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Send {
    /// The text, which may be empty; it has to be said.
    pub content: Option<String>,
    /// At which node; none: the first that runs.
    pub node: Option<usize>,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The transaction.
    pub id: String,
    /// At which node.
    pub node: usize,
}

/// `POST /api/v1/partition`: who is to be kept from whom. Nodes in no group are a group together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Partition {
    /// The groups.
    pub groups: Vec<Vec<usize>>,
    /// Instead of groups: the lower and the upper half.
    pub halves: bool,
}

/// `POST /api/v1/links`: a link to be made, or made slow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLink {
    /// One end.
    pub a: usize,
    /// The other.
    pub b: usize,
    /// Delay each way.
    #[serde(default)]
    pub latency_ms: f64,
    /// What it varies by.
    #[serde(default)]
    pub jitter_ms: f64,
    /// Share of segments that are lost, 0 to 1.
    #[serde(default)]
    pub loss: f64,
}

/// `POST /api/v1/nodes`: how many nodes are to be added; answered with them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Add {
    /// How many; none: one.
    pub count: Option<usize>,
}

/// Several nodes: of `GET /api/v1/nodes`, and of whatever changes some.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nodes {
    /// By number.
    pub nodes: Vec<Node>,
}

/// An event of `GET /api/v1/events`, in its `data`; as a line of NDJSON the same.
///
/// `type` is the name of a [`Kind`](crate::manager::happened::Kind).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts up by one from the manager's start. `start` and `lost` have none.
    pub seq: Option<u64>,
    /// When it happened, by the clock of the node.
    pub time: Option<f64>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who told it; none: the manager.
    pub node: Option<usize>,
    /// Whatever else it says.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// A path as it is shown: JSON has no bytes that are no text, and a folder may have them in its name.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
