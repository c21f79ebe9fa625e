//! stub
pub mod encoding;
pub mod limits;
pub mod time;
pub mod types;
