//! Who misbehaved: the hosts that are neither let in nor dialled for a day.
//!
//! Remembered is what only a broken or hostile program does once it is known to speak our protocol
//! ([`Disconnect::is_remembered`]): noise before a handshake may be anybody's at the same address, and a
//! peer that is too eager may be a poor one. Never remembered are loopback addresses, which all nodes of
//! a machine share, and the hosts of manual peers, which their operator vouches for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::commands::Caller;
use super::connections::Connection;
use super::io::{Answer, Event};
use super::view::Ban;
use super::*;
use crate::limits::{BAN_TIME, MAX_BANS};
use crate::peer::Disconnect;
use crate::time::UnixTime;
use crate::types::{Group, address};

/// Hosts, and until when and why each is kept out.
#[derive(Debug, Default)]
pub(super) struct Bans(BTreeMap<IpAddr, (UnixTime, String)>);

impl Bans {
    fn has(&self, ip: IpAddr, wall: UnixTime) -> bool {
        self.0.get(&address::host(ip)).is_some_and(|(until, _)| *until > wall)
    }

    /// Of too many, the one that would be forgiven first is.
    fn put(&mut self, Ban { host, until, why }: Ban, wall: UnixTime) {
        self.0.retain(|_, (until, _)| *until > wall);
        if until > wall {
            self.0.insert(address::host(host), (until, why));
        }
        while self.0.len() > MAX_BANS {
            let first = self.0.iter().min_by_key(|(_, (until, _))| *until).map(|(host, _)| *host);
            first.and_then(|host| self.0.remove(&host));
        }
    }

    /// Lets the host of `ip` in again; whether it was kept out.
    pub(super) fn forgive(&mut self, ip: IpAddr) -> bool {
        self.0.remove(&address::host(ip)).is_some()
    }

    /// Those that are still kept out.
    pub(super) fn list(&self, wall: UnixTime) -> Vec<Ban> {
        let kept = self.0.iter().filter(|(_, (until, _))| *until > wall);
        kept.map(|(host, (until, why))| Ban { host: *host, until: *until, why: why.clone() }).collect()
    }
}

impl Node {
    /// What an earlier run remembered. A clock that was set back makes nobody's day longer.
    pub(super) fn remember_bans(&mut self, bans: Vec<Ban>) {
        let latest = self.now.wall.plus(BAN_TIME);
        for ban in bans {
            self.bans.put(Ban { until: ban.until.min(latest), ..ban }, self.now.wall);
        }
    }

    pub(super) fn is_banned(&self, ip: IpAddr) -> bool {
        self.bans.has(ip, self.now.wall)
    }

    /// A connection is gone; its host is remembered if it gave cause.
    pub(super) fn punish(&mut self, connection: &Connection, why: &Disconnect) {
        let ip = connection.address.ip();
        let is_spared = Group::of(ip) == Group::Loopback || self.addresses.is_manual_host(ip);
        if connection.remote().is_none() || !why.is_remembered() || is_spared {
            return;
        }
        self.addresses.book.forget_host(ip);
        let ban = Ban { host: address::host(ip), until: self.now.wall.plus(BAN_TIME), why: why.to_string() };
        self.bans.put(ban.clone(), self.now.wall);
        self.event(Event::HostBanned(ban));
    }

    /// Somebody vouches for a host.
    pub(super) fn forgive(&mut self, caller: Caller, ip: IpAddr) {
        let was_banned = self.is_banned(ip);
        self.bans.forgive(ip);
        self.reply(caller, if was_banned { Answer::Forgiven } else { Answer::NoSuchBan });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_forgets_in_time() {
        let mut bans = Bans::default();
        let at = UnixTime::from_secs;
        let host = |n: u32| IpAddr::from(n.to_be_bytes());
        let ban = |n: u32| Ban { host: host(n), until: at(1000 + u64::from(n)), why: "a lie".to_owned() };
        for n in 1..=MAX_BANS as u32 + 5 {
            bans.put(ban(n), at(0));
        }
        assert_eq!(bans.list(at(0)).len(), MAX_BANS);
        assert!(!bans.has(host(5), at(0)) && bans.has(host(6), at(0)), "the first to be forgiven go");
        assert!(!bans.has(host(6), at(1006)));
        bans.put(ban(9000), at(5000));
        assert_eq!(bans.list(at(5000)).len(), 1, "what is over is dropped");
        assert!(bans.forgive(host(9000)) && !bans.forgive(host(9000)));
        assert!(bans.list(at(0)).is_empty());
    }
}
