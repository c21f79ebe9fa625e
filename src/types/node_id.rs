//! The name a node gives itself: random, made once. It proves nothing; it tells nodes apart.

use core::fmt;
use core::str::FromStr;

use crate::encoding::{Decode, Encode};
use crate::types::hash::{parse_hex, write_hex};

/// 16 random bytes, shown as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct NodeId(pub [u8; 16]);

/// A text is not 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a node id is 32 hex digits")]
pub struct BadNodeId;

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.0.iter())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = BadNodeId;
    fn from_str(text: &str) -> Result<Self, BadNodeId> {
        parse_hex(text).map(NodeId).ok_or(BadNodeId)
    }
}
