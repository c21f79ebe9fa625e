//! Getting the transactions that peers name: each from one peer at a time, from each peer a few at a time.
//!
//! What a peer named stays on its own list until it is here or is of no use, whoever is asked for it meanwhile and
//! whether or not there is room: so a crowd of names that nobody delivers, or a burst over a share of the pool, delays
//! what honest peers named and does not lose it. What was refused for want of room is asked for again once it fits, so
//! that it comes for nothing once at most.

use core::time::Duration;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::io::{ConnId, Timer};
use super::*;
use crate::encoding::List;
use crate::limits::{
    IN_FLIGHT_BYTES, MAX_NAMED, MAX_WANTED, MIN_TRANSACTION_BYTES, TRANSACTION_TIMEOUT, WANTED_AT_FIRST,
};
use crate::mempool::{Refusal, Source};
use crate::types::{Group, Transaction, TxId, address};
use crate::wire::message::Message;

/// What is remembered about one connection.
#[derive(Debug)]
pub(super) struct PeerWanted {
    /// What it named and is to be asked for, in this order.
    named: VecDeque<TxId>,
    /// What it named and had no room here, and how large it is.
    refused: VecDeque<(TxId, usize)>,
    /// How much of what is wanted is wanted from it.
    in_flight: usize,
    /// How much may be.
    window: usize,
    /// How many transactions it was asked for that have not come, however late they are.
    owed: usize,
}

impl Default for PeerWanted {
    fn default() -> Self {
        PeerWanted {
            named: VecDeque::new(),
            refused: VecDeque::new(),
            in_flight: 0,
            window: WANTED_AT_FIRST,
            owed: 0,
        }
    }
}

impl PeerWanted {
    /// It is to be asked for `id` after all others; where those are too many, the oldest is forgotten, which it may have
    /// no more.
    fn name(&mut self, id: TxId) {
        if self.named.len() >= MAX_NAMED {
            self.named.pop_front();
        }
        self.named.push_back(id);
    }

    /// There was no room for `id`.
    fn refuse(&mut self, id: TxId, size: usize) {
        if self.refused.len() >= MAX_NAMED {
            self.refused.pop_front();
        }
        self.refused.push_back((id, size));
    }

    /// It is to be asked first for what was refused, as far as that fits into `room` bytes, of which nothing that is in
    /// flight may need a part: so it is not refused again.
    fn name_refused(&mut self, mut room: usize) {
        if self.in_flight > 0 {
            return;
        }
        let fits = |(_, size): &&(TxId, usize)| match room.checked_sub(*size) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        let count = self.refused.iter().take(self.window).take_while(fits).count();
        self.refused.drain(..count).rev().for_each(|(id, _)| self.named.push_front(id));
    }

    /// So many transactions of so many bytes came: more of that size may be in flight.
    fn came(&mut self, count: usize, bytes: usize) {
        if let Some(more) = (IN_FLIGHT_BYTES * count).checked_div(bytes) {
            self.window = more.clamp(1, MAX_WANTED);
        }
    }
}

/// Transactions that were asked for: of whom and since when, and who else has them.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    by_id: BTreeMap<TxId, Want>,
    timer: bool,
}

impl Wanted {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}

#[derive(Debug)]
struct Want {
    from: ConnId,
    since: Duration,
    others: BTreeSet<ConnId>,
}

/// Whose share of the pool is filled by what comes over `connection`.
fn source(connection: &Connection) -> Source {
    let ip = connection.address.ip();
    match connection.remote() {
        Some(remote) if Group::of(ip) == Group::Loopback => Source::Neighbour(remote.hello.node),
        _ => Source::Host(address::host(ip)),
    }
}

impl Node {
    /// A peer has transactions: those we lack are asked for.
    pub(super) fn have_transactions(&mut self, conn: ConnId, ids: &[TxId]) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Err(why) = connection.budget.announce(self.now.elapsed, ids.len()) {
            return self.close(conn, why);
        }
        for id in ids {
            connection.relay.transactions.insert(*id);
            if !self.pool.knows(id) {
                connection.wanted.name(*id);
            }
        }
        self.ask_transactions(conn);
    }

    /// Asks `conn` for what was refused and fits now, and for what else it named, as much as may be in flight. While the
    /// pool takes nothing of it, nothing is asked.
    fn ask_transactions(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let room = self.pool.room(source(connection));
        let peer = &mut connection.wanted;
        if room < MIN_TRANSACTION_BYTES {
            return;
        }
        peer.name_refused(room);
        let mut ask = Vec::new();
        while peer.in_flight < peer.window
            && let Some(id) = peer.named.pop_front()
        {
            if self.pool.knows(&id) {
                continue;
            }
            match self.wanted.by_id.entry(id) {
                Entry::Occupied(mut want) => {
                    // It was named twice, or somebody else has it, too.
                    if want.get().from != conn {
                        want.get_mut().others.insert(conn);
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(Want { from: conn, since: self.now.elapsed, others: BTreeSet::new() });
                    peer.in_flight += 1;
                    peer.owed += 1;
                    ask.push(id);
                }
            }
        }
        if peer.named.is_empty() {
            // A burst is over, and its memory is given back.
            peer.named = VecDeque::new();
        }
        if !ask.is_empty() {
            self.send(conn, Message::GetTransactions(List::clipped(ask)));
        }
        self.watch_transactions();
    }

    fn watch_transactions(&mut self) {
        if !self.wanted.timer && !self.wanted.by_id.is_empty() {
            self.wanted.timer = true;
            self.set_timer(Timer::Transactions, TRANSACTION_TIMEOUT);
        }
    }

    /// Nobody is asked for `id` any more.
    fn unwant(&mut self, id: &TxId) -> Option<Want> {
        let want = self.wanted.by_id.remove(id)?;
        if let Some(Connection { wanted: peer, .. }) = self.connections.get_mut(&want.from) {
            peer.in_flight = peer.in_flight.saturating_sub(1);
        }
        Some(want)
    }

    /// Who was asked for `ids` had its time, or is gone: who else has them is asked before all else.
    fn ask_others(&mut self, ids: &[TxId]) {
        let mut peers = BTreeSet::new();
        for id in ids {
            let Some(want) = self.unwant(id) else { continue };
            for other in &want.others {
                if let Some(Connection { wanted: peer, .. }) = self.connections.get_mut(other) {
                    peer.named.push_front(*id);
                }
            }
            peers.extend(want.others);
            peers.insert(want.from);
        }
        for conn in peers {
            self.ask_transactions(conn);
        }
    }

    /// Whoever was asked for transactions had its time.
    pub(super) fn transactions_due(&mut self) {
        self.wanted.timer = false;
        let now = self.now.elapsed;
        let late = |want: &Want| now.saturating_sub(want.since) >= TRANSACTION_TIMEOUT;
        let late: Vec<TxId> =
            self.wanted.by_id.iter().filter(|(_, want)| late(want)).map(|(id, _)| *id).collect();
        self.ask_others(&late);
        self.watch_transactions();
    }

    /// A connection is gone: others are asked for the transactions that it owed.
    pub(super) fn wanted_without(&mut self, conn: ConnId) {
        let mut orphans = Vec::new();
        for (id, want) in &mut self.wanted.by_id {
            want.others.remove(&conn);
            if want.from == conn {
                orphans.push(*id);
            }
        }
        self.ask_others(&orphans);
    }

    /// Transactions arrived: those asked for go into the pool, and on to others.
    pub(super) fn transactions(&mut self, conn: ConnId, list: Vec<Transaction>) {
        let (mut is_accepted, mut is_wrong) = (false, false);
        let (mut count, mut bytes) = (0, 0);
        let mut peers = BTreeSet::from([conn]);
        for transaction in list {
            let (id, size) = (transaction.id(), transaction.size());
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            let source = source(connection);
            let Connection { relay, wanted: peer, .. } = connection;
            // However late what was asked for comes: others may have been asked since, or nobody. And a name is
            // forgotten once thousands came after it, so those are counted.
            let was_asked = peer.owed > 0;
            peer.owed = peer.owed.saturating_sub(1);
            if !was_asked && !relay.transactions.contains(&id) && !self.pool.knows(&id) {
                is_wrong = true;
                continue;
            }
            relay.transactions.insert(id);
            count += 1;
            bytes += size;
            let want = self.unwant(&id);
            match self.pool.insert(id, Arc::new(transaction), source) {
                Ok(()) => is_accepted = true,
                Err(Refusal::Coinbase) => is_wrong = true,
                // Somebody else was faster: nobody's fault.
                Err(Refusal::Known | Refusal::Recent) => {}
                // Nor is this. Whoever has it is asked once there is room, and that may be now, of another's share.
                Err(Refusal::Full | Refusal::ShareFull) => {
                    let mut have = BTreeSet::from([conn]);
                    have.extend(want.into_iter().flat_map(|want| want.others.into_iter().chain([want.from])));
                    for conn in have {
                        if let Some(Connection { wanted: peer, .. }) = self.connections.get_mut(&conn) {
                            peer.refuse(id, size);
                            peers.insert(conn);
                        }
                    }
                }
            }
        }
        if let Some(Connection { wanted: peer, .. }) = self.connections.get_mut(&conn) {
            peer.came(count, bytes);
        }
        if is_accepted {
            self.announce_pool();
            self.pool_changed();
            self.commit_pool();
        }
        if is_wrong {
            self.strike(conn);
        }
        for conn in peers {
            self.ask_transactions(conn);
        }
    }

    /// The pool may have room again: asks everybody for what they named and it could not take.
    pub(super) fn pool_has_room(&mut self) {
        let peers: Vec<ConnId> = self.ready().map(|(conn, _)| conn).collect();
        for conn in peers {
            self.ask_transactions(conn);
        }
    }

    /// A block that joined the chain has these: nobody waits for them any more.
    pub(super) fn unwant_all(&mut self, ids: &[TxId]) {
        if !self.wanted.by_id.is_empty() {
            ids.iter().for_each(|id| drop(self.unwant(id)));
        }
    }
}
