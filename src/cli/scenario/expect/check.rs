//! Whether it is so.

use serde_json::Value;

use crate::cli::names;
use crate::cli::scenario::expect::{Found, Number, Quantity, Seen, Trend, What};
use crate::manager::view::{Life, Network};

impl What {
    /// Whether the texts of the chain have to be read for it.
    pub(in crate::cli::scenario) fn needs_chain(&self) -> bool {
        matches!(self, What::Contains(_) | What::Lacks(_) | What::Confirmations(..))
    }

    /// Whether it is so; if not, what is there.
    pub(in crate::cli::scenario) fn check(&self, network: &Network, seen: &Seen) -> Result<(), Found> {
        let verdict = &network.verdict;
        let node = |number: usize| {
            let node = network.nodes.iter().find(|node| node.node == number);
            node.ok_or_else(|| format!("there is no node {}", names::letters(number)))
        };
        let number = |there: Option<u64>, number: &Number, what: &str| match there {
            Some(there) if number.holds(there) => Ok(()),
            Some(there) => Err(format!("{what} {there}")),
            None => Err(format!("no {what} is known")),
        };
        match self {
            What::Condition(condition) if verdict.condition == *condition => Ok(()),
            What::Condition(_) => Err(verdict.text.clone()),
            What::Tips(tips) => number(Some(verdict.tips.len() as u64), tips, "tips")
                .map_err(|there| format!("{there} ({})", verdict.text)),
            What::Network(Quantity::Height, height) => {
                number(verdict.tips.iter().map(|tip| tip.height).max(), height, "height")
            }
            What::Network(_, pool) => {
                let running = network.nodes.iter().filter(|node| node.state == Life::Running);
                number(running.filter_map(|node| node.pool).max(), pool, "pool")
            }
            What::Node(which, quantity, wanted) => {
                let node = node(*which)?;
                match quantity {
                    Quantity::Height => number(node.height, wanted, "height"),
                    Quantity::Pool => number(node.pool, wanted, "pool"),
                    Quantity::Peers => number(Some(node.peers.len() as u64), wanted, "peers"),
                }
            }
            What::Life(which, life) => {
                let node = node(*which)?;
                if node.state == *life { Ok(()) } else { Err(life_word(node.state).to_owned()) }
            }
            What::Reorg(depth) => match seen.reorgs.iter().any(|seen| depth.holds(*seen)) {
                true => Ok(()),
                false if seen.reorgs.is_empty() => Err("no reorg".to_owned()),
                false => Err(format!("reorgs of depth {}", listed(&seen.reorgs))),
            },
            What::Contains(text) => depth_of(text, seen).map(|_| ()).ok_or_else(|| chain_said(seen)),
            What::Lacks(text) => match depth_of(text, seen) {
                None => Ok(()),
                Some(depth) => Err(format!("it has it, with {depth} confirmations")),
            },
            What::Confirmations(text, wanted) => {
                number(Some(depth_of(text, seen).unwrap_or(0)), wanted, "confirmations")
            }
            What::Difficulty(trend) => {
                let now = hashes(network);
                let then = seen.difficulty.unwrap_or(now);
                let is_so = match trend {
                    Trend::Rises => now > then,
                    Trend::Falls => now < then,
                    Trend::Stays => (now - then).abs() < 0.5,
                };
                if is_so { Ok(()) } else { Err(format!("{now} hashes a block, {then} before")) }
            }
            // A command is run, not looked at.
            What::Fails { .. } => Ok(()),
        }
    }
}

/// Hashes that a block takes on average.
pub(in crate::cli::scenario) fn hashes(network: &Network) -> f64 {
    network.rules.expected_hashes.parse().unwrap_or(0.0)
}

fn listed(numbers: &[u64]) -> String {
    let mut numbers: Vec<u64> = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// How deep the newest content of that text is; 1: in the tip.
fn depth_of(text: &str, seen: &Seen) -> Option<u64> {
    let has = |texts: &Vec<String>| texts.iter().any(|one| one == text);
    seen.chain.iter().rev().position(has).map(|at| at as u64 + 1)
}

fn chain_said(seen: &Seen) -> String {
    let texts: Vec<String> = seen.chain.iter().flatten().map(|text| format!("{:?}", text)).collect();
    match texts.len() {
        0 => "the chain has no texts".to_owned(),
        1..=8 => format!("the chain has {}", texts.join(", ")),
        more => format!("the chain has {more} others, the newest {}", texts[more - 1]),
    }
}

/// The texts of a chain as GET /chain gives it, by block.
pub(in crate::cli::scenario) fn texts(chain: &Value) -> Vec<Vec<String>> {
    let blocks = chain["chain"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |block: &Value| {
        let contents = block["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        contents.iter().filter_map(|one| one["text"].as_str().map(str::to_owned)).collect()
    };
    blocks.iter().map(of).collect()
}

fn life_word(life: Life) -> &'static str {
    match life {
        Life::Running => "running",
        Life::Paused => "paused",
        Life::Restarting => "restarting",
        Life::Returning => "returning",
        Life::Ended => "ended",
    }
}
