//! Blocks and contents on request, and how blocks come otherwise.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::limits::{DEFAULT_MINING_TIMEOUT, MAX_MINED_AT_ONCE};
use crate::manager::api::{Api, input};
use crate::manager::control::Deadline;
use crate::manager::not_done::NotDone;
use crate::manager::verdict;
use crate::manager::view::{Mine, MinedBlock, MinedBlocks, Send, Sent, SetMining};
use crate::rest::body::{self, Body};
use crate::rest::problem::Problem;

impl Api {
    /// Mines blocks one after the other; answers when all who can have the last one have it.
    pub(super) async fn mine(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let deadline = Deadline::after(input::patience(&request, DEFAULT_MINING_TIMEOUT)?);
        let Mine { node, count, content } = input::read(request).await?;
        let count = count.unwrap_or(1);
        if !(1..=MAX_MINED_AT_ONCE).contains(&u64::from(count)) {
            let detail = format!("count {count}: expected a whole number from 1 to {MAX_MINED_AT_ONCE}");
            return Err(Problem::bad_request(detail));
        }
        let mut content = content.map(input::content).transpose()?;
        // Not on its own: whoever goes away wants no further blocks.
        let keeper = &self.keeper;
        let mut blocks: Vec<MinedBlock> = Vec::new();
        let mut ended = Ok(());
        while ended.is_ok() && blocks.len() < count as usize {
            let one = async {
                let (block, tip) = keeper.mine(node, content.take(), deadline).await?;
                let miner = block.node;
                blocks.push(block);
                // Whoever mines next builds on it, so only then is it the next one.
                keeper.spread(miner, tip, deadline.end).await
            };
            ended = keeper.unless_stopping(one).await;
        }
        match ended {
            Ok(()) => Ok(body::json(StatusCode::OK, &MinedBlocks { blocks })),
            Err(why) => {
                let expected = verdict::expected_hashes(&self.keeper.cluster.state.borrow());
                let problem = Problem::from(why).with("blocks", serde_json::json!(blocks));
                Err(problem.with("expected_hashes", expected.unwrap_or_default().to_string()))
            }
        }
    }

    pub(super) fn mining(&self) -> Result<Response<Body>, Problem> {
        Ok(body::json(StatusCode::OK, &self.keeper.mining()))
    }

    pub(super) async fn set_mining(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let set: SetMining = input::read(request).await?;
        let keeper = self.keeper.clone();
        self.done(async move { keeper.set_mining(&set).await }).await?;
        self.mining()
    }

    pub(super) async fn send(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let Send { content, node } = input::read(request).await?;
        let expected = || NotDone::Bad("expected {\"content\": \"a text\"}".to_owned());
        let content = input::content(content.ok_or_else(expected)?)?;
        let keeper = self.keeper.clone();
        let (node, id) = self.done(async move { keeper.submit(node, content).await }).await?;
        Ok(body::json(StatusCode::ACCEPTED, &Sent { id: id.to_string(), node }))
    }
}
