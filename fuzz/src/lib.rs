//! What is fuzzed: plain functions of bytes, which panic when something is not as it should be.
//!
//! The binaries in `fuzz_targets/` let libFuzzer call them; `tests/fuzz.rs` of the project reads this file
//! by its path and calls them with the kept corpus and with random bytes, on any machine with Rust.
//!
//! | target | the bytes are | it holds that |
//! |---|---|---|
//! | `frames` | a stream, and where it is cut | cuts change nothing, memory follows what arrived |
//! | `messages` | a kind and a body | what decodes is what we would have written |
//! | `handshake` | callers and what they say | nothing is said to who has not said hello; the waiting room is small |
//! | `node` | everything that may happen to a node | all caps hold, the tip's work never falls, who is closed is left alone |
//! | `chain` | a tree of blocks and their order | the chain says what a naive model of it says |
//! | `chain_file` | a file | it is refused, or the same when written again |

pub mod chain;
pub mod chain_file;
mod edge;
pub mod frames;
pub mod handshake;
mod memory;
pub mod messages;
pub mod node;
mod pool;
mod script;

/// What is called with bytes.
pub type Target = fn(&[u8]);

/// Every target, by its name.
pub const TARGETS: [(&str, Target); 6] = [
    ("frames", frames::target),
    ("messages", messages::target),
    ("handshake", handshake::target),
    ("node", node::target),
    ("chain", chain::target),
    ("chain_file", chain_file::target),
];
