//! Who is kept from whom, and which links are slow: pure.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::limits::{MAX_FAULT_LATENCY_MICROS, MAX_FAULT_LOSS_PPM};
use crate::manager::names::Name;
use crate::manager::view::{Partition, SetLink};
use crate::types::NodeId;
use crate::wire::manage::Fault;

/// What is wrong with a link that is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slow {
    /// Delay each way.
    pub latency: Duration,
    /// What that varies by, up and down.
    pub jitter: Duration,
    /// How many of a million segments are lost, and sent again.
    pub loss_ppm: u32,
}

/// All that was made wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    groups: Option<Vec<BTreeSet<usize>>>,
    cuts: BTreeSet<(usize, usize)>,
    slow: BTreeMap<(usize, usize), Slow>,
    /// Counts changes, so that whoever looks knows when to look again.
    pub version: u64,
}

/// Both ends, the smaller number first.
pub fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Slow {
    /// What `link` asks for, if it can be.
    pub fn of(link: &SetLink) -> Result<Slow, String> {
        let time = |name: &str, millis: f64| {
            let most = f64::from(MAX_FAULT_LATENCY_MICROS) / 1000.0;
            match (0.0..=most).contains(&millis) {
                // Within the bounds.
                true => Ok(Duration::from_micros((millis * 1000.0).round() as u64)),
                false => Err(format!("{name} {millis}: expected 0 to {most} milliseconds")),
            }
        };
        let slow = Slow {
            latency: time("latency_ms", link.latency_ms)?,
            jitter: time("jitter_ms", link.jitter_ms)?,
            loss_ppm: {
                let most = f64::from(MAX_FAULT_LOSS_PPM) / 1e6;
                match (0.0..=most).contains(&link.loss) {
                    true => (link.loss * 1e6).round() as u32,
                    false => return Err(format!("loss {}: expected 0 to {most}", link.loss)),
                }
            },
        };
        match slow.jitter > slow.latency {
            true => Err(format!(
                "jitter_ms {}: expected at most the latency, {}; nothing arrives before it was sent",
                link.jitter_ms, link.latency_ms
            )),
            false => Ok(slow),
        }
    }
}

impl Faults {
    /// The groups that `partition` makes of `all` nodes.
    pub fn groups_of(partition: &Partition, all: &[usize]) -> Result<Vec<BTreeSet<usize>>, String> {
        let mut groups: Vec<BTreeSet<usize>> = match (partition.halves, partition.groups.is_empty()) {
            (true, true) => {
                all.chunks(all.len().div_ceil(2).max(1)).map(|half| half.iter().copied().collect()).collect()
            }
            (true, false) => return Err("halves and groups exclude each other".to_owned()),
            (false, _) => partition.groups.iter().map(|group| group.iter().copied().collect()).collect(),
        };
        if groups.iter().any(BTreeSet::is_empty) {
            return Err("a group has no node".to_owned());
        }
        let mut left: BTreeSet<usize> = all.iter().copied().collect();
        for node in groups.iter().flatten() {
            match (left.remove(node), all.contains(node)) {
                (true, _) => {}
                (false, true) => return Err(format!("node {} is in two groups", Name(*node))),
                (false, false) => return Err(format!("there is no node {}", Name(*node))),
            }
        }
        if !left.is_empty() {
            groups.push(left);
        }
        match groups.len() {
            0 | 1 => Err("expected two groups at least: nobody is kept from anybody".to_owned()),
            _ => Ok(groups),
        }
    }

    /// From now on, these groups are kept from each other; none: nobody is.
    pub fn partition(&mut self, groups: Option<Vec<BTreeSet<usize>>>) {
        self.groups = groups;
        self.version += 1;
    }

    /// The groups that are kept from each other.
    pub fn groups(&self) -> Option<&[BTreeSet<usize>]> {
        self.groups.as_deref()
    }

    /// A node that is added is in the last group.
    pub fn add(&mut self, node: usize) {
        if let Some(last) = self.groups.as_mut().and_then(|groups| groups.last_mut()) {
            last.insert(node);
            self.version += 1;
        }
    }

    /// There are no nodes from `first` on.
    pub fn forget_from(&mut self, first: usize) {
        for group in self.groups.iter_mut().flatten() {
            group.retain(|node| *node < first);
        }
        let stays = |(a, b): &(usize, usize)| *a < first && *b < first;
        self.cuts.retain(stays);
        self.slow.retain(|link, _| stays(link));
        self.version += 1;
    }

    /// Cuts a link, or not.
    pub fn cut(&mut self, a: usize, b: usize, cut: bool) {
        match cut {
            true => self.cuts.insert(pair(a, b)),
            false => self.cuts.remove(&pair(a, b)),
        };
        self.version += 1;
    }

    /// Makes a link slow, or not.
    pub fn slow_down(&mut self, a: usize, b: usize, slow: Slow) {
        match slow == Slow::default() {
            true => self.slow.remove(&pair(a, b)),
            false => self.slow.insert(pair(a, b), slow),
        };
        self.version += 1;
    }

    /// Nothing is cut any more; nor is anything slow, unless that is kept.
    pub fn heal(&mut self, keep_slow: bool) {
        self.groups = None;
        self.cuts.clear();
        if !keep_slow {
            self.slow.clear();
        }
        self.version += 1;
    }

    /// Whether anything is wrong.
    pub fn are_any(&self) -> bool {
        self.cut_any() || !self.slow.is_empty()
    }

    /// Whether any link is cut, by hand or by a partition.
    pub fn cut_any(&self) -> bool {
        self.groups.is_some() || !self.cuts.is_empty()
    }

    /// Whether two nodes are in different groups.
    pub fn are_apart(&self, a: usize, b: usize) -> bool {
        let of = |node: usize| self.groups.as_ref()?.iter().position(|group| group.contains(&node));
        of(a).zip(of(b)).is_some_and(|(a, b)| a != b)
    }

    /// Whether the link of two nodes is cut, by hand or by a partition.
    pub fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cuts.contains(&pair(a, b)) || self.are_apart(a, b)
    }

    /// What is wrong with the link of two nodes, if it is not cut.
    pub fn slow(&self, a: usize, b: usize) -> Slow {
        self.slow.get(&pair(a, b)).copied().unwrap_or_default()
    }

    /// What node `number` is told of its links to `others`.
    pub fn of(&self, number: usize, others: &BTreeMap<usize, NodeId>) -> Vec<Fault> {
        let fault = |(other, node): (&usize, &NodeId)| {
            let Slow { latency, jitter, loss_ppm } = self.slow(number, *other);
            let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
            let fault = Fault {
                node: *node,
                cut: self.is_cut(number, *other),
                latency_micros: micros(latency),
                jitter_micros: micros(jitter),
                loss_ppm,
            };
            (*other != number && (fault.cut || fault.is_slow())).then_some(fault)
        };
        others.iter().filter_map(fault).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [usize; 5] = [0, 1, 2, 3, 5];

    fn groups(partition: &Partition) -> Result<Vec<Vec<usize>>, String> {
        let sorted =
            |groups: Vec<BTreeSet<usize>>| groups.into_iter().map(|g| g.into_iter().collect()).collect();
        Faults::groups_of(partition, &ALL).map(sorted)
    }

    #[test]
    fn groups_are_as_they_are_said_and_the_rest_is_one_more() {
        let said = |groups: &[&[usize]]| Partition {
            groups: groups.iter().map(|group| group.to_vec()).collect(),
            halves: false,
        };
        let halves = Partition { halves: true, groups: Vec::new() };
        assert_eq!(groups(&halves), Ok(vec![vec![0, 1, 2], vec![3, 5]]));
        assert_eq!(groups(&said(&[&[5, 0]])), Ok(vec![vec![0, 5], vec![1, 2, 3]]));
        assert_eq!(groups(&said(&[&[0], &[1], &[2, 3, 5]])), Ok(vec![vec![0], vec![1], vec![2, 3, 5]]));
        let rows: [(&[&[usize]], &str); 5] = [
            (&[], "expected two groups"),
            (&[&[0, 1, 2, 3, 5]], "expected two groups"),
            (&[&[0], &[0, 1]], "node A is in two groups"),
            (&[&[0], &[]], "a group has no node"),
            (&[&[4]], "there is no node E"),
        ];
        for (bad, why) in &rows {
            let error = groups(&said(bad)).expect_err(why);
            assert!(error.starts_with(why), "{bad:?}: {error}");
        }
    }

    #[test]
    fn a_node_is_told_of_its_own_links_alone() {
        let names: BTreeMap<usize, NodeId> = ALL.iter().map(|n| (*n, NodeId([*n as u8; 16]))).collect();
        let mut faults = Faults::default();
        let slow = SetLink { a: 1, b: 0, latency_ms: 50.0, jitter_ms: 20.0, loss: 0.01 };
        faults.slow_down(1, 0, Slow::of(&slow).expect("sense"));
        faults.cut(5, 2, true);
        let told = |faults: &Faults, number| -> Vec<(u8, bool, u32)> {
            let of = faults.of(number, &names);
            of.iter().map(|fault| (fault.node.0[0], fault.cut, fault.latency_micros)).collect()
        };
        assert_eq!(told(&faults, 0), [(1, false, 50_000)]);
        assert_eq!(told(&faults, 1), [(0, false, 50_000)]);
        assert_eq!((told(&faults, 2), told(&faults, 3)), (vec![(5, true, 0)], vec![]));
        faults.partition(Some(vec![[0, 1].into(), [2, 3, 5].into()]));
        faults.add(6);
        assert_eq!(told(&faults, 3), [(0, true, 0), (1, true, 0)]);
        assert!(faults.is_cut(0, 6) && !faults.is_cut(3, 6) && faults.is_cut(2, 5));
        faults.heal(true);
        assert_eq!((told(&faults, 2), told(&faults, 1)), (vec![], vec![(0, false, 50_000)]));
        faults.heal(false);
        assert_eq!(told(&faults, 1), []);
    }

    #[test]
    fn a_link_is_as_slow_as_there_can_be_sense_in() {
        let slow =
            |latency_ms, jitter_ms, loss| Slow::of(&SetLink { a: 0, b: 1, latency_ms, jitter_ms, loss });
        assert_eq!(slow(0.0, 0.0, 0.0), Ok(Slow::default()));
        assert_eq!(
            slow(0.5, 0.0, 0.9).map(|slow| (slow.latency.as_micros(), slow.loss_ppm)),
            Ok((500, 900_000))
        );
        for (latency, jitter, loss) in
            [(-1.0, 0.0, 0.0), (60_001.0, 0.0, 0.0), (1.0, 2.0, 0.0), (0.0, 0.0, 0.95), (f64::NAN, 0.0, 0.0)]
        {
            assert!(slow(latency, jitter, loss).is_err(), "{latency} {jitter} {loss}");
        }
    }
}
