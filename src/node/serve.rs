//! What peers ask this node for: headers, blocks, transactions. Each question costs a little of its connection's budget,
//! and what the answer takes to be read and sent is the edge's to spread.

use super::io::{ConnId, Output};
use super::*;
use crate::encoding::List;
use crate::limits::MAX_HEADERS;
use crate::peer::Disconnect;
use crate::types::{BlockHash, Transaction, TxId};
use crate::wire::message::{BlockTransactions, GetBlockTransactions, GetHeaders, Message};

impl Node {
    /// Somebody asks what follows its chain.
    pub(super) fn get_headers(&mut self, conn: ConnId, question: GetHeaders) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Err(why) = connection.budget.request(self.now.elapsed) {
            return self.close(conn, why);
        }
        let headers = self.chain.headers_after(&question.locator, question.stop.as_ref(), MAX_HEADERS);
        self.send(conn, Message::Headers(List::clipped(headers)));
    }

    /// Somebody asks for blocks.
    pub(super) fn get_blocks(&mut self, conn: ConnId, hashes: Vec<BlockHash>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Err(why) = connection.budget.request(self.now.elapsed) {
            return self.close(conn, why);
        }
        let (here, missing): (Vec<_>, Vec<_>) =
            hashes.into_iter().partition(|hash| self.chain.has_body(hash));
        let (unwritten, here): (Vec<_>, Vec<_>) =
            here.into_iter().partition(|hash| self.unwritten.get(hash).is_some());
        for hash in unwritten {
            if let Some(block) = self.unwritten.get(&hash).map(|block| block.block().clone()) {
                self.send(conn, Message::Block(block));
            }
        }
        if !here.is_empty() {
            self.out.push(Output::SendStored(conn, here));
        }
        if !missing.is_empty() {
            self.send(conn, Message::NotFound(List::clipped(missing)));
        }
    }

    /// Somebody lacks transactions of a block that we told of.
    pub(super) fn get_block_transactions(&mut self, conn: ConnId, asked: GetBlockTransactions) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Err(why) = connection.budget.request(self.now.elapsed) {
            return self.close(conn, why);
        }
        let GetBlockTransactions { block: hash, places } = asked;
        // Rising, so that an answer is never larger than the block.
        if !places.windows(2).all(|pair| pair[0] < pair[1]) {
            return self.close(conn, Disconnect::NoSuchPlaces);
        }
        let Some(block) = self.bodies.get(&hash).map(|block| block.block().clone()) else {
            // Too old for this: whole, or not at all.
            return self.get_blocks(conn, vec![hash]);
        };
        let found: Option<Vec<Transaction>> =
            places.iter().map(|at| block.transactions.get(usize::from(*at)).cloned()).collect();
        match found {
            Some(found) => {
                let transactions = List::clipped(found);
                self.send(conn, Message::BlockTransactions(BlockTransactions { block: hash, transactions }));
            }
            None => self.close(conn, Disconnect::NoSuchPlaces),
        }
    }

    /// Somebody asks for transactions.
    pub(super) fn get_transactions(&mut self, conn: ConnId, ids: &[TxId]) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Err(why) = connection.budget.request(self.now.elapsed) {
            return self.close(conn, why);
        }
        let here: Vec<_> = ids.iter().filter_map(|id| self.pool.get(id).cloned()).collect();
        if !here.is_empty() {
            self.out.push(Output::SendTransactions(conn, here));
        }
    }
}
