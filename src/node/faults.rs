//! Faults that a manager made: links that are cut, slow, or lose what is sent.

use std::collections::BTreeMap;

use super::commands::Caller;
use super::io::{Answer, Event};
use super::*;
use crate::wire::manage::Fault;

/// The faults of this node's links, by the node at the other end.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<NodeId, Fault>);

impl Faults {
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
                self.faults = faults;
                let (cut, slow) = self.faults.counts();
                self.event(Event::FaultsSet { cut, slow });
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
}
