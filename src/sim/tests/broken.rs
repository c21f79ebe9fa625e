//! What must hold is looked at by something that can find it broken.

use std::sync::Arc;

use super::*;
use crate::chain::Chain;
use crate::chain::testing::{block_of, checked, coinbase};
use crate::limits::MAX_KNOWN_NODES;
use crate::node::view::Usage;
use crate::params::Params;
use crate::sim::invariants::over_cap;
use crate::sim::{Broken, Conduct, Network};
use crate::types::Work;

/// Two nodes, linked, that both have one block.
fn two() -> Network {
    let mut net = Network::new(&Arc::new(Params::regtest()), settings(2, "mesh", 40).line, 40);
    for dials in [vec![1], vec![]] {
        let n = net.add(dials, Conduct::Honest);
        net.start_in(n, Duration::ZERO);
    }
    let pass = Duration::from_secs(5);
    net.run(pass).expect("nothing amiss");
    net.mine(0, Vec::new()).expect("nothing amiss").expect("it runs");
    net.run(pass).expect("nothing amiss");
    assert_eq!((net.check_agreement(), net.check_caps(), net.check_chains()), (Ok(()), Ok(()), Ok(())));
    net
}

#[test]
fn a_node_that_is_behind_is_named() {
    let mut net = two();
    net.cut(|n| n as u8);
    net.mine(1, Vec::new()).expect("nothing amiss");
    let behind = net.check_agreement().expect_err("one has a block more");
    assert_eq!(behind.node, 0);
    assert!(matches!(*behind.what, Broken::Behind { best: 1, .. }), "{behind}");
    let text = behind.to_string();
    assert!(text.starts_with("node 0, 10s after the beginning: its tip is at height 1"), "{text}");
}

#[test]
fn work_that_falls_is_seen_at_once() {
    let mut net = two();
    net.peers[1].tip.work = Work::from_le_bytes([0xff; 32]);
    let fell = net.mine(1, Vec::new()).expect_err("more work than that there is not");
    assert!(matches!(*fell.what, Broken::WorkFell { .. }), "{fell}");
}

#[test]
fn a_chain_that_a_fresh_one_refuses_is_found() {
    let mut net = two();
    let tip = net.view(1).expect("it runs").tip();
    let params = net.params.clone();
    let (_, header) = Chain::new(params.clone()).next_header();
    // The body that it has of that hash says another height than it stands at.
    net.blocks.forge(tip.hash, checked(block_of(header, vec![coinbase(7, "")]), &params));
    let invalid = net.check_chains().expect_err("a coinbase of another height");
    assert!(matches!(*invalid.what, Broken::Invalid { height: 1, .. }), "{invalid}");
}

#[test]
fn too_much_of_something_is_named() {
    let net = two();
    let usage = net.view(0).expect("it runs").usage();
    assert_eq!(over_cap(&usage), None);
    let full = Usage { known_nodes: MAX_KNOWN_NODES + 1, ..usage };
    assert_eq!(over_cap(&full), Some(("known nodes", MAX_KNOWN_NODES as u64 + 1, MAX_KNOWN_NODES as u64)));
}

#[test]
fn a_node_that_is_killed_goes_on_where_it_was() {
    let mut net = two();
    let tip = net.tip(1);
    net.stop(1);
    assert!(net.view(1).is_none());
    net.mine(0, Vec::new()).expect("nothing amiss");
    net.start_in(1, Duration::ZERO);
    net.run(Duration::ZERO).expect("nothing amiss");
    assert_eq!(net.view(1).map(|view| view.tip()), Some(tip));
    net.run(Duration::from_secs(60)).expect("nothing amiss");
    assert_eq!(net.check_agreement(), Ok(()));
    assert_eq!(net.tip(1).height, 2);
}
