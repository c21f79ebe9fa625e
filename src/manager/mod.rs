//! The manager: starts a network of nodes, introduces them to each other, has them mine, and stops them.
//!
//! | file | concern |
//! |---|---|
//! | `run` | one network after the other, each from its first process to its last |
//! | `renew` | a new network in the place of one that runs |
//! | `child`, `ready`, `tail`, `exit` | one node's process: its start, its one line, its log, its end |
//! | `key` | the signing key, kept for the next run |
//! | `control`, `hearing` | the management connection to one node; another one where it broke |
//! | `bootstrap` | from no process to a network whose links are all up |
//! | `shape` | pure: who is linked with whom |
//! | `links`, `reach`, `faults` | pure: which links are up, who can reach whom, what is cut or slow |
//! | `tips`, `blocks`, `spread` | pure: who has which tip, the tree of blocks, how fast they spread |
//! | `node_set` | pure: some of the nodes, in little space |
//! | `reorg` | pure: the newest reorganisation, put together from all nodes' |
//! | `verdict` | pure: whether the nodes agree |
//! | `modes`, `rate` | pure: who is to mine at which rate, and who does |
//! | `cluster`, `state` | the running network, and what is known of it |
//! | `keeper`, `join` | starting nodes of a running network, and their way into it |
//! | `fate` | whether a node that died is started again |
//! | `lives`, `add` | ending, pausing, restarting and adding nodes on request |
//! | `cuts` | keeping nodes from each other, and letting them meet again |
//! | `mine`, `turns` | blocks on request, and in the modes in which nodes are asked in turn |
//! | `mining`, `pause` | the original's way: every node in turn, with pauses |
//! | `lessons` | the lessons that come with the program, as whoever knows the commands knows them |
//! | `not_done` | why something that was asked is not done |
//! | `stop`, `signals` | ending every process, in order or not; what asks for it |
//! | `happened`, `observer` | what readers are told: by nodes, and of what changed |
//! | `names`, `words` | pure: what people call nodes, and what happens to them |
//! | `report` | what is known, as the API says it |
//! | `log_lines` | pure: the lines of all logs, as one |
//! | `api/` | the manager's HTTP |
//! | `console`, `record` | what people and programs are told |
//! | `view` | what the API says, as plain data |
//!
//! A child holds the read end of a pipe whose write end is ours: however this process ends, the pipe does,
//! and the child with it. Nobody here sleeps until something should have happened: children say when they are
//! ready, nodes tell what happens, and every wait for them has a deadline. Asked again is only what does not
//! tell: locks of an earlier run, and logs. Other pauses are what is wanted of them: between blocks on request
//! (`mining`, `turns`), and before a node is started or connected to again (`keeper`, `hearing`, `mine`).
//!
//! Not here: flags (`cli`), and anything a node could do by itself (`node`).

mod add;
pub mod api;
pub mod blocks;
pub mod bootstrap;
pub mod child;
pub mod cluster;
pub mod console;
pub mod control;
mod cuts;
mod error;
pub mod exit;
pub mod fate;
pub mod faults;
pub mod happened;
mod hearing;
mod join;
pub mod keeper;
pub mod key;
pub mod lessons;
pub mod links;
pub mod lives;
pub mod log_lines;
mod mine;
pub mod mining;
pub mod modes;
pub mod names;
pub mod node_set;
pub mod not_done;
mod observer;
pub mod pause;
pub mod rate;
pub mod reach;
pub mod ready;
pub mod record;
pub mod renew;
pub mod reorg;
mod report;
mod run;
pub mod shape;
pub mod signals;
pub mod spread;
pub mod state;
pub mod stop;
mod tail;
pub mod tips;
mod turns;
pub mod verdict;
pub mod view;
pub mod words;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::manager::child::Plan;
use crate::manager::lessons::Lessons;
use crate::manager::renew::Flags;
use crate::manager::shape::Shape;
use crate::params::Params;
use crate::wire::manage::ManagerKey;

pub use child::Program;
pub use console::Console;
pub use error::Error;
pub use pause::Pause;
pub use run::{Ending, run};

/// What a network is made of. Not to be shown: it holds what its secrets are drawn from.
#[derive(Clone)]
pub struct Settings {
    /// How many nodes.
    pub amount: usize,
    /// Port of the manager's HTTP; 0: any free one.
    pub port: u16,
    /// Port of node 0's HTTP, and so on; 0: any free ones.
    pub base_http: u16,
    /// Port on which node 0 takes connections, and so on; 0: any free ones.
    pub base_listen: u16,
    /// Where the nodes' folders, the key, the logs and network.json are.
    pub data_dir: PathBuf,
    /// What a node is.
    pub program: Program,
    /// Who is linked with whom.
    pub shape: Shape,
    /// Flags that name the network to a node.
    pub network: Vec<String>,
    /// The network.
    pub params: Arc<Params>,
    /// Hashes a second that all nodes together mine in the background; 0: none.
    pub hashrate: u64,
    /// Rounds of mining that a request without a number means.
    pub rounds: u32,
    /// The pause that a request without one means.
    pub pause: Pause,
    /// Whether to go on with those nodes that are there if others are not.
    pub keep: bool,
    /// Whether nodes that die are started again.
    pub restart: bool,
    /// Whether chains, identities and the key are kept in memory only.
    pub ephemeral: bool,
    /// Entropy of the operating system.
    pub seed: [u8; 32],
    /// Where the settings of another network come from.
    pub flags: Arc<dyn Flags>,
    /// What is known of lessons.
    pub lessons: Arc<dyn Lessons>,
}

impl Settings {
    /// Where node `number` takes connections.
    pub fn listen(&self, number: usize) -> SocketAddr {
        local(port(self.base_listen, number))
    }

    /// Where node `number`'s HTTP is.
    pub fn http(&self, number: usize) -> SocketAddr {
        local(port(self.base_http, number))
    }

    /// Whether the ports of node `number` are ports, and no other's.
    pub fn has_ports(&self, number: usize) -> bool {
        let of = |base: u16| usize::from(base) + number;
        let (http, listen) = (of(self.base_http), of(self.base_listen));
        let clash = |at: usize, base: u16| base != 0 && at >= usize::from(base) && at <= of(base);
        (self.base_http == 0
            || (http < 1 << 16 && http != usize::from(self.port) && !clash(http, self.base_listen)))
            && (self.base_listen == 0
                || (listen < 1 << 16 && listen != usize::from(self.port) && !clash(listen, self.base_http)))
    }

    /// Seconds between blocks that the difficulty aims at; none: it is fixed.
    pub fn block_time(&self) -> Option<f64> {
        self.params.retarget().map(|retarget| f64::from(retarget.spacing))
    }

    /// Where logs are.
    pub fn logs(&self) -> PathBuf {
        self.data_dir.join(record::LOGS)
    }

    /// Where node `number`'s log is.
    pub fn log(&self, number: usize) -> PathBuf {
        self.logs().join(format!("{}{LOG_END}", node_name(number)))
    }

    /// Where node `number` keeps its chain.
    pub fn folder(&self, number: usize) -> PathBuf {
        node_folder(&self.data_dir, number)
    }

    /// What node `number` is started with, obeying `manager`.
    pub fn plan(&self, number: usize, manager: &ManagerKey) -> Plan {
        let mut flags: Vec<OsString> = self.network.iter().map(OsString::from).collect();
        flags.extend(["--manager-key".into(), manager.to_string().into()]);
        if self.ephemeral {
            flags.push("--ephemeral".into());
        } else {
            flags.extend(["--data-dir".into(), self.folder(number).into()]);
        }
        Plan { listen: self.listen(number), http: self.http(number), log: self.log(number), flags }
    }
}

/// Where node `number` of the network in `data_dir` keeps its chain.
pub fn node_folder(data_dir: &Path, number: usize) -> PathBuf {
    data_dir.join(node_name(number))
}

/// What follows a node's name in its log's.
const LOG_END: &str = ".log";

/// What is node `number`'s is called so in its network's folder.
fn node_name(number: usize) -> String {
    format!("node-{number:03}")
}

fn port(base: u16, number: usize) -> u16 {
    match base {
        0 => 0,
        // The flags were checked: the sum is a port.
        base => u16::try_from(number).ok().and_then(|number| base.checked_add(number)).unwrap_or(0),
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
