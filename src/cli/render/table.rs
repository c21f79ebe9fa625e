//! Columns as wide as they need to be.

use crate::cli::render::Style;

/// To which side a column's cells are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// How a cell is painted.
type Paint = fn(Style, &str) -> String;

/// A cell: its text, and its colour if it has one.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Cell {
    text: String,
    paint: Option<Paint>,
}

impl Cell {
    /// A cell that stands out.
    pub(in crate::cli) fn painted(text: impl Into<String>, paint: Paint) -> Cell {
        Cell { text: text.into(), paint: Some(paint) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell { text: text.into(), paint: None }
    }
}

/// Rows under a head.
#[derive(Debug)]
pub(in crate::cli) struct Table<const N: usize> {
    head: [(&'static str, Align); N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    /// An empty one.
    pub(in crate::cli) fn new(head: [(&'static str, Align); N]) -> Table<N> {
        Table { head, rows: Vec::new() }
    }

    /// Adds a row.
    pub(in crate::cli) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    /// Its text: columns two spaces apart; those without anything in any row are left out.
    pub(in crate::cli) fn text(&self, style: Style) -> String {
        let length = |text: &str| text.chars().count();
        let widths: [usize; N] = core::array::from_fn(|column| {
            let widest = self.rows.iter().map(|row| length(&row[column].text)).max().unwrap_or_default();
            if widest == 0 { 0 } else { widest.max(length(self.head[column].0)) }
        });
        let line = |cells: [(&str, Option<Paint>); N]| {
            let mut line = String::new();
            // Spaces that nothing follows are left out.
            let mut owed = 0;
            for (column, (text, paint)) in cells.into_iter().enumerate() {
                let Some(space) = widths[column].checked_sub(length(text)).filter(|_| widths[column] > 0)
                else {
                    continue;
                };
                let (before, after) = match self.head[column].1 {
                    Align::Left => (0, space),
                    Align::Right => (space, 0),
                };
                owed += before;
                if !text.is_empty() {
                    line.push_str(&" ".repeat(owed));
                    line.push_str(&paint.map_or(text.to_owned(), |paint| paint(style, text)));
                    owed = 0;
                }
                owed += after + 2;
            }
            line + "\n"
        };
        let mut text = line(core::array::from_fn(|column| (self.head[column].0, Some(Style::bold as Paint))));
        for row in &self.rows {
            text += &line(core::array::from_fn(|column| (row[column].text.as_str(), row[column].paint)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_are_left_out() {
        let mut table = Table::new([
            ("node", Align::Left),
            ("height", Align::Right),
            ("ended", Align::Left),
            ("state", Align::Left),
        ]);
        table.row(["A".into(), "7".into(), "".into(), Cell::painted("running", Style::good)]);
        table.row(["AB".into(), "12345678".into(), "".into(), "é".into()]);
        assert_eq!(
            table.text(Style::new(false)),
            "node    height  state\nA            7  running\nAB    12345678  é\n"
        );
        let coloured = table.text(Style::new(true));
        assert!(coloured.contains("A            7  \x1b[32mrunning\x1b[0m\n"), "{coloured:?}");
    }
}
