//! Faults that a manager made: links that are cut, slow, or lose what is sent.
//!
//! A cut is the core's business: it closes, it refuses, it does not dial, and when a cut is mended it dials at
//! once. What makes a link slow is the edge's, who is told of it per connection.

use std::collections::BTreeMap;

use super::commands::Caller;
use super::connections::Phase;
use super::io::{Answer, ConnId, Event, Output};
use super::*;
use crate::peer::{Disconnect, Line};
use crate::wire::manage::Fault;

/// The faults of this node's links, by the node at the other end.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<NodeId, Fault>);

impl Faults {
    pub(super) fn is_cut(&self, node: &NodeId) -> bool {
        self.0.get(node).is_some_and(|fault| fault.cut)
    }

    fn line(&self, node: &NodeId) -> Option<Line> {
        self.0.get(node).and_then(Line::of)
    }

    pub(super) fn cuts(&self) -> impl Iterator<Item = &NodeId> {
        self.0.values().filter(|fault| fault.cut).map(|fault| &fault.node)
    }

    /// Links that are cut, and links that are slow.
    pub(super) fn counts(&self) -> (usize, usize) {
        let count = |is: fn(&Fault) -> bool| self.0.values().filter(|fault| is(fault)).count();
        (count(|fault| fault.cut), count(|fault| !fault.cut && fault.is_slow()))
    }
}

impl Node {
    /// These are the faults from now on, if all of them can be.
    pub(super) fn set_faults(&mut self, caller: Caller, faults: &[Fault]) {
        match self.checked_faults(faults) {
            Err(why) => self.reply(caller, Answer::BadFaults(why)),
            Ok(faults) => {
                let before = core::mem::replace(&mut self.faults, faults);
                let (cut, slow) = self.faults.counts();
                self.event(Event::FaultsSet { cut, slow });
                self.shape_all();
                self.close_cut();
                let mended: Vec<NodeId> =
                    before.cuts().filter(|node| !self.faults.is_cut(node)).copied().collect();
                self.mend(&mended);
                self.reply(caller, Answer::FaultsSet);
            }
        }
    }

    fn checked_faults(&self, faults: &[Fault]) -> Result<Faults, String> {
        let mut checked = BTreeMap::new();
        for (at, fault) in faults.iter().enumerate() {
            let named = |why: &str| format!("fault {at}, of the link to node {}: {why}", fault.node);
            if fault.node == self.identity.node {
                return Err(named("that is this node itself"));
            }
            fault.check().map_err(|why| named(&why.to_string()))?;
            if checked.insert(fault.node, *fault).is_some() {
                return Err(named("it has a fault already"));
            }
        }
        Ok(Faults(checked))
    }

    /// Closes what is cut from now on, those who wait for a place first.
    fn close_cut(&mut self) {
        let cut = |(_, node): &(ConnId, NodeId)| self.faults.is_cut(node);
        let mut cut: Vec<(ConnId, NodeId)> = self.known_ends().into_iter().filter(cut).collect();
        cut.sort_by_key(|(conn, _)| self.connections.get(conn).is_some_and(|c| c.remote().is_some()));
        for (conn, _) in cut {
            self.close(conn, Disconnect::Cut);
        }
    }

    /// Connections whose other end has said who it is.
    fn known_ends(&self) -> Vec<(ConnId, NodeId)> {
        let node = |(conn, phase): (&ConnId, &Phase)| match phase {
            Phase::Ready(remote) => Some((*conn, remote.hello.node)),
            Phase::Contending(hello) => Some((*conn, hello.node)),
            Phase::Greeting | Phase::Manager(_) => None,
        };
        self.connections.iter().filter_map(|(conn, c)| node((conn, &c.phase))).collect()
    }

    fn shape_all(&mut self) {
        for (conn, node) in self.known_ends() {
            self.shape(conn, &node);
        }
    }

    /// It is `node`, or is thought to be, at the other end of `conn`: what is sent there is as late as it is
    /// to be.
    pub(super) fn shape(&mut self, conn: ConnId, node: &NodeId) {
        let line = self.faults.line(node);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if core::mem::replace(&mut connection.line, line) != line {
            self.out.push(Output::Line(conn, line));
        }
    }

    /// Links to these nodes are cut no longer: whom we are to dial we dial now.
    fn mend(&mut self, nodes: &[NodeId]) {
        if nodes.is_empty() {
            return;
        }
        for node in nodes {
            self.addresses.book.no_pause(node, self.now.elapsed);
            self.redial_now(node);
        }
        self.fill_outbound();
    }
}
