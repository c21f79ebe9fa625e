//! The networks and their consensus rules.
//!
//! A network is its name, its rules and its first block; the hash over them is its id, and nodes of
//! different networks refuse each other. Rules are plain values that fit a message, so that a node which
//! knocks at the wrong network can be told the right one.
//!
//! Lives here: what a network's rules are. Not here: holding a block against them (`chain`).

use core::fmt;

use sha2::{Digest, Sha256};

use crate::encoding::{self, Decode, Encode, List, Text};
use crate::limits::{
    MAX_BLOCK_TIME_SECS, MAX_DIFFICULTY, MAX_FUTURE_SECS, MAX_NETWORK_NAME_BYTES, MIN_FUTURE_SECS,
};
use crate::types::hash::write_hex;
use crate::types::{
    Block, BlockHash, Coinbase, CompactTarget, Header, MerkleRoot, NodeId, Target, Transaction, merkle,
};

/// Leading zero bits of the lab's hashes: the original's five hex zeros.
pub const LAB_DIFFICULTY: u32 = 20;
/// What a lab network with a block time may fall to, in leading zero bits, if it starts higher.
pub const LAB_FLOOR: u32 = 8;
/// Blocks between retargets on a lab network with a block time.
pub const LAB_INTERVAL: u32 = 20;
/// Every computed genesis has this time: 2009-01-03T18:15:05Z, Bitcoin's.
pub const GENESIS_TIME: u32 = 1_231_006_505;

/// Name of the default network.
pub const LAB: &str = "lab";
/// Name of the network of tests and benches, where every second hash is a block.
pub const REGTEST: &str = "regtest";
/// Name of Bitcoin's main network, whose header rules are here to be held against its headers.
pub const MAINNET: &str = "mainnet";

/// SHA-256 over name, rules and genesis: two nodes talk only if they agree on it. Shown as plain hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct NetworkId(pub [u8; 32]);

impl NetworkId {
    /// No network's: who says it asks which one somebody is of.
    pub const NONE: NetworkId = NetworkId([0; 32]);
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.0.iter())
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkId({self})")
    }
}

/// What makes one network differ from another, as it is said in a message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Rules {
    /// `lab`, `regtest` or `mainnet`.
    pub name: Text<MAX_NETWORK_NAME_BYTES>,
    /// Target of the first blocks.
    pub start: CompactTarget,
    /// The easiest target there may be.
    pub limit: CompactTarget,
    /// How difficulty moves; none: it stays.
    pub retarget: Option<Retarget>,
}

/// How difficulty follows hash power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Retarget {
    /// Blocks between changes.
    pub interval: u32,
    /// Wanted time between blocks, in seconds.
    pub spacing: u32,
    /// Which blocks' times are compared.
    pub window: Window,
}

impl Retarget {
    /// Wanted time of one interval, in seconds.
    pub fn timespan(&self) -> u64 {
        u64::from(self.interval) * u64::from(self.spacing)
    }
}

/// How a retarget window is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Window {
    /// From the last block of the window before to the last of this one: as many gaps as the interval.
    /// The first window starts at block 1, because genesis is old: blocks 1 to 21, then 22, 42, …
    WholeGaps,
    /// From the first block of the window to its last: one gap fewer, as Bitcoin has done since 2009.
    OffByOne,
}

/// Why no network has these rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRules {
    /// Zero, or more than anyone can mine.
    #[error("the difficulty must be 1 to {MAX_DIFFICULTY} leading zero bits, not {0}")]
    Difficulty(u32),
    /// Zero, or longer than a day.
    #[error("the block time must be 1 to {MAX_BLOCK_TIME_SECS} seconds, not {0}")]
    BlockTime(u32),
    /// Rules that somebody sent do not describe a network that this program knows how to run.
    #[error("no network that this version knows has these rules")]
    Unknown,
}

/// A network: its rules and what follows from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    rules: Rules,
    genesis: Block,
    genesis_hash: BlockHash,
    network: NetworkId,
    limit: Target,
}

impl Params {
    /// The lab network: `difficulty` leading zero bits at the start, fixed unless it has a block time (in
    /// seconds).
    pub fn lab(difficulty: u32, block_time: Option<u32>) -> Result<Params, BadRules> {
        if difficulty == 0 || difficulty > MAX_DIFFICULTY {
            return Err(BadRules::Difficulty(difficulty));
        }
        if let Some(secs) = block_time
            && (secs == 0 || secs > MAX_BLOCK_TIME_SECS)
        {
            return Err(BadRules::BlockTime(secs));
        }
        let start = Target::from_leading_zeros(difficulty).to_compact();
        let limit = match block_time {
            Some(_) => Target::from_leading_zeros(difficulty.min(LAB_FLOOR)).to_compact(),
            None => start,
        };
        let retarget =
            block_time.map(|spacing| Retarget { interval: LAB_INTERVAL, spacing, window: Window::WholeGaps });
        Ok(Params::computed(Rules { name: Text::clipped(LAB), start, limit, retarget }))
    }

    /// Leading zero bits of its first blocks' hashes, where these are rules of the lab.
    pub fn difficulty(&self) -> Option<u32> {
        let is_start = |zeros: &u32| Target::from_leading_zeros(*zeros).to_compact() == self.rules.start;
        (self.rules.name == Text::clipped(LAB)).then(|| (1..=MAX_DIFFICULTY).find(is_start)).flatten()
    }

    /// The network of tests: fixed, and every second hash is a block.
    pub fn regtest() -> Params {
        let easiest = Target::from_leading_zeros(1).to_compact();
        Params::computed(Rules {
            name: Text::clipped(REGTEST),
            start: easiest,
            limit: easiest,
            retarget: None,
        })
    }

    /// Bitcoin's main network: its header rules only. Its blocks are not of this project's format.
    pub fn mainnet() -> Params {
        let limit = CompactTarget(0x1d00_ffff);
        let rules = Rules {
            name: Text::clipped(MAINNET),
            start: limit,
            limit,
            retarget: Some(Retarget { interval: 2016, spacing: 600, window: Window::OffByOne }),
        };
        let mut root = [
            0x4a, 0x5e, 0x1e, 0x4b, 0xaa, 0xb8, 0x9f, 0x3a, 0x32, 0x51, 0x8a, 0x88, 0xc3, 0x1b, 0xc8, 0x7f,
            0x61, 0x8f, 0x76, 0x67, 0x3e, 0x2c, 0xc7, 0x7a, 0xb2, 0x12, 0x7b, 0x7a, 0xfd, 0xed, 0xa3, 0x3b,
        ];
        root.reverse();
        let header = Header {
            version: 1,
            previous: BlockHash::ZERO,
            merkle_root: MerkleRoot(root),
            time: GENESIS_TIME,
            bits: limit,
            nonce: 2_083_236_893,
        };
        Params::with_genesis(rules, Block { header, transactions: List::default() })
    }

    /// The network that `rules`, as somebody sent them, describe.
    pub fn from_rules(rules: &Rules) -> Result<Params, BadRules> {
        let block_time = rules.retarget.map(|retarget| retarget.spacing);
        Params::known(block_time).find(|params| params.rules == *rules).ok_or(BadRules::Unknown)
    }

    /// The network whose rules are displayed as `text`: how they stand in files that people read.
    pub fn from_text(text: &str) -> Result<Params, BadRules> {
        let block_time = text.split_once(" block-time=").map(|(_, secs)| secs.trim_end_matches('s'));
        let block_time = block_time.map(str::parse).transpose().map_err(|_| BadRules::Unknown)?;
        Params::known(block_time).find(|params| params.rules.to_string() == text).ok_or(BadRules::Unknown)
    }

    /// Every network that this version knows how to run, those of the lab with this block time.
    fn known(block_time: Option<u32>) -> impl Iterator<Item = Params> {
        let labs = (1..=MAX_DIFFICULTY).filter_map(move |zeros| Params::lab(zeros, block_time).ok());
        [Params::regtest(), Params::mainnet()].into_iter().chain(labs)
    }

    /// A network whose genesis is computed from its rules: constant time, nonce 0, exempt from proof of
    /// work, its coinbase naming the rules, so that other rules make another genesis.
    fn computed(rules: Rules) -> Params {
        let coinbase = Transaction::Coinbase(Coinbase {
            height: 0,
            miner: NodeId::default(),
            extra_nonce: 0,
            note: Text::clipped(&rules.to_string()),
        });
        let header = Header {
            version: 1,
            previous: BlockHash::ZERO,
            merkle_root: merkle::root(&[coinbase.id()]).0,
            time: GENESIS_TIME,
            bits: rules.start,
            nonce: 0,
        };
        Params::with_genesis(rules, Block { header, transactions: List::clipped([coinbase]) })
    }

    fn with_genesis(rules: Rules, genesis: Block) -> Params {
        let genesis_hash = genesis.hash();
        let network = Sha256::new()
            .chain_update(b"p2pnode/network")
            .chain_update(encoding::encode(&rules))
            .chain_update(genesis_hash.0)
            .finalize();
        #[allow(clippy::expect_used, reason = "the constructors above write good limits only")]
        let limit = rules.limit.to_target().expect("a network's limit is a target");
        Params { rules, genesis, genesis_hash, network: NetworkId(network.into()), limit }
    }

    /// The rules themselves.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The network's id.
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// The first block.
    pub fn genesis(&self) -> &Block {
        &self.genesis
    }

    /// The first block's hash.
    pub fn genesis_hash(&self) -> BlockHash {
        self.genesis_hash
    }

    /// The easiest target there may be.
    pub fn limit(&self) -> Target {
        self.limit
    }

    /// How difficulty moves, if it does.
    pub fn retarget(&self) -> Option<&Retarget> {
        self.rules.retarget.as_ref()
    }

    /// How far ahead of now a block's time may be, in seconds: Bitcoin's two hours; on a lab network with a
    /// block time a tenth of its window at most, or a miner could steer a short window with its clock.
    pub fn max_future(&self) -> u64 {
        match self.retarget() {
            Some(retarget) if retarget.window == Window::WholeGaps => {
                (retarget.timespan() / 10).clamp(MIN_FUTURE_SECS, MAX_FUTURE_SECS)
            }
            _ => MAX_FUTURE_SECS,
        }
    }
}

impl fmt::Display for Rules {
    /// Such as `lab start=1e0fffff limit=2000ffff block-time=10s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} start={} limit={}", self.name, self.start, self.limit)?;
        match self.retarget {
            Some(retarget) => write!(f, " block-time={}s", retarget.spacing),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Params> {
        let lab = |zeros, time| Params::lab(zeros, time).expect("good rules");
        vec![
            lab(20, None),
            lab(20, Some(10)),
            lab(4, Some(10)),
            lab(1, None),
            lab(64, None),
            Params::regtest(),
        ]
    }

    #[test]
    fn every_network_has_its_own_genesis_and_id_and_can_be_told() {
        let mut all = all();
        all.push(Params::mainnet());
        for (i, a) in all.iter().enumerate() {
            assert_eq!(Params::from_rules(a.rules()), Ok(a.clone()));
            assert_eq!(Params::from_text(&a.rules().to_string()), Ok(a.clone()));
            for b in &all[i + 1..] {
                assert_ne!(a.network(), b.network(), "{} and {}", a.rules(), b.rules());
                assert_ne!(a.genesis_hash(), b.genesis_hash());
            }
        }
        let unheard_of = Rules { start: CompactTarget(0x1e12_3456), ..all[0].rules().clone() };
        assert_eq!(Params::from_rules(&unheard_of), Err(BadRules::Unknown));
        let texts = ["", "lab", "lab start=1e0fffff", "lab start=1e0fffff limit=1e0fffff block-time=s"];
        for text in texts.into_iter().map(str::to_owned).chain([unheard_of.to_string()]) {
            assert_eq!(Params::from_text(&text), Err(BadRules::Unknown), "{text:?}");
        }
    }

    #[test]
    fn the_lab_says_its_difficulty() {
        let lab =
            [1, 4, 9, 20, 64].map(|zeros| Params::lab(zeros, Some(10)).expect("good rules").difficulty());
        assert_eq!(lab, [1, 4, 9, 20, 64].map(Some));
        assert_eq!([Params::regtest().difficulty(), Params::mainnet().difficulty()], [None, None]);
    }

    #[test]
    fn mainnets_genesis_is_bitcoins() {
        assert_eq!(
            Params::mainnet().genesis_hash().to_string(),
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
        );
    }

    #[test]
    fn the_future_bound_follows_the_window() {
        let bound = |secs| Params::lab(20, Some(secs)).expect("good rules").max_future();
        assert_eq!(Params::mainnet().max_future(), 7200);
        assert_eq!(Params::regtest().max_future(), 7200);
        assert_eq!([bound(1), bound(10), bound(60), bound(86_400)], [15, 20, 120, 7200]);
    }

    #[test]
    fn rules_that_cannot_be_are_refused() {
        assert_eq!(Params::lab(0, None), Err(BadRules::Difficulty(0)));
        assert_eq!(Params::lab(65, None), Err(BadRules::Difficulty(65)));
        assert_eq!(Params::lab(20, Some(0)), Err(BadRules::BlockTime(0)));
        assert_eq!(Params::lab(20, Some(86_401)), Err(BadRules::BlockTime(86_401)));
    }
}
