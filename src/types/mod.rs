//! Pure values: what blocks are made of, and the arithmetic of proof of work.
//!
//! Lives here: types that need nothing but their own bytes. Not here: rules that compare a block with its
//! ancestors (`chain`), or with a network's settings (`params`).

pub mod address;
pub mod block;
pub mod hash;
pub mod header;
pub mod lookup;
pub mod merkle;
pub mod node_id;
mod sha256;
pub mod short_id;
pub mod target;
pub mod template;
pub mod transaction;

pub use address::{Group, Unreachable};
pub use block::Block;
pub use hash::{BlockHash, MerkleRoot, TxId};
pub use header::Header;
pub use lookup::{Lookup, Places};
pub use node_id::NodeId;
pub use short_id::{ShortId, ShortIds};
pub use target::{CompactTarget, Target, Work};
pub use template::Template;
pub use transaction::{Coinbase, Content, Transaction};
