//! How blocks come to be without being asked for one by one: pure.
//!
//! A mode stays until another is set, and so do the nodes that it is about: shares are not dealt out anew
//! because a node is away, so that the hash power that is there is what one took from it.

use core::time::Duration;
use std::collections::BTreeSet;

use crate::limits::{DEFAULT_NETWORK_HASHRATE, MAX_MINING_INTERVAL, MIN_MINING_INTERVAL};
use crate::manager::view::{MiningMode, SetMining};

/// What was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modes {
    /// Which way.
    pub mode: MiningMode,
    /// By whom; none: by all, those that are added later too.
    chosen: Option<BTreeSet<usize>>,
    /// Hashes a second of all of them together, in the background.
    pub hashrate: u64,
    /// Time between blocks, in the mode `interval`.
    pub interval: Duration,
}

impl Modes {
    /// All of them in the background, at so many hashes a second in all; 0: nobody mines.
    pub fn of(hashrate: u64) -> Modes {
        let (mode, hashrate) = match hashrate {
            0 => (MiningMode::Off, DEFAULT_NETWORK_HASHRATE),
            hashrate => (MiningMode::Background, hashrate),
        };
        Modes { mode, chosen: None, hashrate, interval: Duration::from_secs(10) }
    }

    /// With what `set` says; what is left out stays.
    pub fn with(&self, set: &SetMining) -> Result<Modes, String> {
        let mut modes = self.clone();
        modes.mode = set.mode.unwrap_or(self.mode);
        let only = |what: &str, mode: MiningMode| match modes.mode == mode {
            true => Ok(()),
            false => {
                let (mode, now) = (name(mode), name(modes.mode));
                Err(format!("{what} is of the mode \"{mode}\" alone, and the mode is \"{now}\""))
            }
        };
        if let Some(hashrate) = set.hashrate {
            only("hashrate", MiningMode::Background)?;
            if hashrate == 0 {
                return Err("hashrate 0: expected at least 1; the mode \"off\" stops the mining".to_owned());
            }
            modes.hashrate = hashrate;
        }
        if let Some(seconds) = set.interval {
            only("interval", MiningMode::Interval)?;
            let interval = Duration::try_from_secs_f64(seconds).ok();
            let interval = interval.filter(|time| (MIN_MINING_INTERVAL..=MAX_MINING_INTERVAL).contains(time));
            modes.interval = interval.ok_or_else(|| {
                let (least, most) = (MIN_MINING_INTERVAL.as_secs_f64(), MAX_MINING_INTERVAL.as_secs_f64());
                format!("interval {seconds}: expected {least} to {most} seconds")
            })?;
        }
        if let Some(nodes) = &set.nodes {
            modes.chosen = (!nodes.is_empty()).then(|| nodes.iter().copied().collect());
        }
        Ok(modes)
    }

    /// Itself, unless it is about more of `all` nodes than it has hashes for: whoever mines tries one a second.
    pub fn fit(self, all: &[usize]) -> Result<Modes, String> {
        let nodes = self.nodes(all).len();
        match self.mode == MiningMode::Background && self.hashrate < nodes as u64 {
            true => Err(format!("hashrate {}: expected at least {nodes}, one for each node", self.hashrate)),
            false => Ok(self),
        }
    }

    /// Those of `all` that it is about, by number.
    pub fn nodes(&self, all: &[usize]) -> Vec<usize> {
        let is_meant = |number: &usize| self.chosen.as_ref().is_none_or(|chosen| chosen.contains(number));
        all.iter().copied().filter(is_meant).collect()
    }

    /// The rate at which node `number` of `all` mines in the background: equal shares, the first ones taking
    /// what is left, so that they add up to the hash.
    pub fn share(&self, number: usize, all: &[usize]) -> u64 {
        if self.mode != MiningMode::Background {
            return 0;
        }
        let nodes = self.nodes(all);
        let Ok(place) = nodes.binary_search(&number) else { return 0 };
        let count = nodes.len() as u64;
        self.hashrate / count + u64::from((place as u64) < self.hashrate % count)
    }
}

/// The API's word for a mode.
fn name(mode: MiningMode) -> &'static str {
    match mode {
        MiningMode::Off => "off",
        MiningMode::Background => "background",
        MiningMode::Interval => "interval",
        MiningMode::Auto => "auto",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [usize; 4] = [0, 1, 2, 5];

    fn shares(modes: &Modes) -> [u64; 4] {
        ALL.map(|number| modes.share(number, &ALL))
    }

    #[test]
    fn shares_are_equal_and_add_up_to_the_hash() {
        let modes = Modes::of(120_003);
        assert_eq!(shares(&modes), [30_001, 30_001, 30_001, 30_000]);
        let two = SetMining { nodes: Some(vec![5, 0]), ..SetMining::default() };
        assert_eq!(shares(&modes.with(&two).expect("sense")), [60_002, 0, 0, 60_001]);
        assert_eq!(shares(&Modes::of(0)), [0; 4]);
        assert_eq!(shares(&Modes::of(3)), [1, 1, 1, 0]);
    }

    #[test]
    fn nobody_shares_less_than_a_hash_a_second() {
        let fits = |modes: &Modes| modes.clone().fit(&ALL).map(drop);
        assert_eq!(fits(&Modes::of(3)), Err("hashrate 3: expected at least 4, one for each node".to_owned()));
        let two = SetMining { nodes: Some(vec![5, 0]), ..SetMining::default() };
        let off = SetMining { mode: Some(MiningMode::Off), ..SetMining::default() };
        for modes in
            [Modes::of(4), Modes::of(3).with(&two).expect("sense"), Modes::of(3).with(&off).expect("sense")]
        {
            assert_eq!(fits(&modes), Ok(()), "{modes:?}");
        }
    }

    #[test]
    fn what_is_left_out_stays_as_it_is() {
        let set = |set: SetMining| move |modes: Modes| modes.with(&set).expect("sense");
        let interval = set(SetMining {
            mode: Some(MiningMode::Interval),
            interval: Some(0.5),
            nodes: Some(vec![1]),
            ..SetMining::default()
        });
        let modes = interval(Modes::of(0));
        assert_eq!((modes.mode, modes.interval.as_millis()), (MiningMode::Interval, 500));
        assert_eq!((modes.nodes(&ALL), shares(&modes)), (vec![1], [0; 4]));
        let back =
            set(SetMining { mode: Some(MiningMode::Background), ..SetMining::default() })(modes.clone());
        assert_eq!(shares(&back), [0, DEFAULT_NETWORK_HASHRATE, 0, 0]);
        let all = set(SetMining { nodes: Some(Vec::new()), ..SetMining::default() })(back);
        assert_eq!(all.nodes(&ALL), ALL);
        for bad in [0.0, -1.0, f64::NAN, 1e9] {
            assert!(modes.with(&SetMining { interval: Some(bad), ..SetMining::default() }).is_err(), "{bad}");
        }
        let background = Some(MiningMode::Background);
        assert!(
            modes.with(&SetMining { mode: background, hashrate: Some(0), ..Default::default() }).is_err()
        );
    }

    #[test]
    fn what_goes_with_another_mode_is_refused_and_never_dropped() {
        use MiningMode::{Auto, Background, Interval, Off};
        for mode in [Off, Background, Interval, Auto] {
            let set = SetMining { mode: Some(mode), ..SetMining::default() };
            let now = Modes::of(0).with(&set).expect("a mode");
            for named in [Some(mode), None] {
                let rate = SetMining { mode: named, hashrate: Some(9), ..SetMining::default() };
                assert_eq!(now.with(&rate).is_ok(), mode == Background, "{mode:?}");
                let interval = SetMining { mode: named, interval: Some(9.0), ..SetMining::default() };
                assert_eq!(now.with(&interval).is_ok(), mode == Interval, "{mode:?}");
            }
        }
    }
}
