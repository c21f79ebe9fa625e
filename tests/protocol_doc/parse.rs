//! As much of Markdown as docs/protocol.md needs: fences, and rows of tables under their headings.

use p2pnode::types::hash::parse_hex;

/// A fenced block.
#[derive(Debug)]
pub struct Fence {
    /// What stands after the three backticks.
    pub info: String,
    pub text: String,
    /// Line of its beginning, from 1.
    pub line: usize,
}

/// A row of a table.
#[derive(Debug)]
pub struct Row {
    /// The heading it stands under, without its number.
    pub heading: String,
    pub cells: Vec<String>,
}

/// The document.
pub fn document() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol.md");
    std::fs::read_to_string(path).expect("docs/protocol.md")
}

/// All fenced blocks, in order.
pub fn fences(doc: &str) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut open: Option<Fence> = None;
    for (i, line) in doc.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                open = Some(Fence { info: info.trim().to_owned(), text: String::new(), line: i + 1 });
            }
            (Some(_), Some(_)) => fences.extend(open.take()),
            (None, Some(fence)) => fence.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is never closed");
    fences
}

/// All rows of all tables, in order.
pub fn rows(doc: &str) -> impl Iterator<Item = Row> {
    let mut heading = String::new();
    let mut fenced = false;
    let mut rows = Vec::new();
    for line in doc.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
        } else if line.starts_with('#') {
            let title = |c: char| c == '#' || c == '.' || c == ' ' || c.is_ascii_digit();
            heading = line.trim_start_matches(title).to_owned();
        } else if let Some(cells) = line.strip_prefix('|').and_then(|line| line.trim_end().strip_suffix('|'))
        {
            let cells = cells.split('|').map(|cell| cell.trim().to_owned()).collect();
            rows.push(Row { heading: heading.clone(), cells });
        }
    }
    rows.into_iter()
}

/// The bytes of hex that may be broken by white space.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    assert!(digits.len().is_multiple_of(2), "{text} has half a byte");
    (0..digits.len())
        .step_by(2)
        .map(|at| parse_hex::<1>(&digits[at..at + 2]).unwrap_or_else(|| panic!("{text} is not hex"))[0])
        .collect()
}
