//! What commands show: tables, the tree, numbers and times as people say them.
//!
//! Functions of the API's documents, so that tests need no network. Text that came from outside is made
//! harmless here: a content must not be able to forge a terminal.

mod block;
mod event;
mod nodes;
mod status;
mod style;
mod table;
mod tree;
mod values;

pub(super) use block::{block, chain};
pub(super) use event::event;
pub(super) use nodes::{links, nodes, processes};
pub(super) use status::{mined, mining, status, tip_of};
pub(super) use style::Style;
pub(super) use table::{Align, Cell, Table};
pub(super) use tree::{older, tree};
pub(super) use values::{ago, bytes, count, hashes, lines, safe, short, span, steers};
