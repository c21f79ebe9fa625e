//! docs/hostile.md, held against the sources: every row is there, every test that it names is there, and
//! every such test names its row.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How many rows there are.
const ROWS: u32 = 92;

/// Rows without a test: one that is not used.
const WITHOUT: [u32; 1] = [39];

/// A row: its number, and the tests that hold it.
struct Row {
    number: u32,
    tests: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rows(document: &str) -> Vec<Row> {
    let table = document.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells.first()?.parse().ok()?;
        assert_eq!(cells.len(), 4, "row {number}: case, what must happen, tests");
        let tests = cells[3].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some(Row { number, tests })
    });
    table.collect()
}

/// The numbers of rows that a text names: "row 5", "rows 2 and 23", "rows 69 to 76, and 81".
fn named(text: &str) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    let text = text.replace("//!", " ").replace("///", " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    for (at, _) in words.iter().enumerate().filter(|(_, word)| {
        let word = word.trim_start_matches(['(', '"']).to_ascii_lowercase();
        word == "row" || word == "rows"
    }) {
        let mut range = None;
        for word in &words[at + 1..] {
            match word.trim_matches([',', '.', ':', ')', ';', '"']).parse::<u32>() {
                Ok(number) => numbers.extend(range.take().unwrap_or(number)..=number),
                Err(_) if *word == "to" => range = numbers.last().copied(),
                Err(_) if *word == "and" => {}
                Err(_) => break,
            }
        }
    }
    numbers
}

/// The comments and attributes before the function `name`, and its body; none if there is no such function.
fn function<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let at = source.match_indices("fn ").map(|(at, _)| at).find(|at| {
        let rest = &source[at + 3..];
        rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', '<']))
    })?;
    let before = source[..at].rfind("\n\n").map_or(0, |blank| blank + 2);
    let indent: String = source[..at].rsplit('\n').next()?.chars().take_while(|c| *c == ' ').collect();
    let end = source[at..].find(&format!("\n{indent}}}\n"))?;
    Some(&source[before..at + end])
}

/// The comment that a file begins with.
fn file_comment(source: &str) -> String {
    source.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n")
}

/// What is wrong with a row's test.
fn complaint(row: u32, test: &str) -> Option<String> {
    let (file, name) = match test.split_once("::") {
        Some((file, name)) => (file, Some(name)),
        None => (test, None),
    };
    let path = root().join(file);
    if !path.is_file() {
        return Some(format!("row {row}: there is no {file}"));
    }
    let source = read(&path);
    // A script is one test.
    let name = name?;
    let Some(text) = function(&source, name) else {
        return Some(format!("row {row}: {file} has no function {name}"));
    };
    if !text.contains("#[test]") && !text.contains("#[tokio::test") && !source.contains("proptest! {") {
        return Some(format!("row {row}: {file}::{name} is no test"));
    }
    let says_so = named(text).contains(&row)
        || named(&file_comment(&source)).contains(&row)
        // A table of rows, each behind its number.
        || text.contains("row {row}") && source.contains(&format!("({row}, "));
    (!says_so).then(|| format!("row {row}: {file}::{name} does not name its row"))
}

#[test]
fn every_row_is_there_and_held_by_tests_that_name_it() {
    let document = read(&root().join("docs/hostile.md"));
    let rows = rows(&document);
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=ROWS).collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for row in &rows {
        if row.tests.is_empty() != WITHOUT.contains(&row.number) {
            wrong.push(format!("row {}: {} tests", row.number, row.tests.len()));
        }
        let held = row.tests.iter().filter(|test| test.contains("::") || test.starts_with("tests/"));
        wrong.extend(held.filter_map(|test| complaint(row.number, test)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Row 44: a peer's number never wraps silently in what is shipped.
#[test]
fn shipped_programs_check_their_arithmetic() {
    let manifest = read(&root().join("Cargo.toml"));
    let release = manifest.split("[profile.release]").nth(1).expect("there is such a profile");
    let release = release.split("\n[").next().expect("there is a first");
    assert!(release.lines().any(|line| line == "overflow-checks = true"), "{release}");
}

/// (text, numbers)
#[test]
fn rows_are_named_in_words() {
    let rows: [(&str, &[u32]); 6] = [
        ("Row 5: slow", &[5]),
        ("(rows 69 to 72, and 81, of the table)", &[69, 70, 71, 72, 81]),
        ("/// rows 2 and\n/// 23: many", &[2, 23]),
        ("hostile row 38, floods of 7", &[38]),
        ("a row of 7 houses", &[]),
        ("nothing", &[]),
    ];
    for (text, numbers) in rows {
        assert!(named(text).iter().eq(numbers), "{text}: {:?}", named(text));
    }
}
