//! stub
pub mod chain;
pub mod cli;
pub mod encoding;
pub mod limits;
pub mod manager;
pub mod mempool;
pub mod miner;
pub mod net;
pub mod node;
pub mod params;
pub mod peer;
pub mod rest;
pub mod store;
pub mod time;
pub mod types;
pub mod wire;
