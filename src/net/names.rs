//! Peers that are named by their host: which addresses the name stands for is looked up, and again for as long as the
//! node is connected to none of them, because a host that comes back may be somewhere else.
//!
//! The core knows addresses only: it is told which are new, and which the name stands for no more.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::lookup_host;
use tokio::time::{MissedTickBehavior, interval};

use crate::limits::NAME_PERIOD;
use crate::net::handle::Handle;
use crate::node::io::{Command, Place};
use crate::types::address;

/// Names, as host:port, and which addresses each stands for.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Addresses that somebody named as such: those stay, whatever becomes of a name.
    given: Arc<BTreeSet<SocketAddr>>,
    found: Arc<Mutex<BTreeMap<String, Found>>>,
}

/// What a name stands for.
#[derive(Debug, Default)]
struct Found {
    addresses: BTreeSet<SocketAddr>,
    /// Whether it stood for none when it was last looked up, which was said.
    is_unknown: bool,
}

impl Names {
    /// These names; `given` are addresses to stay connected to in any case.
    pub fn new(names: impl IntoIterator<Item = String>, given: &[SocketAddr]) -> Names {
        let found = names.into_iter().map(|name| (name, Found::default())).collect();
        Names { given: Arc::new(given.iter().copied().collect()), found: Arc::new(Mutex::new(found)) }
    }

    fn found(&self) -> MutexGuard<'_, BTreeMap<String, Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one of them stands for `address`, which nobody named as such: then it is looked up at the next start.
    pub(super) fn stand_for(&self, address: &SocketAddr) -> bool {
        !self.given.contains(address) && self.found().values().any(|found| found.addresses.contains(address))
    }

    /// Those of whose addresses none is among `connected`.
    fn missing(&self, connected: &[SocketAddr]) -> Vec<String> {
        let is_missing = |found: &Found| !connected.iter().any(|at| found.addresses.contains(at));
        self.found().iter().filter(|(_, found)| is_missing(found)).map(|(name, _)| name.clone()).collect()
    }

    /// `name` was looked up: what the core is to be told.
    fn take(&self, name: &str, looked_up: io::Result<Vec<SocketAddr>>) -> Vec<Command> {
        let reachable = |found: Vec<SocketAddr>| -> BTreeSet<SocketAddr> {
            found.into_iter().filter_map(|at| address::reachable(at).ok()).collect()
        };
        let none = || io::Error::other("it has no address that a node can be reached at");
        let looked_up = looked_up.map(reachable);
        let now = looked_up.and_then(|found| if found.is_empty() { Err(none()) } else { Ok(found) });
        let mut all = self.found();
        let Some(found) = all.get_mut(name) else { return Vec::new() };
        let now = match now {
            Ok(now) => now,
            Err(error) => {
                if !core::mem::replace(&mut found.is_unknown, true) {
                    tracing::warn!(peer = name, %error, "a peer's name cannot be looked up: trying again");
                }
                return Vec::new();
            }
        };
        found.is_unknown = false;
        let before = core::mem::replace(&mut found.addresses, now.clone());
        let is_wanted = |at: &&SocketAddr| {
            self.given.contains(at) || all.values().any(|found| found.addresses.contains(at))
        };
        let gone =
            before.iter().filter(|at| !is_wanted(at)).map(|at| Command::Disconnect(Place::Address(*at)));
        let new = now.difference(&before).map(|at| Command::Connect(*at));
        // First what makes room.
        gone.chain(new).collect()
    }
}

/// Looks names up for as long as the node runs.
pub async fn follow(names: Names, handle: Handle) {
    follow_by(names, handle, NAME_PERIOD, |name| async move { Ok(lookup_host(name).await?.collect()) }).await;
}

/// The same by way of `look_up`.
pub(super) async fn follow_by<F>(
    names: Names,
    handle: Handle,
    period: Duration,
    look_up: impl Fn(String) -> F,
) where
    F: Future<Output = io::Result<Vec<SocketAddr>>>,
{
    let mut looking = interval(period);
    looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looking.tick().await;
        let peers = handle.view(|view| view.peers().iter().map(|peer| peer.address).collect::<Vec<_>>());
        let Ok(connected) = peers.await else { return };
        // One after the other: a name server that does not answer holds up nobody else.
        for name in names.missing(&connected) {
            let found = look_up(name.clone()).await;
            for command in names.take(&name, found) {
                if handle.command(command).await.is_err() {
                    return;
                }
            }
        }
    }
}
