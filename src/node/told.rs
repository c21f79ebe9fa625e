//! What managers that subscribed are told: the same events that the edge gets, in the wire's words, and at
//! first how things stand.
//!
//! A managed node remembers what it could tell of its newest blocks, so that whoever comes later sees the
//! same tree, with the times at which they came.

use std::collections::{BTreeMap, BTreeSet};

use super::connections::{Connection, Phase};
use super::io::{self, ClockOffset, ConnId, Direction, Event, Giver, Origin, Output};
use super::*;
use crate::encoding::List;
use crate::limits::{MAX_EXCERPT_BYTES, MAX_TOLD_BLOCKS, RECENT_BLOCKS, TOLD_HEIGHTS};
use crate::time::UnixTime;
use crate::types::Block;
use crate::wire::manage::{self, Ids, Place, SeenBlock, What};

/// What was told of the newest blocks, or would have been.
#[derive(Debug, Default)]
pub(super) struct Seen {
    blocks: BTreeMap<(u64, BlockHash), (UnixTime, SeenBlock)>,
    /// Blocks that are read back for this alone.
    wanted: BTreeSet<BlockHash>,
}

impl Seen {
    /// Remembers a block, and forgets those below `lowest`.
    fn remember(&mut self, at: UnixTime, block: SeenBlock, lowest: u64) {
        self.blocks.entry((block.height, block.hash)).or_insert((at, block));
        let too_many = |blocks: &BTreeMap<(u64, BlockHash), _>| {
            blocks.first_key_value().is_some_and(|((height, _), _)| *height < lowest)
                || blocks.len() > MAX_TOLD_BLOCKS
        };
        while too_many(&self.blocks) {
            self.blocks.pop_first();
        }
    }

    fn knows(&self, height: u64, hash: BlockHash) -> bool {
        self.blocks.contains_key(&(height, hash))
    }
}

impl Node {
    /// Something happened: for the edge, and for managers that subscribed.
    pub(super) fn event(&mut self, event: Event) {
        if self.config.manager.is_some()
            && let Some(what) = self.said(&event)
        {
            if let What::BlockSeen(block) = &what {
                let lowest = self.lowest_told();
                self.seen.remember(self.now.wall, block.clone(), lowest);
            }
            self.tell_managers(what);
        }
        self.out.push(Output::Event(event));
    }

    fn tell_managers(&mut self, what: What) {
        let subscribed = |c: &Connection| matches!(&c.phase, Phase::Manager(m) if m.subscribed);
        let to: Vec<ConnId> =
            self.connections.iter().filter(|(_, c)| subscribed(c)).map(|(conn, _)| *conn).collect();
        if !to.is_empty() {
            let event = manage::Event { at: self.now.wall.micros(), what };
            self.out.push(Output::Send(to, Message::Event(event)));
        }
    }

    /// An event as the wire says it, if it is one that managers are told of.
    fn said(&self, event: &Event) -> Option<What> {
        Some(match event {
            Event::PeerReady { node, direction, .. } => {
                What::PeerReady { node: *node, outbound: *direction == Direction::Outbound }
            }
            Event::PeerClosed { node: Some(node), why, .. } => {
                if self.ready_to(node).is_some() || self.next_contender(node).is_some() {
                    return None;
                }
                What::PeerGone { node: *node, why: Text::clipped(&why.to_string()) }
            }
            Event::PeerClosed { node: None, .. } | Event::DialFailed { .. } | Event::HostBanned(_) => {
                return None;
            }
            Event::ManagerAccepted { .. } => return None,
            Event::TipChanged { tip, reverted, .. } => tip_changed(tip, *reverted),
            Event::BlockSeen {
                hash,
                previous,
                height,
                time,
                bits,
                work,
                bytes,
                transactions,
                miner,
                content,
                giver,
            } => What::BlockSeen(SeenBlock {
                hash: *hash,
                previous: *previous,
                height: *height,
                time: *time,
                bits: *bits,
                work: work.to_le_bytes(),
                transactions: count(*transactions),
                bytes: count(*bytes),
                origin: giver.origin,
                from: giver.node,
                miner: *miner,
                content: content.clone(),
            }),
            Event::BlockMined { hash, height, tries } => {
                What::BlockMined { hash: *hash, height: *height, tries: *tries }
            }
            Event::BlockRefused { hash, previous, height, rule, from, .. } => What::BlockRefused {
                hash: *hash,
                previous: *previous,
                height: *height,
                rule: Text::clipped(rule.name()),
                why: Text::clipped(&rule.to_string()),
                from: *from,
            },
            Event::Reorg { from, to, ancestor, depth, returned, .. } => What::Reorg {
                old: place(from),
                new: place(to),
                ancestor: place(ancestor),
                depth: u32::try_from(*depth).unwrap_or(u32::MAX),
                returned: ids(returned),
            },
            Event::PoolChanged { came, went, count: waiting, bytes } => What::PoolChanged {
                count: count(*waiting),
                bytes: *bytes as u64,
                came: ids(came),
                went: ids(went),
            },
            Event::MiningSet { hashrate } => What::MiningSet { hashrate: *hashrate },
            Event::MiningPaused { until, .. } => What::MiningPaused { until: until.micros() },
            Event::FaultsSet { cut, slow } => What::FaultsSet { cut: count(*cut), slow: count(*slow) },
            Event::Clock(offset) => clock(offset),
            Event::StoreFailed { why } => What::StoreFailed { why: Text::clipped(why) },
        })
    }

    /// From now on this manager hears what happens; first, how things stand.
    pub(super) fn subscribe(&mut self, conn: ConnId, sequence: u64) {
        if let Some(connection) = self.connections.get_mut(&conn)
            && let Phase::Manager(managing) = &mut connection.phase
        {
            managing.subscribed = true;
        }
        self.report(conn, sequence, manage::Outcome::Done);
        let now = self.now;
        let peers =
            self.ready().filter_map(|(_, c)| Some((c.direction, c.remote()?))).map(|(dir, remote)| {
                let at = now.wall.minus(now.elapsed.saturating_sub(remote.met.elapsed));
                (at, What::PeerReady { node: remote.hello.node, outbound: dir == Direction::Outbound })
            });
        let mut first: Vec<(UnixTime, What)> = peers.collect();
        let from = self.lowest_told();
        let newest = self.seen.blocks.range((from, BlockHash::ZERO)..).map(|(_, told)| told.clone());
        first.extend(newest.map(|(at, block)| (at, What::BlockSeen(block))));
        let (waiting, bytes) = (self.pool.len(), self.pool.bytes());
        let (cut, slow) = self.faults.counts();
        let stands = [
            tip_changed(&self.committed, 0),
            What::PoolChanged {
                count: count(waiting),
                bytes: bytes as u64,
                came: Ids { first: List::clipped(self.pool.iter().map(|(id, _)| id)), count: count(waiting) },
                went: Ids::default(),
            },
            What::MiningSet { hashrate: self.mining.background() },
            What::FaultsSet { cut: count(cut), slow: count(slow) },
        ];
        first.extend(stands.map(|what| (now.wall, what)));
        first.extend(self.clocks.off().map(|offset| (now.wall, clock(&offset))));
        for (at, what) in first {
            self.send(conn, Message::Event(manage::Event { at: at.micros(), what }));
        }
    }

    /// The least height whose blocks a subscriber is told of.
    fn lowest_told(&self) -> u64 {
        self.chain.tip().height.saturating_sub(TOLD_HEIGHTS - 1)
    }

    /// What is to be told of a block that is in the tree.
    pub(super) fn block_event(
        &self,
        block: &Block,
        hash: BlockHash,
        bytes: usize,
        giver: Giver,
    ) -> Option<Event> {
        let entry = self.chain.get(&hash)?;
        let coinbase = block.transactions.first().and_then(Transaction::as_coinbase);
        Some(Event::BlockSeen {
            hash,
            previous: block.header.previous,
            height: entry.height,
            time: block.header.time,
            bits: block.header.bits,
            work: entry.work,
            bytes,
            transactions: block.transactions.len(),
            miner: coinbase.map(|coinbase| coinbase.miner).unwrap_or_default(),
            content: block.transactions.iter().find_map(excerpt).unwrap_or_default(),
            giver,
        })
    }

    /// A managed node reads back what it could tell of its newest blocks, beside those that the pool needs.
    pub(super) fn want_seen(&mut self) -> Vec<BlockHash> {
        if self.config.manager.is_none() {
            return Vec::new();
        }
        let (from, tip) = (self.lowest_told(), self.chain.tip().height);
        if from == 0 {
            let genesis = self.chain.params().genesis().clone();
            self.read_back(&genesis);
        }
        let from = from.max(1);
        // The pool has the others read.
        let recent = tip.saturating_sub(RECENT_BLOCKS as u64 - 1).max(1);
        let active = (from..recent).filter_map(|height| self.chain.active_at(height));
        let has_body = |hash: &BlockHash| self.chain.has_body(hash);
        let beside = self.chain.beside(from, tip).into_iter().map(|(_, hash)| hash).filter(has_body);
        let wanted: Vec<BlockHash> = active.chain(beside).collect();
        self.seen.wanted.extend(&wanted);
        wanted
    }

    /// A block was read back; whether that was all it was wanted for.
    pub(super) fn read_back(&mut self, block: &Block) -> bool {
        let hash = block.hash();
        let only = self.seen.wanted.remove(&hash);
        let lowest = self.lowest_told();
        let is_new = |height| height >= lowest && !self.seen.knows(height, hash);
        if self.config.manager.is_some() && self.chain.height(&hash).is_some_and(is_new) {
            let giver = Giver { origin: Origin::Loaded, node: None };
            let event = self.block_event(block, hash, block.size(), giver);
            if let Some(What::BlockSeen(block)) = event.and_then(|event| self.said(&event)) {
                self.seen.remember(self.now.wall, block.clone(), lowest);
                self.tell_managers(What::BlockSeen(block));
            }
        }
        only
    }
}

fn tip_changed(tip: &Tip, reverted: u64) -> What {
    What::TipChanged {
        tip: tip.hash,
        height: tip.height,
        work: tip.work.to_le_bytes(),
        reverted: u32::try_from(reverted).unwrap_or(u32::MAX),
    }
}

fn clock(offset: &ClockOffset) -> What {
    What::Clock { offset: offset.millis, peers: count(offset.peers), is_off: offset.is_off }
}

fn place(tip: &Tip) -> Place {
    Place { hash: tip.hash, height: tip.height }
}

fn ids(ids: &io::Ids) -> Ids {
    Ids { first: List::clipped(ids.first.iter().copied()), count: count(ids.count) }
}

pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The beginning of a content, if that is text.
fn excerpt(transaction: &Transaction) -> Option<Text<MAX_EXCERPT_BYTES>> {
    let Transaction::Content(content) = transaction else { return None };
    let beginning = &content.data[..content.data.len().min(MAX_EXCERPT_BYTES)];
    let text = match core::str::from_utf8(beginning) {
        Ok(text) => text,
        // Cut inside a character.
        Err(error) if error.error_len().is_none() && beginning.len() < content.data.len() => {
            core::str::from_utf8(&beginning[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => "",
    };
    Some(Text::clipped(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Content;

    /// (bytes of a content, what is told of it)
    #[test]
    fn a_content_is_told_by_its_first_characters() {
        let long = "ä".repeat(60);
        let odd = format!("a{long}");
        let rows: [(&[u8], &str); 6] = [
            (b"", ""),
            (b"hello", "hello"),
            (long.as_bytes(), &long[..80]),
            (odd.as_bytes(), &odd[..79]),
            (b"\xff\xfe", ""),
            (b"cut \xc3", ""),
        ];
        for (bytes, told) in rows {
            let data = bytes.to_vec().try_into().expect("short");
            let content = Transaction::Content(Content { nonce: 0, data });
            assert_eq!(excerpt(&content).expect("a content").as_str(), told, "{bytes:?}");
        }
    }
}
