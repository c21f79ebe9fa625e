//! stub
pub mod encoding;
pub mod limits;
pub mod miner;
pub mod params;
pub mod time;
pub mod types;
