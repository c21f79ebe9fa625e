//! Peers that do not behave: nodes like all others, but for what leaves them.
//!
//! What costs nothing (a wrong body, a header without its work) they do with every block that comes by. What
//! costs work (a block whose context is wrong, a header whose body never comes) they pay for as everybody
//! does: with the blocks that are theirs to find.

use std::sync::Arc;

use crate::encoding::List;
use crate::node::io::Job;
use crate::sim::miners;
use crate::types::{Block, Transaction};
use crate::wire::message::{Message, NewBlock};

/// How a node treats others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// As its code says.
    Honest,
    /// Passes on blocks with other bodies and headers without their work; what it finds is wrong, or a
    /// header whose body it never gives. Counts its lies, to take turns.
    Liar(u32),
    /// Announces blocks by their headers, and never gives a body.
    Withholder,
}

impl Conduct {
    /// Whether it behaves.
    pub fn is_honest(self) -> bool {
        self == Conduct::Honest
    }

    /// What it says instead of `message`; none: nothing.
    pub(super) fn say(&mut self, message: Message) -> Option<Message> {
        match (self, message) {
            (Conduct::Honest, message) => Some(message),
            (Conduct::Liar(lies), Message::NewBlock(NewBlock::Push(block))) => {
                *lies += 1;
                let lie = if *lies % 2 == 1 { with_other_body(&block) } else { without_work(&block)? };
                Some(Message::NewBlock(NewBlock::Push(lie)))
            }
            (Conduct::Liar(_), Message::Block(block)) => Some(Message::Block(with_other_body(&block))),
            // Its own headers have no bodies; it does not say so.
            (Conduct::Liar(_), Message::NotFound(_)) => None,
            (Conduct::Withholder, Message::NewBlock(NewBlock::Push(block))) => {
                Some(Message::NewBlock(NewBlock::Announce(block.header)))
            }
            (Conduct::Withholder, Message::NewBlock(NewBlock::Compact(compact))) => {
                Some(Message::NewBlock(NewBlock::Announce(compact.header)))
            }
            (Conduct::Withholder, Message::Block(_) | Message::BlockTransactions(_)) => None,
            (Conduct::Liar(_) | Conduct::Withholder, message) => Some(message),
        }
    }

    /// What a liar tells of the block that it was about to find.
    pub(super) fn invent(&mut self, job: &Job, time: u32) -> Option<Message> {
        let Conduct::Liar(lies) = self else { return None };
        *lies += 1;
        let mut template = job.template.clone();
        if *lies % 2 == 1 {
            template.coinbase.height += 1;
            let block = miners::solve(&template, time)?;
            return Some(Message::NewBlock(NewBlock::Push(Arc::new(block))));
        }
        Some(Message::NewBlock(NewBlock::Announce(miners::solve(&template, time)?.header)))
    }
}

/// The same header over a body that it does not commit to.
fn with_other_body(block: &Block) -> Arc<Block> {
    let mut transactions = block.transactions.to_vec();
    if let Some(Transaction::Coinbase(coinbase)) = transactions.first_mut() {
        coinbase.extra_nonce = !coinbase.extra_nonce;
    }
    Arc::new(Block { header: block.header, transactions: List::clipped(transactions) })
}

/// The same block with a nonce that does not meet the target.
fn without_work(block: &Block) -> Option<Arc<Block>> {
    let mut block = block.clone();
    let target = block.header.bits.to_target().ok()?;
    while target.is_met_by(&block.header.hash()) {
        block.header.nonce = block.header.nonce.wrapping_add(1);
    }
    Some(Arc::new(block))
}
