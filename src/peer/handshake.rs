//! Hello against Hello: may these two talk?

use crate::encoding::Text;
use crate::params::NetworkId;
use crate::peer::Disconnect;
use crate::time::UnixTime;
use crate::types::{NodeId, Work};
use crate::wire::message::{Hello, Role, VERSIONS};

/// Name and version of this program, as other nodes are told.
pub const AGENT: &str = concat!("p2pnode/", env!("CARGO_PKG_VERSION"));

/// Who we are, on every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Our network.
    pub network: NetworkId,
    /// Our name.
    pub node: NodeId,
    /// Whether we take part in the chain or manage nodes.
    pub role: Role,
    /// Where we take connections; 0: nowhere.
    pub listen_port: u16,
}

impl Identity {
    /// What we say first.
    pub fn hello(&self, challenge: [u8; 32], best: (Work, u64), now: UnixTime) -> Hello {
        Hello {
            min_version: VERSIONS.0,
            max_version: VERSIONS.1,
            network: self.network,
            node: self.node,
            role: self.role,
            listen_port: self.listen_port,
            challenge,
            agent: Text::clipped(AGENT),
            best_work: best.0.to_le_bytes(),
            best_height: best.1,
            time: now.millis(),
        }
    }

    /// The version to speak with whoever said `theirs`, or why there is nothing to say.
    pub fn meet(&self, theirs: &Hello) -> Result<u16, Disconnect> {
        if theirs.network == NetworkId::NONE {
            return Err(Disconnect::AsksNetwork);
        }
        if theirs.network != self.network {
            return Err(Disconnect::WrongNetwork);
        }
        if theirs.node == self.node {
            return Err(Disconnect::SelfConnection);
        }
        let (min, max) = (theirs.min_version, theirs.max_version);
        let version = max.min(VERSIONS.1);
        if version < VERSIONS.0 || version < min {
            return Err(Disconnect::BadVersion { ours: VERSIONS, min, max });
        }
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(node: u8) -> Identity {
        Identity {
            network: NetworkId([1; 32]),
            node: NodeId([node; 16]),
            role: Role::Node,
            listen_port: 6000,
        }
    }

    fn hello(node: u8) -> Hello {
        identity(node).hello([0; 32], (Work::ZERO, 0), UnixTime::default())
    }

    /// Rows 16 and 17 of docs/hostile.md.
    #[test]
    fn nodes_meet_or_say_why_not() {
        let ours = identity(1);
        let versions = |min_version, max_version| Hello { min_version, max_version, ..hello(2) };
        let bad = |min, max| Err(Disconnect::BadVersion { ours: VERSIONS, min, max });
        let rows = [
            (hello(2), Ok(1)),
            (hello(1), Err(Disconnect::SelfConnection)),
            (Hello { network: NetworkId([9; 32]), ..hello(2) }, Err(Disconnect::WrongNetwork)),
            (Hello { network: NetworkId::NONE, ..hello(2) }, Err(Disconnect::AsksNetwork)),
            (versions(1, 9), Ok(1)),
            (versions(0, 0), bad(0, 0)),
            (versions(2, 9), bad(2, 9)),
            (versions(9, 1), bad(9, 1)),
        ];
        for (theirs, outcome) in rows {
            assert_eq!(ours.meet(&theirs), outcome, "{theirs:?}");
        }
    }
}
