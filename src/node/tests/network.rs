//! Networks of `crate::sim`, in which nothing may go wrong that a test does not do itself.

use core::ops::{Deref, DerefMut};
use core::time::Duration;
use std::sync::Arc;

use crate::node::view::View;
use crate::params::Params;
use crate::sim::{Conduct, Line, Network, Share};
use crate::types::{BlockHash, TxId};

/// A network in which all must go well: that no tip's work falls, and that no node blames another, is held
/// by [`Network`] itself.
pub struct Net(Network);

impl Deref for Net {
    type Target = Network;
    fn deref(&self) -> &Network {
        &self.0
    }
}

impl DerefMut for Net {
    fn deref_mut(&mut self) -> &mut Network {
        &mut self.0
    }
}

impl Net {
    pub fn new(count: usize, params: &Params, seed: u64) -> Net {
        println!("seed {seed}");
        let latency = "55ms±45ms".parse().expect("a latency");
        let line = Line { latency, bandwidth: None, loss: Share::default() };
        let mut net = Net(Network::new(&Arc::new(params.clone()), line, seed));
        for _ in 0..count {
            net.join();
        }
        net
    }

    /// One more node, which knows nobody.
    pub fn join(&mut self) -> usize {
        let n = self.add(Vec::new(), Conduct::Honest);
        self.start_in(n, Duration::ZERO);
        self.pass(Duration::ZERO);
        n
    }

    pub fn link(&mut self, a: usize, b: usize) {
        self.dial(a, b).expect("nothing amiss");
    }

    pub fn mesh(&mut self) {
        for a in 0..self.len() {
            for b in a + 1..self.len() {
                self.link(a, b);
            }
        }
    }

    pub fn pass(&mut self, time: Duration) {
        self.run(time).expect("nothing amiss");
    }

    pub fn find(&mut self, n: usize) -> BlockHash {
        self.mine(n, Vec::new()).expect("nothing amiss").expect("a node that runs")
    }

    /// A text into the pool of node `n`.
    pub fn post(&mut self, n: usize, text: &str) -> TxId {
        let text = text.as_bytes().to_vec().try_into().expect("a short text");
        self.submit(n, text).expect("nothing amiss").expect("a node that takes it")
    }

    /// Node `n` is killed, and starts with what it had stored.
    pub fn restart(&mut self, n: usize) {
        self.stop(n);
        self.start_in(n, Duration::ZERO);
        self.pass(Duration::ZERO);
    }

    pub fn look(&self, n: usize) -> View<'_> {
        self.view(n).expect("a node that runs")
    }

    pub fn tips(&self) -> Vec<BlockHash> {
        (0..self.len()).map(|n| self.tip(n).hash).collect()
    }

    pub fn agree(&self) -> bool {
        self.tips().windows(2).all(|pair| pair[0] == pair[1])
    }

    pub fn peers(&self, n: usize) -> usize {
        self.look(n).peers().len()
    }
}
