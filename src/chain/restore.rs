//! A chain taken up again from what was stored: headers in the order in which their bodies arrived.
//!
//! Every header is held against the rules again, which is cheap; bodies were checked before they were
//! stored, and are held against their headers whenever they are read. A body may have arrived before its
//! parent's, so children wait for their parents here. A block whose parent never came is dropped: its
//! parent's body was still on its way when the node ended, and both will be asked for again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::{Chain, HeaderOutcome, Rule};
use crate::params::Params;
use crate::time::UnixTime;
use crate::types::{BlockHash, Header};

/// What was taken up again.
#[derive(Debug)]
pub struct Restored {
    /// The chain, its tip the one that was stored.
    pub chain: Chain,
    /// Stored blocks that are not in it, to be dropped.
    pub orphans: Vec<BlockHash>,
}

/// What was stored is no chain: something changed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRestored {
    /// A header breaks a rule, and did not when it was stored.
    #[error("the stored block {hash} breaks the rule {}: {rule}", rule.name())]
    Invalid {
        /// Its hash.
        hash: BlockHash,
        /// The rule.
        rule: Rule,
    },
    /// The stored tip does not hang together with genesis, or a stored branch has more work.
    #[error("the stored chain has a gap: its tip {0} cannot be reached from the first block")]
    NoTip(BlockHash),
}

impl Chain {
    /// The chain of these `headers`, genesis left out, whose bodies are all stored, and of this `tip`.
    pub fn restore(params: Arc<Params>, headers: &[Header], tip: BlockHash) -> Result<Restored, NotRestored> {
        let mut chain = Chain::new(params);
        let mut orphans: BTreeMap<BlockHash, Vec<&Header>> = BTreeMap::new();
        for header in headers {
            match chain.restore_header(header)? {
                None => orphans.entry(header.previous).or_default().push(header),
                Some(hash) => {
                    let mut parents = vec![hash];
                    while let Some(parent) = parents.pop() {
                        for child in orphans.remove(&parent).unwrap_or_default() {
                            parents.extend(chain.restore_header(child)?);
                        }
                    }
                }
            }
        }
        chain.tree.prune();
        let lost = NotRestored::NoTip(tip);
        let index = chain.tree.index(&tip).ok_or(lost.clone())?;
        if !chain.tree.prefer(index) {
            return Err(lost);
        }
        let orphans = orphans.into_values().flatten().map(Header::hash).collect();
        Ok(Restored { chain, orphans })
    }

    /// Puts a stored block's header in, with its body; none if its parent is not there.
    fn restore_header(&mut self, header: &Header) -> Result<Option<BlockHash>, NotRestored> {
        let hash = header.hash();
        // No clock says that it is from the future: it was not when it came.
        match self.header_outcome(header, hash, UnixTime::LAST) {
            HeaderOutcome::New => {
                if let Some(index) = self.tree.insert(header, hash) {
                    self.tree.add_body(index);
                }
                Ok(Some(hash))
            }
            HeaderOutcome::Known => Ok(Some(hash)),
            HeaderOutcome::MissingParent | HeaderOutcome::TooEarly { .. } => Ok(None),
            HeaderOutcome::Invalid(rule) => Err(NotRestored::Invalid { hash, rule }),
        }
    }
}
