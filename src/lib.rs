//! stub
pub mod encoding;
pub mod limits;
pub mod miner;
pub mod params;
pub mod store;
pub mod time;
pub mod types;
