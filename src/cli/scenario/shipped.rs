//! The lessons that come with the program.

use crate::cli::render::{Align, Style, Table};
use crate::cli::{Failure, values};

/// A lesson.
#[derive(Debug)]
pub(super) struct Shipped {
    /// What it is called.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Shipped {
    /// Its first comment.
    pub(super) fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
    }
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// All of them, in the order in which one learns.
        pub(super) const ALL: &[Shipped] = &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../../lessons/", $name, ".scn")),
        }),*];
    };
}

shipped!(
    "first-network",
    "fork-and-reorg",
    "partition-healed",
    "difficulty-follows",
    "late-joiner",
    "tampered-chain",
);

/// The lesson of that name.
pub(super) fn named(name: &str) -> Result<&'static Shipped, Failure> {
    ALL.iter().find(|one| one.name == name).ok_or_else(|| {
        let meant = values::meant(ALL.iter().map(|one| one.name), name);
        let hint = format!("{meant}`networkmngr scenario list` names them all");
        Failure::usage(format!("there is no scenario {name:?}, and no such file"), hint)
    })
}

/// Their names, and what each is about.
pub(super) fn listed(style: Style) -> String {
    let mut table = Table::new([("name", Align::Left), ("about", Align::Left)]);
    for one in ALL {
        table.row([one.name.into(), one.title().into()]);
    }
    table.text(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_of_the_folder_is_shipped_and_can_be_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/lessons");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .expect("the lessons")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        let mut known: Vec<String> = ALL.iter().map(|one| format!("{}.scn", one.name)).collect();
        there.sort();
        known.sort();
        assert_eq!(there, known);
        for one in ALL {
            assert!(one.title().len() > 10, "{}", one.name);
            let scenario = super::super::parse::scenario(one.name, one.text);
            let scenario = scenario.unwrap_or_else(|failure| panic!("{failure}: {}", failure.hint));
            assert!(scenario.lines.len() > 5, "{}", one.name);
        }
        assert!(named("fork-and-reorgs").expect_err("no such lesson").hint.contains("fork-and-reorg?"));
    }
}
