//! docs/tutorial.md does what it says: its commands are run, one after the other, and what it shows is what
//! they say, numbers and times aside. They begin where somebody has tried the README before.

use crate::harness::{Network, command, ended, words};

/// A command of the text, and what the text shows of it.
struct Shown {
    line: String,
    output: Vec<String>,
}

/// The commands of the text that are ours.
fn shown() -> Vec<Shown> {
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tutorial.md");
    let text = std::fs::read_to_string(text).expect("the tutorial");
    let mut all: Vec<Shown> = Vec::new();
    let (mut inside, mut ours) = (false, false);
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
            ours = false;
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            ours = command.starts_with("networkmngr ") || command.starts_with("mkdir ");
            if ours {
                all.push(Shown { line: command.to_owned(), output: Vec::new() });
            }
        } else if inside && ours {
            let shown = all.last_mut().expect("a command came first");
            shown.output.push(line.to_owned());
        }
    }
    all
}

/// What stays of a line when it is run again: words, # for numbers, times and hashes, @ for a node that stands
/// alone, because who has a block when, or tells of a reorg first, is up to the scheduler.
fn shape(line: &str) -> String {
    let mut shape: Vec<String> = Vec::new();
    for token in line.split_whitespace() {
        let bare = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '…');
        let is_time =
            ["µs", "ms", "s", "min", "ago"].contains(&bare) && shape.last().is_some_and(|last| last == "#");
        let differs = bare == "now" || bare.contains('…') || bare.bytes().any(|byte| byte.is_ascii_digit());
        match () {
            () if is_time => {}
            () if differs => shape.push("#".to_owned()),
            () if token.len() == 1 && token.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                shape.push("@".to_owned())
            }
            () => shape.push(token.to_owned()),
        }
    }
    shape.join(" ")
}

#[test]
fn the_tutorial_does_what_it_says() {
    let clone = Network::start(&["-a", "2"]);
    clone.run(&["down"]).good();
    let mut own: Option<Network> = None;
    let all = shown();
    assert!(all.len() > 20, "the commands were found: {}", all.len());
    for Shown { line, output } in all {
        if let Some(name) = line.strip_prefix("mkdir ").and_then(|line| line.split_once(" && cd ")) {
            assert_eq!(name.0, name.1);
            let inside = tempfile::Builder::new().prefix(name.0).tempdir_in(clone.folder.path());
            own = Some(Network { folder: inside.expect("a folder") });
            continue;
        }
        let words = words(&line);
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let ran = ended(&mut command(own.as_ref().unwrap_or(&clone).folder.path(), &words));
        // What a command notes stands before what it prints.
        let said = format!("{}{}", ran.error, ran.out);
        let is_refusal = output.iter().any(|line| line.starts_with("error: "));
        assert_eq!(ran.code != Some(0), is_refusal, "{line}: {said}");
        let expected = output.iter().map(|line| shape(line)).filter(|line| !line.is_empty());
        let mut found = said.lines().map(shape).filter(|line| !line.is_empty());
        let mut skips = false;
        for line_shown in expected {
            // A line of dots stands for any number of lines.
            if line_shown == "#" && output.iter().any(|line| line.trim() == "…") {
                skips = true;
                continue;
            }
            let next = if skips { found.find(|line| *line == line_shown) } else { found.next() };
            skips = false;
            assert_eq!(next.as_deref(), Some(line_shown.as_str()), "{line}, which says:\n{said}");
        }
        let rest = if skips || output.is_empty() { None } else { found.next() };
        assert_eq!(rest, None, "{line} says more than is shown:\n{said}");
    }
    assert!(own.unwrap_or(clone).record().is_null(), "it ends with `down`");
}
