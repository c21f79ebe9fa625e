//! One connection, as a pure value.
pub mod disconnect;
pub use disconnect::Disconnect;
