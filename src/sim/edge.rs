//! The fake edge of a node: what comes to it, and what is done about its outputs.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::node::io::{Answer, Commit, ConnId, Delivery, Direction, Event as Told, Input, Output};
use crate::peer::Disconnect;
use crate::sim::invariants::{Broken, Violation};
use crate::sim::links::{Links, nanos};
use crate::sim::network::{Event, Network, address, number, own_address};
use crate::sim::parcel::Parcel;
use crate::sim::trace::{self, What};
use crate::types::BlockHash;
use crate::wire::message::Message;

impl Network {
    /// An event's time has come.
    pub(super) fn happen(&mut self, n: usize, life: u32, event: Event) -> Result<(), Violation> {
        if self.peers[n].life != life {
            return Ok(());
        }
        let now = self.now;
        match event {
            Event::Started => {
                if self.peers[n].node.is_some() {
                    return Ok(());
                }
                self.trace.add(now, n, What::Started, &[0; 32]);
                self.born(n)
            }
            Event::Connected(conn, address, direction) => {
                if !self.links.hears(conn) {
                    // Gone before the dial was through: whoever dialled hears of it all the same.
                    return match direction {
                        Direction::Outbound => self.happen(n, life, Event::DialFailed(address)),
                        Direction::Inbound => Ok(()),
                    };
                }
                self.trace.add(now, n, What::Connected, &trace::number(conn.0));
                self.input(n, Input::Connected { conn, address, direction })
            }
            Event::DialFailed(address) => {
                let to = number(address).unwrap_or_default() as u64;
                self.trace.add(now, n, What::DialFailed, &trace::number(to));
                self.input(n, Input::DialFailed { address, error: "unreachable".to_owned() })
            }
            Event::Message(conn, parcel) => {
                if !self.links.hears(conn) {
                    return Ok(());
                }
                let kind = parcel.message.kind();
                self.trace.add(now, n, What::Message(kind), &parcel.digest);
                self.traffic.add(kind, parcel.bytes);
                self.input(n, received(conn, parcel))
            }
            Event::Closed(conn) => {
                if !self.links.is_open(conn) {
                    return Ok(());
                }
                self.trace.add(now, n, What::Closed, &trace::number(conn.0));
                self.links.close(conn);
                self.peers[n].ends.remove(&conn);
                self.input(n, Input::Closed(conn, Disconnect::Ended))
            }
            Event::Timer(timer) => {
                self.trace.add(now, n, What::Timer, &trace::timer(timer));
                self.input(n, Input::Timer(timer))?;
                // Seldom enough to look at what it keeps.
                self.check_cap(n)
            }
        }
    }

    /// Tells node `n`, if it runs, and does what it wants done.
    pub(super) fn input(&mut self, n: usize, input: Input) -> Result<(), Violation> {
        let moment = self.moment();
        let Some(node) = &mut self.peers[n].node else { return Ok(()) };
        let outputs = node.handle(moment, input);
        self.carry_out(n, outputs)
    }

    pub(super) fn carry_out(&mut self, n: usize, outputs: Vec<Output>) -> Result<(), Violation> {
        let mut todo = VecDeque::from(outputs);
        while let Some(output) = todo.pop_front() {
            let answer = match output {
                Output::Send(to, message) => {
                    self.send(n, &to, message);
                    None
                }
                Output::SendStored(conn, hashes) => {
                    self.send_stored(n, conn, &hashes)?;
                    None
                }
                Output::SendTransactions(conn, list) => {
                    for message in Message::of_transactions(list) {
                        self.send(n, &[conn], message);
                    }
                    None
                }
                Output::Check(conn, block) => {
                    let check = |block: &Arc<_>| self.blocks.check(block);
                    Some(Input::block(conn, Delivery::Rebuilt, &Arc::new(block), check))
                }
                Output::Dial(address) => {
                    self.connect(n, address);
                    None
                }
                Output::Close(conn, why) => {
                    self.close(n, conn, why)?;
                    None
                }
                Output::SetTimer(timer, after) => {
                    self.plan(self.now.saturating_add(nanos(after)), n, Event::Timer(timer));
                    None
                }
                Output::Store(commit) => Some(self.store(n, &commit)),
                Output::Load(hashes) => {
                    let blocks = hashes.iter().filter_map(|hash| self.blocks.get(hash));
                    Some(Input::Loaded(blocks.map(|block| block.block().clone()).collect()))
                }
                Output::Mine(job) => {
                    self.peers[n].job = job;
                    None
                }
                Output::Event(event) => {
                    self.heard(n, &event);
                    None
                }
                Output::Reply(_, answer) => {
                    self.answered(n, &answer);
                    None
                }
                // Nobody manages a simulated node.
                Output::Status(..) | Output::Line(..) | Output::Stop => None,
            };
            if let Some(answer) = answer {
                let moment = self.moment();
                if let Some(node) = &mut self.peers[n].node {
                    todo.extend(node.handle(moment, answer));
                }
            }
        }
        self.follow_tip(n)
    }

    /// The store takes everything at once.
    fn store(&mut self, n: usize, commit: &Commit) -> Input {
        let peer = &mut self.peers[n];
        peer.stored.extend(commit.blocks.iter().map(|block| block.hash()));
        if !commit.forget.is_empty() {
            peer.stored.retain(|hash| !commit.forget.contains(hash));
        }
        peer.waiting
            .extend(commit.pool.came.iter().map(|transaction| (transaction.id(), transaction.clone())));
        if !commit.pool.went.is_empty() {
            peer.waiting.retain(|(id, _)| !commit.pool.went.contains(id));
        }
        Input::Stored(commit.seq)
    }

    fn answered(&mut self, n: usize, answer: &Answer) {
        match answer {
            Answer::Mined(_) => self.peers[n].answers += 1,
            Answer::Submitted(id) => self.peers[n].submitted = Some(*id),
            _ => {}
        }
    }

    fn heard(&mut self, n: usize, event: &Told) {
        let ready = &mut self.peers[n].ready;
        match event {
            Told::PeerReady { .. } => *ready += 1,
            Told::PeerClosed { node: Some(_), .. } => *ready = ready.saturating_sub(1),
            _ => {}
        }
    }

    /// Looks whether the tip is another one, and may be.
    fn follow_tip(&mut self, n: usize) -> Result<(), Violation> {
        let now = self.now;
        let Some(tip) = self.view(n).map(|view| view.tip()) else { return Ok(()) };
        let before = self.peers[n].tip;
        if tip.hash == before.hash {
            return Ok(());
        }
        if tip.work < before.work {
            return Err(self.violation(n, Broken::WorkFell { from: before, to: tip }));
        }
        let peer = &mut self.peers[n];
        peer.tip = tip;
        if peer.conduct.is_honest() {
            self.spreads.rose(before.height, tip.height, peer.since, now);
        }
        Ok(())
    }

    fn send(&mut self, n: usize, to: &[ConnId], message: Message) {
        if let Some(message) = self.peers[n].conduct.say(message) {
            self.send_as_is(n, to, message);
        }
    }

    pub(super) fn send_as_is(&mut self, n: usize, to: &[ConnId], message: Message) {
        let parcel = self.blocks.parcel(message);
        for conn in to {
            self.put_on_its_way(n, *conn, parcel.clone());
        }
    }

    fn send_stored(&mut self, n: usize, conn: ConnId, hashes: &[BlockHash]) -> Result<(), Violation> {
        for hash in hashes {
            let Some(block) = self.blocks.get(hash).map(|block| block.block().clone()) else {
                return Err(self.violation(n, Broken::NoBody(*hash)));
            };
            self.send(n, &[conn], Message::Block(block));
        }
        Ok(())
    }

    fn put_on_its_way(&mut self, n: usize, conn: ConnId, parcel: Rc<Parcel>) {
        if !self.links.hears(conn) {
            return;
        }
        let peer = &mut self.peers[n];
        peer.sent_bytes += parcel.bytes as u64;
        peer.free_at = self.now.max(peer.free_at).saturating_add(self.line.sending(parcel.bytes));
        let left = peer.free_at;
        let trip =
            self.line.trip(&mut self.dice).saturating_add(self.line.repair(parcel.bytes, &mut self.dice));
        let there = Links::other(conn);
        let at = self.links.in_order(there, left.saturating_add(trip));
        self.plan(at, self.links.node(there), Event::Message(there, parcel));
    }

    /// A dial: there and back before the dialler knows, there before the other does.
    fn connect(&mut self, n: usize, to_address: SocketAddr) {
        let reached = self.now.saturating_add(self.line.trip(&mut self.dice));
        let known = reached.saturating_add(self.line.trip(&mut self.dice));
        let to = number(to_address).filter(|to| *to < self.peers.len());
        let side = self.peers[n].side;
        let up = |to: &usize| self.peers[*to].node.is_some() && self.peers[*to].side == side;
        let Some(to) = to.filter(up).filter(|to| address(*to) == to_address) else {
            return self.plan(known, n, Event::DialFailed(to_address));
        };
        let (here, there) = self.links.open(n, to);
        self.peers[n].ends.insert(here);
        self.peers[to].ends.insert(there);
        self.plan(reached, to, Event::Connected(there, own_address(n), Direction::Inbound));
        self.plan(known, n, Event::Connected(here, to_address, Direction::Outbound));
    }

    fn close(&mut self, n: usize, conn: ConnId, why: Disconnect) -> Result<(), Violation> {
        let other = self.links.node(Links::other(conn));
        let both = [n, other].iter().all(|n| self.peers[*n].conduct.is_honest());
        if both && why.is_offence() {
            return Err(self.violation(n, Broken::Blamed { other, why }));
        }
        self.links.close(conn);
        self.peers[n].ends.remove(&conn);
        self.tell_closed(conn);
        Ok(())
    }

    /// The other end of a connection that was let go of hears of it, after what was said before.
    pub(super) fn tell_closed(&mut self, conn: ConnId) {
        let there = Links::other(conn);
        if self.links.hears(there) {
            let trip = self.line.trip(&mut self.dice);
            let at = self.links.in_order(there, self.now.saturating_add(trip));
            self.plan(at, self.links.node(there), Event::Closed(there));
        }
    }
}

/// What a parcel is to the node that it comes to: what its edge would make of it, the check being known.
fn received(conn: ConnId, parcel: Rc<Parcel>) -> Input {
    let checked = parcel.checked.clone();
    let message = match Rc::try_unwrap(parcel) {
        Ok(parcel) => parcel.message,
        Err(shared) => shared.message.clone(),
    };
    match checked {
        Some(checked) => Input::received_with(conn, message, |_| checked),
        None => Input::Message(conn, message),
    }
}
