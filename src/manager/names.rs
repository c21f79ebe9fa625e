//! What people call nodes: letters, as columns of a sheet are called. Programs have their numbers.

use core::fmt;

/// A node, by its letters: A to Z, then AA, AB and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(pub usize);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = Vec::new();
        let mut left = self.0.saturating_add(1);
        while left > 0 {
            letters.push(char::from(b'A' + ((left - 1) % 26) as u8));
            left = (left - 1) / 26;
        }
        f.pad(&letters.iter().rev().collect::<String>())
    }
}

/// Some nodes, by number: `A B C`, and runs of four and more as `A-D`.
pub fn several(nodes: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for node in nodes {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *node => *last = *node,
            _ => runs.push((*node, *node)),
        }
    }
    let run = |(from, to): (usize, usize)| match to - from {
        0..3 => (from..=to).map(|number| Name(number).to_string()).collect::<Vec<_>>().join(" "),
        _ => format!("{}-{}", Name(from), Name(to)),
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join(" ")
}

/// Which nodes there are, the last one being `last`.
pub fn there_are(last: usize) -> String {
    match last {
        0 => "there is A alone".to_owned(),
        _ => format!("there are nodes A to {}", Name(last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_count_as_columns_of_a_sheet() {
        for (number, name) in
            [(0, "A"), (25, "Z"), (26, "AA"), (27, "AB"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
        {
            assert_eq!(Name(number).to_string(), name);
        }
        assert_eq!(several(&[0, 1, 2, 4, 7, 8, 9, 10]), "A B C E H-K");
        assert_eq!(several(&[]), "");
        assert_eq!(
            (there_are(0).as_str(), there_are(1).as_str()),
            ("there is A alone", "there are nodes A to B")
        );
    }
}
