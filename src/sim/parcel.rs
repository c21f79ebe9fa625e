//! What is under way, and every block there is: each message is weighed and hashed once, however many it
//! goes to, and each block is checked once, however many it comes to.
//!
//! A node of a network checks every block that comes to it. [`CheckedBlock::check`] is a pure function, so
//! what it said of a block is what it would say again: it is called once for each body there is, and the
//! nodes' own code, which takes it from there, is the same as ever.

use std::rc::Rc;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::chain::{CheckedBlock, Rule};
use crate::limits::FRAME_HEADER_BYTES;
use crate::params::Params;
use crate::types::{Block, BlockHash, Lookup};
use crate::wire::message::{Message, NewBlock};

/// Bytes of a variant's tag before what it holds.
const TAG_BYTES: usize = 4;

/// A message on its way.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) message: Message,
    /// What the check says of the block in it, if there is one.
    pub(super) checked: Option<Result<CheckedBlock, Rule>>,
    /// Over what it says.
    pub(super) digest: [u8; 32],
    /// Of its frame.
    pub(super) bytes: usize,
}

/// A block's body, and what is known of it.
#[derive(Debug)]
struct Body {
    block: Arc<Block>,
    checked: Result<CheckedBlock, Rule>,
    digest: [u8; 32],
    bytes: usize,
}

/// Every block that any node ever had or sent.
#[derive(Debug)]
pub(super) struct Blocks {
    params: Arc<Params>,
    /// By their headers' hashes. A liar sends another body with the same header.
    bodies: Lookup<BlockHash, Vec<Body>>,
    scratch: Vec<u8>,
}

impl Blocks {
    pub(super) fn new(params: Arc<Params>) -> Blocks {
        Blocks { params, bodies: Lookup::default(), scratch: Vec::new() }
    }

    /// The good block of this hash: what a node that has it reads from its store.
    pub(super) fn get(&self, hash: &BlockHash) -> Option<&CheckedBlock> {
        self.bodies.get(hash)?.iter().find_map(|body| body.checked.as_ref().ok())
    }

    /// What the check says of `block`.
    pub(super) fn check(&mut self, block: &Arc<Block>) -> Result<CheckedBlock, Rule> {
        self.body(block).checked.clone()
    }

    fn body(&mut self, block: &Arc<Block>) -> &Body {
        let hash = block.hash();
        if self.bodies.get(&hash).is_none() {
            self.bodies.insert(hash, Vec::new());
        }
        let Blocks { params, bodies, scratch } = self;
        #[allow(clippy::expect_used, reason = "inserted above where there was none")]
        let bodies = bodies.get_mut(&hash).expect("a list for this hash");
        let known = |body: &Body| Arc::ptr_eq(&body.block, block) || body.block == *block;
        let at = bodies.iter().position(known).unwrap_or_else(|| {
            scratch.clear();
            crate::encoding::encode_into(&**block, scratch);
            bodies.push(Body {
                block: block.clone(),
                checked: CheckedBlock::check(block.clone(), params),
                digest: Sha256::digest(&*scratch).into(),
                bytes: scratch.len(),
            });
            bodies.len() - 1
        });
        &bodies[at]
    }

    /// Puts `block` where the one of this hash is.
    #[cfg(test)]
    pub(super) fn forge(&mut self, hash: BlockHash, block: CheckedBlock) {
        for body in self.bodies.get_mut(&hash).into_iter().flatten() {
            body.checked = Ok(block.clone());
        }
    }

    /// `message`, ready for its way.
    pub(super) fn parcel(&mut self, message: Message) -> Rc<Parcel> {
        let (block, tag) = match &message {
            Message::Block(block) => (Some(block.clone()), 0),
            Message::NewBlock(NewBlock::Push(block)) => (Some(block.clone()), TAG_BYTES),
            _ => (None, 0),
        };
        let (checked, digest, bytes) = match block {
            Some(block) => {
                let body = self.body(&block);
                (Some(body.checked.clone()), body.digest, tag + body.bytes)
            }
            None => {
                self.scratch.clear();
                message.encode_body(&mut self.scratch);
                (None, Sha256::digest(&self.scratch).into(), self.scratch.len())
            }
        };
        Rc::new(Parcel { message, checked, digest, bytes: FRAME_HEADER_BYTES + bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain;
    use crate::chain::testing::{content, mine_on};

    #[test]
    fn a_parcel_weighs_what_its_frame_does() {
        use tokio_util::codec::Encoder;
        let params = Arc::new(Params::regtest());
        let mut blocks = Blocks::new(params);
        for message in crate::wire::samples::messages() {
            let mut frame = bytes::BytesMut::new();
            let mut codec = crate::wire::FrameCodec::new();
            codec.encode(&message, &mut frame).expect("a frame");
            let kind = message.kind();
            assert_eq!(blocks.parcel(message).bytes, frame.len(), "{kind}");
        }
    }

    #[test]
    fn one_header_with_two_bodies_is_two_blocks() {
        let params = Arc::new(Params::regtest());
        let chain = Chain::new(params.clone());
        let good = mine_on(&chain, &params.genesis_hash(), vec![content(1, "a")], "");
        let mut bad = Block::clone(good.block());
        bad.transactions = crate::encoding::List::clipped(bad.transactions.iter().take(1).cloned());
        let mut blocks = Blocks::new(params);
        assert_eq!(blocks.check(&Arc::new(bad.clone())).map(|_| ()), Err(Rule::BadMerkleRoot));
        assert!(blocks.get(&good.hash()).is_none());
        assert!(blocks.check(&Arc::new(Block::clone(good.block()))).is_ok());
        assert_eq!(blocks.check(&Arc::new(bad)).map(|_| ()), Err(Rule::BadMerkleRoot));
        assert!(blocks.get(&good.hash()).is_some());
    }
}
