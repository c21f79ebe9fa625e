//! The block lies: one variant for each rule of consensus.

/// A rule that a block or header broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// Returned when the hash does not meet the target that the header itself names.
    #[error("the hash does not meet the target")]
    BadPow,
    /// Returned when the bits are no target, are easier than the network's limit, or are not those that
    /// are due at this height.
    #[error("the bits are not those that are due")]
    BadBits,
    /// Returned when the time is before the median of the eleven ancestors (or equals it, where the
    /// difficulty moves).
    #[error("the time is before the earliest allowed")]
    TimeTooOld,
    /// Returned by whole chains only, for a time too far ahead: a single block is kept for later.
    #[error("the time is too far ahead")]
    TimeTooNew,
    /// Returned for a first block that is not this network's.
    #[error("the first block is not this network's")]
    GenesisMismatch,
    /// Returned when the header commits to other transactions.
    #[error("the Merkle root is not that of the transactions")]
    BadMerkleRoot,
    /// Returned when the end of the transactions is repeated, which leaves the Merkle root as it was
    /// (CVE-2012-2459).
    #[error("transactions are repeated under the same Merkle root")]
    MutatedMerkle,
    /// Returned when the encoded block is over its limit.
    #[error("the block is too large")]
    BlockTooLarge,
    /// Returned when the first transaction is no coinbase.
    #[error("the first transaction is no coinbase")]
    NoCoinbase,
    /// Returned when another transaction is a coinbase.
    #[error("there is more than one coinbase")]
    ExtraCoinbase,
    /// Returned when an id occurs twice.
    #[error("a transaction occurs twice")]
    DuplicateTransaction,
    /// Returned when the coinbase names another height than the block has.
    #[error("the coinbase does not name the block's height")]
    BadHeight,
    /// Returned for a block that was refused before.
    #[error("the block was refused before")]
    KnownInvalid,
    /// Returned when an ancestor was refused.
    #[error("an ancestor was refused")]
    InvalidParent,
    /// Returned by whole chains only, when a block is not the child of the one before.
    #[error("the block is not the child of the one before it")]
    Unlinked,
}

impl Rule {
    /// The rule's name, for programs: the variant's.
    pub fn name(self) -> &'static str {
        match self {
            Rule::BadPow => "BadPow",
            Rule::BadBits => "BadBits",
            Rule::TimeTooOld => "TimeTooOld",
            Rule::TimeTooNew => "TimeTooNew",
            Rule::GenesisMismatch => "GenesisMismatch",
            Rule::BadMerkleRoot => "BadMerkleRoot",
            Rule::MutatedMerkle => "MutatedMerkle",
            Rule::BlockTooLarge => "BlockTooLarge",
            Rule::NoCoinbase => "NoCoinbase",
            Rule::ExtraCoinbase => "ExtraCoinbase",
            Rule::DuplicateTransaction => "DuplicateTransaction",
            Rule::BadHeight => "BadHeight",
            Rule::KnownInvalid => "KnownInvalid",
            Rule::InvalidParent => "InvalidParent",
            Rule::Unlinked => "Unlinked",
        }
    }

    /// Whether it speaks of a body that the header does not commit to: another body may be good, and the
    /// header must not be held responsible.
    pub fn is_body_only(self) -> bool {
        matches!(self, Rule::BadMerkleRoot | Rule::MutatedMerkle)
    }
}
