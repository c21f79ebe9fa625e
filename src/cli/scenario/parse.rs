//! From text to lines that can be carried out; all of it is read before any of it is.

use std::ffi::OsString;

use crate::cli::commands::Command;
use crate::cli::scenario::expect::{self, Expect};
use crate::cli::settings::{self, Asked, NotAsked};
use crate::cli::{Failure, names};

/// A scenario.
#[derive(Debug)]
pub(super) struct Scenario {
    /// The name of its file.
    pub name: String,
    /// What it says, in order.
    pub lines: Vec<Line>,
}

/// A line of it.
#[derive(Debug)]
pub(super) struct Line {
    /// Which.
    pub number: usize,
    /// As it was written, without what surrounds it.
    pub text: String,
    /// What it means.
    pub step: Step,
}

/// What a line means.
#[derive(Debug)]
pub(super) enum Step {
    /// Something to be read.
    Comment,
    /// Nothing, between paragraphs.
    Blank,
    /// A network is to be started.
    Up(Box<Asked>),
    /// A command.
    Command(Box<Command>),
    /// Something has to be so.
    Expect(Expect),
}

/// Reads a scenario; an error names its line.
pub(super) fn scenario(name: &str, text: &str) -> Result<Scenario, Failure> {
    let mut lines = Vec::new();
    let mut nodes = 0;
    for (at, line) in text.lines().enumerate() {
        let (number, text) = (at + 1, line.trim().to_owned());
        let step = step(&text)
            .and_then(|step| known(&step, &mut nodes).map(|()| step))
            .map_err(|failure| Failure::usage(format!("{name}:{number}: {}", failure.error), failure.hint))?;
        lines.push(Line { number, text, step });
    }
    let first = lines.iter().find(|line| !matches!(line.step, Step::Comment | Step::Blank));
    match first {
        Some(Line { step: Step::Up(_), .. }) => Ok(Scenario { name: name.to_owned(), lines }),
        Some(line) => Err(Failure::usage(
            format!("{name}:{}: there is no network yet", line.number),
            "begin with a line such as `up -a 4 --difficulty 12`",
        )),
        None => Err(Failure::usage(
            format!("{name}: there is nothing to do"),
            "write a command on a line of its own",
        )),
    }
}

/// Whether the nodes of which something is expected are there by then; `nodes` are those that there are.
fn known(step: &Step, nodes: &mut usize) -> Result<(), Failure> {
    match step {
        Step::Up(asked) => {
            if let Command::Up(args) = &asked.cli.command {
                *nodes = args.amount;
            }
        }
        Step::Command(command) => {
            if let Command::Add(args) = &**command {
                *nodes += usize::from(args.count);
            }
        }
        Step::Expect(expect) => {
            if let Some(node) = expect.what.node().filter(|node| node >= nodes) {
                let (name, there_are) = (names::letters(node), names::there_are(nodes.saturating_sub(1)));
                return Err(Failure::usage(
                    format!("there is no node {name} by then: {there_are}"),
                    "start more with `up -a N`, or add one with a line `add`",
                ));
            }
        }
        Step::Comment | Step::Blank => {}
    }
    Ok(())
}

/// How to give a command an end that has none, if it has none.
fn without_end(command: &Command) -> Option<&'static str> {
    match command {
        Command::Logs(args) if args.is_endless() => Some("leave out --follow"),
        Command::Events(args) if args.is_endless() => Some("end it with --for TIME, or with --count N"),
        Command::Status(args) if args.is_endless() => Some("leave out --watch"),
        _ => None,
    }
}

fn step(text: &str) -> Result<Step, Failure> {
    if text.is_empty() {
        return Ok(Step::Blank);
    }
    if text.starts_with('#') {
        return Ok(Step::Comment);
    }
    let words = words(text).map_err(|error| Failure::usage(error.to_string(), error.hint()))?;
    if words.first().is_some_and(|word| word == "expect") {
        return expect::parse(&words[1..]).map(Step::Expect);
    }
    if words.first().is_some_and(|word| word == "networkmngr") {
        let error = "a line begins with a command, not with networkmngr";
        let rest = words.get(1).map_or("up", String::as_str);
        return Err(Failure::usage(error, format!("leave that word out: `{rest} …`")));
    }
    let asked = asked(&words)?;
    match asked.cli.command {
        Command::Up(_) => Ok(Step::Up(Box::new(asked))),
        command => Ok(Step::Command(Box::new(command))),
    }
}

/// A command of a scenario: one that talks to a network, or starts one.
pub(super) fn asked(words: &[String]) -> Result<Asked, Failure> {
    let name = words.first().map(String::as_str).unwrap_or_default();
    let line = ["networkmngr".to_owned()].into_iter().chain(words.iter().cloned()).map(OsString::from);
    let asked = settings::read(line.collect()).map_err(|not| match not {
        NotAsked::Wrong(failure) => failure,
        NotAsked::Shown(_) => Failure::usage(format!("{name}: help is for people"), "remove the line"),
    })?;
    match &asked.cli.command {
        Command::Scenario(_)
        | Command::Renew(_)
        | Command::Simulate(_)
        | Command::Node(_)
        | Command::Completions(_)
        | Command::Config(_)
        | Command::Doctor(_) => Err(Failure::usage(
            format!("{name} is not for scenarios"),
            "`networkmngr scenario run --help` says what is",
        )),
        command if without_end(command).is_some() => Err(Failure::usage(
            format!("{} has no end, and no line after it would have its turn", words.join(" ")),
            without_end(command).unwrap_or_default(),
        )),
        _ if asked.cli.talk.manager.is_some() && words.iter().any(|word| word.starts_with("--manager")) => {
            Err(Failure::usage("a scenario has a network of its own", "leave out --manager"))
        }
        _ => Ok(asked),
    }
}

/// What the line `text` expects, without the time that it may take.
pub(super) fn expected(text: &str) -> &str {
    let Ok(all) = words(text) else { return text };
    let [first @ .., within, _] = all.as_slice() else { return text };
    if within != "within" {
        return text;
    }
    // The word may stand in quotes or in a comment as well: it is the one that all words before it are in front of.
    let ends = text.match_indices("within").map(|(at, _)| text[..at].trim_end());
    ends.into_iter().find(|text| words(text).is_ok_and(|words| words == first)).unwrap_or(text)
}

/// What is wrong with the quotes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum BadQuotes {
    /// They do not end.
    #[error("a {0} is not closed")]
    Open(char),
    /// A backslash stands before something else.
    #[error("in quotes, \\ stands before \" or \\ only")]
    Escape,
}

impl BadQuotes {
    fn hint(self) -> &'static str {
        match self {
            BadQuotes::Open(_) => "close the quotes",
            BadQuotes::Escape => "write \\\\ for a backslash; a text is one line",
        }
    }
}

/// The words of a line: between spaces, or between quotes, in which \" and \\ stand for themselves; what is
/// behind a # that begins a word is a comment.
pub(in crate::cli) fn words(line: &str) -> Result<Vec<String>, BadQuotes> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => {
                let escaped = chars.next().filter(|c| ['"', '\\'].contains(c));
                let c = escaped.ok_or(BadQuotes::Escape)?;
                word.get_or_insert_default().push(c);
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(BadQuotes::Open(open));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_a_shell_would() {
        let rows: [(&str, &[&str]); 6] = [
            ("mine A -n 3", &["mine", "A", "-n", "3"]),
            (r#"send "hello, chain""#, &["send", "hello, chain"]),
            (r#"send "a \"b\" \\" '' # said"#, &["send", r#"a "b" \"#, ""]),
            ("send it's'", &["send", "its"]),
            ("send a#b", &["send", "a#b"]),
            ("", &[]),
        ];
        for (line, expected) in rows {
            assert_eq!(
                words(line).as_deref(),
                Ok(expected.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>().as_slice()),
                "{line}"
            );
        }
        for bad in [r#"send "open"#, "send 'open", r#"send "\n""#] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_expected_is_said_without_its_time() {
        let rows = [
            ("expect in-sync within 5s", "expect in-sync"),
            ("expect contains \"a within b\"", "expect contains \"a within b\""),
            ("expect contains \"a within b\" within 5s # within reason", "expect contains \"a within b\""),
            ("expect lacks within within 1m", "expect lacks within"),
            ("expect tips 2", "expect tips 2"),
        ];
        for (line, said) in rows {
            assert_eq!(expected(line), said, "{line}");
        }
    }

    #[test]
    fn bad_quotes_are_hinted_at_for_what_they_are() {
        for (line, hint) in
            [("send \"x", "close the quotes"), (r#"send "a\n""#, "write \\\\ for a backslash")]
        {
            let failure = step(line).expect_err(line);
            assert!(failure.hint.starts_with(hint), "{line}: {}", failure.hint);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_before_anything_is_done() {
        let rows = [
            ("", "x.scn: there is nothing to do"),
            ("# only\n# words\n", "x.scn: there is nothing to do"),
            ("# a\nstatus\n", "x.scn:2: there is no network yet"),
            ("up -a 0\n", "x.scn:1: invalid value '0'"),
            ("up\n\nstatsu\n", "x.scn:3: unrecognized subcommand 'statsu'"),
            ("up\nexpect happiness\n", "x.scn:2: there is nothing like \"happiness\" to expect"),
            ("up\nnetworkmngr status\n", "x.scn:2: a line begins with a command, not with networkmngr"),
            ("up\nscenario list\n", "x.scn:2: scenario is not for scenarios"),
            ("up\nexpect fails expect in-sync\n", "x.scn:2: "),
            (
                "up\nexpect fails mine A within 5s\n",
                "x.scn:2: within 5s: a command that is to fail is run once",
            ),
            ("up\nsend \"x\n", "x.scn:2: a \" is not closed"),
            ("up\nstatus --help\n", "x.scn:2: status: help is for people"),
            (
                "up -a 2\nexpect node C running\n",
                "x.scn:2: there is no node C by then: there are nodes A to B",
            ),
            (
                "up -a 2\nadd\nexpect node C height 1\nexpect node 3 peers 1\n",
                "x.scn:4: there is no node D by then",
            ),
            ("up\nlogs -f\n", "x.scn:2: logs -f has no end"),
            ("up\nevents --type tip\n", "x.scn:2: events --type tip has no end"),
            ("up\nexpect fails status --watch\n", "x.scn:2: status --watch has no end"),
            ("up\nstatus --manager http://127.0.0.1:1\n", "x.scn:2: a scenario has a network of its own"),
        ];
        for (text, expected) in rows {
            let failure = scenario("x.scn", text).expect_err(text);
            assert!(failure.error.starts_with(expected), "{text:?}: {failure}");
            assert_eq!(failure.code, crate::cli::USAGE, "{text:?}");
        }
        let good = scenario("x.scn", "# A title\n\nup -a 2\nmine A\nexpect node B height 1 within 5s # soon\nlogs\nevents --all --for 1s\n")
            .expect("a scenario");
        assert_eq!(good.lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
        assert!(matches!(good.lines[4].step, Step::Expect(_)));
    }
}
