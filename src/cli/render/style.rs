//! Colour, where it is wanted; never the only sign of anything.

/// Lanes' colours, one after the other: green for the best chain first.
const LANES: [&str; 6] = ["32", "33", "36", "35", "34", "31"];

/// Escapes for a terminal, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Style {
    colour: bool,
}

impl Style {
    /// With colour or without.
    pub(in crate::cli) fn new(colour: bool) -> Style {
        Style { colour }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    /// What is looked for.
    pub(in crate::cli) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What is beside the point.
    pub(in crate::cli) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// All is well.
    pub(in crate::cli) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Worth a look.
    pub(in crate::cli) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Something is wrong.
    pub(in crate::cli) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// A lane of the tree.
    pub(in crate::cli) fn lane(self, lane: usize, text: &str) -> String {
        self.paint(LANES[lane % LANES.len()], text)
    }
}
