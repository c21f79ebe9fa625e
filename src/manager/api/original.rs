//! The original's endpoints.
//!
//! | path | does |
//! |---|---|
//! | /start/mining | has every node mine a block in turn (`?rounds=`, `?pause=`, `?wait=false`) |
//! | /shutdown/all | stops everything |
//! | /nodes | lists the nodes |

use std::collections::BTreeSet;
use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::limits::MAX_ROUNDS;
use crate::manager::api::Api;
use crate::manager::cluster::Member;
use crate::manager::mining::{MiningError, Run, Turn};
use crate::manager::pause::Pause;
use crate::rest::body::{self, Body};
use crate::rest::pairs;
use crate::rest::problem::Problem;
use crate::rest::table::{Route, Table, change, read};

/// What of it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Original {
    Mining,
    Shutdown,
    Nodes,
}

/// A GET that changes something is the original's; POST does the same.
static ROUTES: [Route<Original>; 5] = [
    change("GET", "/start/mining", "startMining", Original::Mining),
    change("POST", "/start/mining", "startMining", Original::Mining),
    change("GET", "/shutdown/all", "shutDownAll", Original::Shutdown),
    change("POST", "/shutdown/all", "shutDownAll", Original::Shutdown),
    read("/nodes", "nodes", Original::Nodes),
];

/// The table.
pub(super) static TABLE: Table<Original> = Table::new(&ROUTES);

/// What whoever wants that is answered.
pub(super) fn shutting_down() -> Response<Body> {
    body::json(StatusCode::OK, &"Servers will be shut down...")
}

impl Api {
    /// Answers a request for one of these.
    pub(super) async fn original(
        &self,
        op: Original,
        request: &Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        match op {
            Original::Mining => self.start_mining(request.uri().query().unwrap_or_default()).await,
            Original::Shutdown => {
                self.keeper.cluster.stop();
                Ok(shutting_down())
            }
            Original::Nodes => Ok(body::json(StatusCode::OK, &self.rows())),
        }
    }

    async fn start_mining(&self, query: &str) -> Result<Response<Body>, Problem> {
        let asked = Asked::of(query, self.keeper.settings.rounds, self.keeper.settings.pause)
            .map_err(Problem::bad_request)?;
        let turn = Turn::take(&self.keeper, asked.rounds).map_err(|why| match why {
            MiningError::Busy(_) => Problem::new(StatusCode::CONFLICT, why.to_string()),
            MiningError::NotDone(why) => why.into(),
        })?;
        if !asked.wait {
            let answer = json!({ "message": SENT, "requests": turn.requests() });
            tokio::spawn(async move {
                if let (run, Err(why)) = turn.run(asked.pause).await {
                    tracing::warn!(%why, mined = run.blocks.len(), "a mining run ended early");
                }
            });
            return Ok(body::json(StatusCode::ACCEPTED, &answer));
        }
        // Not on its own: whoever goes away wants no further blocks.
        match turn.run(asked.pause).await {
            (run, Ok(())) => Ok(body::json(StatusCode::OK, &Mined { message: SENT, run })),
            (run, Err(why)) => Err(Problem::from(why).with("blocks", json!(run.blocks))),
        }
    }

    fn rows(&self) -> Vec<NodeRow> {
        let state = self.keeper.cluster.state.borrow();
        let row = |member: &Member| {
            let (tip, there) = (state.tips.of(member.number), member.there());
            let standing = state.standing(member.number);
            NodeRow {
                node: member.number,
                id: there.node.to_string(),
                http: there.http,
                p2p: there.listen,
                pid: there.child.pid(),
                state: standing.to_string(),
                restarts: state.restarts(member.number),
                peers: state.links.peers(member.number),
                height: tip.map(|tip| tip.height),
                tip: tip.map(|tip| tip.hash.to_string()),
                ended: standing.exit().map(|exit| exit.to_string()),
            }
        };
        self.keeper.cluster.members().iter().map(|member| row(member)).collect()
    }
}

/// What a mining request is answered, as the original said it.
const SENT: &str = "Mining requests sent";

/// The answer once everything is mined.
#[derive(Serialize)]
struct Mined {
    message: &'static str,
    #[serde(flatten)]
    run: Run,
}

/// A node in /nodes.
#[derive(Serialize)]
struct NodeRow {
    node: usize,
    id: String,
    http: Option<SocketAddr>,
    p2p: SocketAddr,
    /// Its process, or its last one.
    pid: u32,
    /// running, paused, restarting, returning or ended.
    state: String,
    /// How often it was started again.
    restarts: u32,
    /// Connections to nodes of this network.
    peers: usize,
    height: Option<u64>,
    tip: Option<String>,
    /// How its process ended, if it has.
    ended: Option<String>,
}

/// What a mining request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    rounds: u32,
    pause: Pause,
    wait: bool,
}

impl Asked {
    fn of(query: &str, rounds: u32, pause: Pause) -> Result<Asked, String> {
        let mut asked = Asked { rounds, pause, wait: true };
        let mut known = BTreeSet::new();
        // Of several of a name the first counts, as everywhere.
        for (name, value) in pairs(query).filter(|(name, _)| known.insert(name.to_string())) {
            match name.as_ref() {
                "rounds" => {
                    let rounds = value.parse().ok().filter(|rounds| (1..=MAX_ROUNDS).contains(rounds));
                    asked.rounds =
                        rounds.ok_or(format!("rounds={value}: expected a number from 1 to {MAX_ROUNDS}"))?;
                }
                "pause" => {
                    asked.pause = value.parse().map_err(|error| format!("pause={value}: {error}"))?;
                }
                "wait" => {
                    asked.wait =
                        value.parse().map_err(|_| format!("wait={value}: expected true or false"))?;
                }
                // Others may mean something to a later version.
                _ => {}
            }
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn a_query_is_read_strictly() {
        let asked = |rounds, pause, wait| Ok(Asked { rounds, pause, wait });
        let none = Pause::Fixed(Duration::ZERO);
        let rows = [
            ("", asked(2, Pause::Random, true)),
            ("rounds=3&pause=0s&wait=false", asked(3, none, false)),
            ("pause=0s&", asked(2, none, true)),
            ("other=1", asked(2, Pause::Random, true)),
            ("rounds=3&rounds=0", asked(3, Pause::Random, true)),
            ("r%6Funds=%33", asked(3, Pause::Random, true)),
        ];
        for (query, expected) in rows {
            assert_eq!(Asked::of(query, 2, Pause::Random), expected, "{query}");
        }
        for bad in ["rounds", "rounds=0", "rounds=-1", "rounds=9999999", "pause=", "pause=soon", "wait=maybe"]
        {
            let error = Asked::of(bad, 2, Pause::Random).expect_err(bad);
            assert!(error.contains(bad.split('=').next().unwrap_or(bad)), "{bad}: {error}");
        }
    }
}
