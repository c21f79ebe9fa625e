//! What is said of a block, and to whom: the choices that the simulator's figures decide (ADR 8).
//!
//! A block goes whole, in short, or by its header alone. The more bytes, the fewer round trips: whole, it is
//! at the next node after half of one; in short as well, if its transactions are there already; by its
//! header after one and a half.

use crate::limits::{FLOOD_BYTES, PUSH_BYTES, PUSH_FAN_OUT};

/// What is said of a block, and to whom. What ships is the default; the others are there to be measured
/// against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayPolicy {
    /// Whether blocks most of whose contents peers hold, and those that are not pushed, are told in short; else
    /// the former are as all others, and the latter are told by their headers.
    pub compact: bool,
    /// Largest block that is pushed whole to every peer, in bytes.
    pub flood_bytes: usize,
    /// Largest block that is pushed whole to some peers, while the others hear of its header, in bytes.
    pub push_bytes: usize,
    /// How many peers that is; they are chosen anew for each block.
    pub fan_out: usize,
}

/// What is said of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// All of it, to everybody.
    Flood,
    /// All of it to some, its header to the others.
    Push,
    /// Header, coinbase, and six bytes a transaction, to everybody.
    Compact,
    /// Its header, to everybody.
    Announce,
}

impl Default for RelayPolicy {
    fn default() -> Self {
        RelayPolicy { compact: true, flood_bytes: FLOOD_BYTES, push_bytes: PUSH_BYTES, fan_out: PUSH_FAN_OUT }
    }
}

impl RelayPolicy {
    /// Everybody hears of headers, and asks.
    pub const ANNOUNCE: RelayPolicy =
        RelayPolicy { compact: false, flood_bytes: 0, push_bytes: 0, fan_out: 0 };
    /// Every block goes whole to everybody.
    pub const FLOOD: RelayPolicy = RelayPolicy { flood_bytes: usize::MAX, ..RelayPolicy::ANNOUNCE };
    /// Whatever has contents goes in short, whether anybody knows them or not.
    pub const COMPACT: RelayPolicy = RelayPolicy { compact: true, ..RelayPolicy::ANNOUNCE };

    /// Every block goes whole to so many.
    pub const fn push(fan_out: usize) -> RelayPolicy {
        RelayPolicy { push_bytes: usize::MAX, fan_out, ..RelayPolicy::ANNOUNCE }
    }

    /// What is said of a block of so many bytes, of which contents take so many, of which peers lack so many.
    pub(super) fn form(&self, bytes: usize, contents: usize, lacked: usize) -> Form {
        match self {
            // A coinbase alone is no shorter in short.
            RelayPolicy { compact: true, .. } if contents == 0 => Form::Flood,
            RelayPolicy { compact: true, .. } if lacked == 0 => Form::Compact,
            _ if bytes <= self.flood_bytes => Form::Flood,
            RelayPolicy { compact: true, .. } if lacked <= contents / 2 => Form::Compact,
            _ if bytes <= self.push_bytes => Form::Push,
            RelayPolicy { compact: true, .. } => Form::Compact,
            _ => Form::Announce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_block() {
        use Form::{Announce, Compact, Flood, Push};
        let shipped = RelayPolicy::default();
        // (policy; a coinbase alone; small, all of it held, and most; larger, half held, and less; large)
        let rows = [
            (shipped, [Flood, Compact, Flood, Compact, Push, Compact]),
            (RelayPolicy { compact: false, ..shipped }, [Flood, Flood, Flood, Push, Push, Announce]),
            (RelayPolicy::FLOOD, [Flood; 6]),
            (RelayPolicy::ANNOUNCE, [Announce; 6]),
            (RelayPolicy::COMPACT, [Flood, Compact, Compact, Compact, Compact, Compact]),
            (RelayPolicy::push(4), [Push; 6]),
        ];
        for (policy, expected) in rows {
            let said = [
                policy.form(200, 0, 0),
                policy.form(FLOOD_BYTES, 1000, 0),
                policy.form(FLOOD_BYTES, 1000, 1),
                policy.form(PUSH_BYTES, 1000, 500),
                policy.form(PUSH_BYTES, 1000, 501),
                policy.form(PUSH_BYTES + 1, 1000, 1000),
            ];
            assert_eq!(said, expected, "{policy:?}");
        }
    }
}
