//! stub
pub mod encoding;
pub mod limits;
pub mod mempool;
pub mod params;
pub mod peer;
pub mod time;
pub mod types;
pub mod wire;
