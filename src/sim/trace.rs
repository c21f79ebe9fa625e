//! The hash over everything that happened: the same seed must give the same, on every machine.

use sha2::{Digest, Sha256};

use crate::node::io::{ConnId, Timer};
use crate::wire::Kind;

/// What happened, as one byte: messages by their kind, the rest from the top down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Message(Kind),
    Started,
    Stopped,
    Connected,
    DialFailed,
    Closed,
    Timer,
    Mined,
}

impl What {
    fn byte(self) -> u8 {
        match self {
            What::Message(kind) => kind as u8,
            What::Started => 0xff,
            What::Stopped => 0xfe,
            What::Connected => 0xfd,
            What::DialFailed => 0xfc,
            What::Closed => 0xfb,
            What::Timer => 0xfa,
            What::Mined => 0xf9,
        }
    }
}

/// SHA-256 over what was delivered: time in nanoseconds (u64), node (u32), kind (u8), and 32 bytes of what
/// it was; all little-endian.
#[derive(Debug, Default)]
pub(super) struct Trace {
    hash: Sha256,
    events: u64,
}

impl Trace {
    pub(super) fn add(&mut self, at: u64, node: usize, what: What, digest: &[u8; 32]) {
        let mut record = [0; 45];
        record[..8].copy_from_slice(&at.to_le_bytes());
        record[8..12].copy_from_slice(&(node as u32).to_le_bytes());
        record[12] = what.byte();
        record[13..].copy_from_slice(digest);
        self.hash.update(record);
        self.events += 1;
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// How many were added.
    pub(super) fn events(&self) -> u64 {
        self.events
    }
}

/// A number, where a digest is wanted.
pub(super) fn number(value: u64) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&value.to_le_bytes());
    digest
}

/// Which timer, where a digest is wanted.
pub(super) fn timer(timer: Timer) -> [u8; 32] {
    let of = |which: u8, ConnId(conn): ConnId| (which, conn);
    let (which, of_what) = match timer {
        Timer::Handshake(conn) => of(0, conn),
        Timer::Ping(conn) => of(1, conn),
        Timer::Contender(conn) => of(2, conn),
        Timer::Redial(address) => match address.ip() {
            std::net::IpAddr::V4(ip) => (3, u64::from(u32::from(ip))),
            std::net::IpAddr::V6(_) => (3, 0),
        },
        Timer::Headers => (4, 0),
        Timer::Blocks => (5, 0),
        Timer::Transactions => (6, 0),
        Timer::Future => (7, 0),
        Timer::Template => (8, 0),
        Timer::Outbound => (9, 0),
        Timer::Clock => (10, 0),
        Timer::Offset => (12, 0),
        Timer::Announce => (11, 0),
    };
    let mut digest = number(of_what);
    digest[8] = which;
    digest
}
