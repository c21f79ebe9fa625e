//! The blocks that nodes told of: their tree, one of them, how they spread.

use std::collections::{BTreeMap, BTreeSet};

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::limits::{MAX_FOLLOWED_BLOCKS, MAX_TREE_BLOCKS, PROPAGATION_BLOCKS};
use crate::manager::api::{Api, input};
use crate::manager::blocks::{Arrival, Block};
use crate::manager::happened::seconds;
use crate::manager::spread::{self, millis};
use crate::manager::state::State;
use crate::manager::view::{self, BlockReport, Tree, TreeBlock};
use crate::rest::MAX_SAFE_INTEGER;
use crate::rest::body::{self, Body};
use crate::rest::problem::Problem;
use crate::types::BlockHash;

/// Heights of a tree if nobody says how many.
const TREE_HEIGHTS: u64 = 50;

impl Api {
    pub(super) fn tree(&self, request: &Request<Incoming>) -> Result<Response<Body>, Problem> {
        let limit = input::number(request, "limit", TREE_HEIGHTS, (1, MAX_TREE_BLOCKS as u64))?;
        let state = self.keeper.cluster.state.borrow();
        let said = input::number_if_given(request, "from", (0, MAX_SAFE_INTEGER))?;
        let newest = (state.blocks.highest() + 1).saturating_sub(limit);
        let from = said.unwrap_or_else(|| state.blocks.fitting(newest, MAX_TREE_BLOCKS));
        let end = from.saturating_add(limit);
        let holders = Holders::of(&state, from);
        let mut asked = state.blocks.from(from).take_while(|block| block.height < end);
        let given = asked.by_ref().take(MAX_TREE_BLOCKS).map(|block| tree_block(&state, &holders, block));
        let mut blocks: Vec<TreeBlock> = given.collect();
        // What is left out is above what was asked for from a height up, and below the newest.
        let cut = asked.next().is_some() || (said.is_none() && from > newest);
        blocks.sort_by(|a, b| a.height.cmp(&b.height).then(a.seen.total_cmp(&b.seen)));
        Ok(body::json(StatusCode::OK, &Tree { from, cut, known_from: state.blocks.known_from(), blocks }))
    }

    pub(super) fn block(&self, id: &str) -> Result<Response<Body>, Problem> {
        let state = self.keeper.cluster.state.borrow();
        let found = match (id.parse::<BlockHash>(), input::whole(id)) {
            (Ok(hash), _) => state.blocks.get(&hash),
            // Of a height, the best chain's; or whichever was first.
            (_, Some(height)) => {
                let best = state.blocks.at(height).find(|block| block.best);
                best.or_else(|| state.blocks.at(height).find(|block| block.refused.is_none()))
            }
            _ => {
                let detail = format!("{:?}: expected a block's hash or height", input::shown(id));
                return Err(Problem::bad_request(detail));
            }
        };
        let block = found.ok_or_else(|| self.not_known(&state, id))?;
        let holders = Holders::of(&state, block.height);
        let first = block.arrivals.first().map_or(block.seen, |arrival| arrival.at);
        let arrival = |arrival: &Arrival| view::Arrival {
            node: arrival.node,
            time: seconds(arrival.at),
            after_ms: millis(arrival.at.saturating_sub(first)),
            from: arrival.from,
            origin: arrival.origin.name().to_owned(),
        };
        let arrivals = block.arrivals.iter().map(arrival).collect();
        let report = BlockReport { block: tree_block(&state, &holders, block), arrivals };
        Ok(body::json(StatusCode::OK, &report))
    }

    pub(super) fn propagation(&self, request: &Request<Incoming>) -> Result<Response<Body>, Problem> {
        let usual = PROPAGATION_BLOCKS as u64;
        let limit = input::number(request, "limit", usual, (1, MAX_FOLLOWED_BLOCKS as u64))?;
        let limit = usize::try_from(limit).unwrap_or(MAX_FOLLOWED_BLOCKS);
        let state = self.keeper.cluster.state.borrow();
        Ok(body::json(StatusCode::OK, &spread::over(state.blocks.newest(), limit)))
    }

    /// Why a block is not there: nobody has it yet, or it is older than what nodes told of.
    fn not_known(&self, state: &State, id: &str) -> Problem {
        let (blocks, id) = (&state.blocks, input::shown(id));
        let known_from = blocks.known_from();
        let is_above = input::whole(id).is_some_and(|height| height > blocks.highest());
        let mut detail = format!("no node told of a block {id:?}");
        match (is_above, known_from) {
            (true, _) => detail += &format!(": the highest is at height {}", blocks.highest()),
            (false, 0) => {}
            (false, _) => detail += &format!(": the manager knows the chain from height {known_from} up"),
        }
        let problem = Problem::new(StatusCode::NOT_FOUND, detail);
        match state.running().next().filter(|_| !is_above && known_from > 0) {
            Some(node) => {
                let node = format!("http://{}/node/{node}", self.http);
                problem.hint(format!("a node has older ones: `curl {node}/api/v1/blocks/{id}`"))
            }
            None => problem,
        }
    }
}

/// Who has which block because it is below a tip of theirs, and whose tip it is.
struct Holders {
    below: BTreeMap<BlockHash, BTreeSet<usize>>,
    tips: BTreeMap<BlockHash, Vec<usize>>,
}

impl Holders {
    /// Of the blocks from height `from` on.
    fn of(state: &State, from: u64) -> Holders {
        let mut holders = Holders { below: BTreeMap::new(), tips: BTreeMap::new() };
        for number in state.numbers() {
            if let Some(tip) = state.tips.of(number) {
                holders.tips.entry(tip.hash).or_default().push(number);
            }
        }
        for (tip, nodes) in &holders.tips {
            for block in state.blocks.chain(*tip, from) {
                holders.below.entry(block.hash).or_default().extend(nodes);
            }
        }
        holders
    }
}

fn tree_block(state: &State, holders: &Holders, block: &Block) -> TreeBlock {
    let mut held_by: BTreeSet<usize> = block.holders.iter().collect();
    held_by.extend(holders.below.get(&block.hash).into_iter().flatten());
    // A node that has ended holds nothing.
    held_by.retain(|number| state.standing(*number).exit().is_none());
    TreeBlock {
        hash: block.hash.to_string(),
        previous: block.previous.to_string(),
        height: block.height,
        time: block.time,
        bits: block.bits.to_string(),
        work: block.work.to_string(),
        transactions: block.transactions,
        bytes: block.bytes,
        text: block.text.as_deref().map(str::to_owned),
        miner: block.miner,
        seen: seconds(block.seen),
        tip_of: holders.tips.get(&block.hash).cloned().unwrap_or_default(),
        held_by: held_by.into_iter().collect(),
        branch: state.blocks.branch(block),
        refused: block.refused.clone(),
    }
}
