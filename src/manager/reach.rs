//! Who can reach whom: pure.

use std::collections::{BTreeMap, BTreeSet};

/// The groups into which `nodes` fall if each pair of `links` is a way between its ends: by their lowest
/// number, each sorted.
pub fn groups(
    nodes: &BTreeSet<usize>,
    links: impl IntoIterator<Item = (usize, usize)>,
) -> Vec<BTreeSet<usize>> {
    let mut of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (a, b) in links.into_iter().filter(|(a, b)| nodes.contains(a) && nodes.contains(b)) {
        of.entry(a).or_default().push(b);
        of.entry(b).or_default().push(a);
    }
    let mut left = nodes.clone();
    let mut groups = Vec::new();
    while let Some(first) = left.pop_first() {
        let (mut group, mut next) = (BTreeSet::from([first]), vec![first]);
        while let Some(node) = next.pop() {
            for other in of.get(&node).into_iter().flatten() {
                if left.remove(other) {
                    group.insert(*other);
                    next.push(*other);
                }
            }
        }
        groups.push(group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_in_one_group_if_there_is_a_way() {
        let nodes = BTreeSet::from([0, 1, 2, 3, 7]);
        let said = |links: &[(usize, usize)]| -> Vec<Vec<usize>> {
            groups(&nodes, links.iter().copied())
                .into_iter()
                .map(|group| group.into_iter().collect())
                .collect()
        };
        assert_eq!(said(&[]), [vec![0], vec![1], vec![2], vec![3], vec![7]]);
        assert_eq!(said(&[(7, 1), (2, 1), (0, 3)]), [vec![0, 3], vec![1, 2, 7]]);
        assert_eq!(said(&[(0, 1), (1, 2), (2, 3), (3, 7), (7, 0)]), [vec![0, 1, 2, 3, 7]]);
        assert_eq!(said(&[(0, 9), (9, 1)]), said(&[]), "by way of one that is not there");
    }
}
