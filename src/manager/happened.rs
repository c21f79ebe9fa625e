//! What happens in the network, for readers: what its nodes tell, and what becomes of themselves.
//!
//! Written as JSON when somebody reads it, and once, however many do: a block at a hundred nodes is two hundred
//! events, which mostly nobody reads.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use crate::manager::state::State;
use crate::net::events::{Named, Told};
use crate::node::event::{self as node, ClockOffset};
use crate::rest::sse::{self, Show};
use crate::rest::{clock, ids as ids_json, place as place_json};
use crate::types::{NodeId, Work};
use crate::wire::manage::{Event, Ids, Place, What};

/// What an event is. Readers are told of no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A node tells of it.
    Told(node::Kind),
    /// A node's life.
    Node,
    /// Groups are kept from each other, or no longer.
    Partition,
    /// A link.
    Link,
    /// How blocks come to be was set.
    MiningSet,
    /// Whether the nodes agree.
    Verdict,
    /// The stream begins.
    Start,
    /// Events that are no longer kept.
    Lost,
}

impl Kind {
    /// All of them: what nodes tell managers, and the manager's own.
    pub fn all() -> impl Iterator<Item = Kind> {
        // These are told of to the node's own readers alone.
        use node::Kind::{Ban, DialFailed, Manager};
        let is_told = |kind: &node::Kind| !matches!(kind, DialFailed | Manager | Ban);
        let own = [Kind::Node, Kind::Partition, Kind::Link, Kind::MiningSet, Kind::Verdict];
        let told = node::Kind::ALL.into_iter().filter(is_told).map(Kind::Told);
        told.chain(own).chain([Kind::Start, Kind::Lost])
    }

    /// Its name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Told(kind) => kind.name(),
            Kind::Node => "node",
            Kind::Partition => "partition",
            Kind::Link => "link",
            Kind::MiningSet => "mining_set",
            Kind::Verdict => "verdict",
            Kind::Start => sse::START,
            Kind::Lost => sse::LOST,
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    kind: Kind,
    /// What a node told, unless it is the manager's own.
    told: Option<Word>,
    /// A JSON object without the event's number, which it gets when it is told.
    json: OnceLock<Box<str>>,
}

/// Numbers of nodes, by name.
type Names = BTreeMap<NodeId, usize>;

/// What a node told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    number: usize,
    event: Event,
    /// Those of then.
    names: Arc<Names>,
}

impl Named for Happened {
    fn name(&self) -> &'static str {
        self.kind.name()
    }
}

impl Show for Happened {
    fn json(told: &Told<Happened>) -> String {
        format!("{{\"seq\":{},{}", told.seq, told.event.written().strip_prefix('{').unwrap_or("}"))
    }
}

impl Happened {
    /// Something of this kind at `at`, in microseconds since 1970, with `more` to say.
    pub fn new(kind: Kind, at: u64, more: Value) -> Happened {
        Happened { kind, told: None, json: OnceLock::from(write(kind, at, more)) }
    }

    /// What node `number` tells, its peers named by their numbers where they have one.
    pub fn at_node(number: usize, event: Event, state: &State) -> Happened {
        let kind = Kind::Told(kind(&event.what));
        Happened { kind, told: Some(Word { number, event, names: state.names() }), json: OnceLock::new() }
    }

    fn written(&self) -> &str {
        self.json.get_or_init(|| {
            let Some(Word { number, event, names }) = &self.told else { return Box::default() };
            let mut more = node_event(&event.what, names);
            more["node"] = (*number).into();
            write(self.kind, event.at, more)
        })
    }
}

fn write(kind: Kind, at: u64, mut more: Value) -> Box<str> {
    more["time"] = seconds(at).into();
    more["type"] = kind.name().into();
    more.to_string().into()
}

/// Microseconds since 1970, as seconds: a float keeps them to the microsecond for centuries.
pub fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// What an event of a node is.
fn kind(what: &What) -> node::Kind {
    match what {
        What::PeerReady { .. } => node::Kind::PeerReady,
        What::PeerGone { .. } => node::Kind::PeerClosed,
        What::TipChanged { .. } => node::Kind::Tip,
        What::BlockSeen(_) => node::Kind::Block,
        What::BlockMined { .. } => node::Kind::BlockMined,
        What::BlockRefused { .. } => node::Kind::BlockRefused,
        What::Reorg { .. } => node::Kind::Reorg,
        What::PoolChanged { .. } => node::Kind::Pool,
        What::MiningSet { .. } => node::Kind::Mining,
        What::MiningPaused { .. } => node::Kind::MiningPaused,
        What::FaultsSet { .. } => node::Kind::Faults,
        What::StoreFailed { .. } => node::Kind::Fault,
        What::Clock { .. } => node::Kind::Clock,
    }
}

fn node_event(what: &What, names: &Names) -> Value {
    let named = |node: &NodeId| match names.get(node) {
        Some(number) => Value::from(*number),
        None => Value::from(node.to_string()),
    };
    match what {
        What::PeerReady { node, outbound } => {
            let direction = if *outbound { "outbound" } else { "inbound" };
            json!({ "peer": named(node), "direction": direction })
        }
        What::PeerGone { node, why } => json!({ "peer": named(node), "why": why.as_str() }),
        What::TipChanged { tip, height, work, reverted } => json!({
            "hash": tip.to_string(), "height": height, "work": Work::from_le_bytes(*work).to_string(),
            "reverted": reverted,
        }),
        What::BlockSeen(seen) => {
            let text = seen.content.as_str();
            json!({
                "hash": seen.hash.to_string(), "previous": seen.previous.to_string(), "height": seen.height,
                "header_time": seen.time, "bits": seen.bits.to_string(),
                "work": Work::from_le_bytes(seen.work).to_string(), "bytes": seen.bytes,
                "transactions": seen.transactions, "origin": seen.origin.name(),
                "from": seen.from.as_ref().map(named), "miner": named(&seen.miner),
                "text": (!text.is_empty()).then_some(text),
            })
        }
        What::BlockMined { hash, height, tries } => {
            json!({ "hash": hash.to_string(), "height": height, "tries": tries })
        }
        What::BlockRefused { hash, previous, height, rule, why, from } => json!({
            "hash": hash.to_string(), "previous": previous.to_string(), "height": height,
            "rule": rule.as_str(), "why": why.as_str(), "from": from.as_ref().map(named),
        }),
        What::Reorg { old, new, ancestor, depth, returned } => json!({
            "old": place(old), "new": place(new), "ancestor": place(ancestor), "depth": depth,
            "returned": ids(returned),
        }),
        What::PoolChanged { count, bytes, came, went } => {
            json!({ "count": count, "bytes": bytes, "came": ids(came), "went": ids(went) })
        }
        What::MiningSet { hashrate } => json!({ "hashrate": hashrate }),
        What::MiningPaused { until } => json!({ "until": seconds(*until) }),
        What::FaultsSet { cut, slow } => json!({ "cut": cut, "slow": slow }),
        What::StoreFailed { why } => json!({ "why": why.as_str() }),
        What::Clock { offset, peers, is_off } => clock(&ClockOffset::told(*offset, *peers, *is_off)),
    }
}

fn place(place: &Place) -> Value {
    place_json(&place.hash, place.height)
}

fn ids(ids: &Ids) -> Value {
    ids_json(&ids.first, ids.count.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::encoding::Text;
    use crate::manager::modes::Modes;
    use crate::manager::view;
    use crate::time::UnixTime;
    use crate::types::BlockHash;

    #[test]
    fn an_event_names_nodes_by_their_numbers_and_is_what_clients_read() {
        let names = BTreeMap::from([(NodeId([1; 16]), 1), (NodeId([2; 16]), 2)]);
        let state = State::new(names, false, Modes::of(0));
        let told = |what| {
            let event = Event { at: 1_700_000_000_123_456, what };
            let event = Happened::at_node(1, event, &state);
            let told = Told { seq: 7, at: UnixTime::default(), event };
            serde_json::from_str::<view::Event>(&Happened::json(&told)).expect("an event")
        };
        let gone = told(What::PeerGone { node: NodeId([2; 16]), why: Text::clipped("bye") });
        assert_eq!((gone.seq, gone.node, gone.kind.as_str()), (Some(7), Some(1), "peer_closed"));
        assert_eq!(gone.time, Some(1_700_000_000.123_456));
        assert_eq!((&gone.more["peer"], &gone.more["why"]), (&2.into(), &"bye".into()));
        let stranger = told(What::PeerReady { node: NodeId([9; 16]), outbound: true });
        assert_eq!(stranger.more["peer"], NodeId([9; 16]).to_string());
        let tip = BlockHash([0; 32]);
        let tip = told(What::TipChanged { tip, height: 3, work: [1; 32], reverted: 0 });
        assert!(tip.more["work"].as_str().is_some_and(|work| work.len() > 70), "{tip:?}");
    }
}
