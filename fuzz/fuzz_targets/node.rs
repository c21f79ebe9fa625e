#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| p2pnode_fuzz::node::target(data));
