//! The shipped lessons for the manager's API: their steps, and running one on the network that is there.

use std::sync::{Arc, OnceLock};

use tokio::sync::Mutex;
use tokio::time::Instant;

use indicatif::ProgressBar;

use crate::cli::Failure;
use crate::cli::client::Client;
use crate::cli::commands::Command;
use crate::cli::output::Output;
use crate::cli::render::Style;
use crate::cli::renew::read as read_flags;
use crate::cli::scenario::expect::{Expect, What};
use crate::cli::scenario::parse::{self, Line, Scenario, Step as Means};
use crate::cli::scenario::session::{Session, must_fail};
use crate::cli::scenario::shipped;
use crate::manager::lessons::{Lessons, Running, Stand};
use crate::manager::not_done::NotDone;
use crate::manager::view::{Lesson, Renew, Step, StepDone, StepKind};
use crate::sim::Topology;

/// The lessons, and what the one that is being run has to remember.
#[derive(Default)]
pub(in crate::cli) struct Shelf {
    memory: Mutex<Option<Memory>>,
}

/// What a lesson remembers from one step to the next.
struct Memory {
    lesson: &'static str,
    stand: Stand,
    session: Session,
}

impl Shelf {
    /// All lessons, none of them begun.
    pub(in crate::cli) fn shared() -> Arc<Shelf> {
        Arc::default()
    }

    async fn step(&self, name: &str, number: usize, stand: Stand) -> Result<StepDone, NotDone> {
        let lesson = shipped::ALL.iter().find(|one| one.name == name).ok_or_else(|| {
            let names: Vec<&str> = shipped::ALL.iter().map(|one| one.name).collect();
            NotDone::NotFound(format!("there is no lesson {name:?}; there are {}", names.join(", ")))
        })?;
        let lines = lines(lesson.name);
        let line = lines.iter().find(|line| line.number == number && !matches!(line.step, Means::Blank));
        let no_line = || NotDone::NotFound(format!("lesson {name} has nothing to do at line {number}"));
        let line = line.ok_or_else(no_line)?;
        let is_run = |line: &Line| matches!(line.step, Means::Command(_) | Means::Expect(_));
        match &line.step {
            Means::Comment | Means::Blank => {
                return Err(NotDone::not_now(
                    format!("line {number} is to be read, not run"),
                    "go on with the next",
                ));
            }
            Means::Up(_) => {
                let hint = "POST /api/v1/restart with its `renew` starts such a network";
                return Err(NotDone::not_now(format!("line {number} wants a network of its own"), hint));
            }
            Means::Command(_) | Means::Expect(_) => {}
        }
        let mut memory = self.memory.try_lock().map_err(|_| {
            NotDone::not_now("a step of a lesson is being run", "wait until it has ended, or give it up")
        })?;
        let is_first = lines.iter().find(|line| is_run(line)).is_some_and(|first| first.number == number);
        let start = Instant::now();
        let is_known = |known: &Memory| known.lesson == lesson.name && known.stand == stand && !is_first;
        if !memory.as_ref().is_some_and(is_known) {
            *memory = None;
        }
        let (done, said) = match session(&mut memory, lesson.name, stand).await {
            Ok(session) => run(session, &line.step).await,
            Err(failure) => (Err(failure), String::new()),
        };
        Ok(StepDone {
            ok: done.is_ok(),
            said,
            error: done.err().map(|failure| failure.error),
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}

impl Lessons for Shelf {
    fn list(&self) -> Vec<Lesson> {
        shipped::ALL.iter().map(lesson).collect()
    }

    fn run<'a>(&'a self, name: &'a str, line: usize, stand: Stand) -> Running<'a> {
        Box::pin(self.step(name, line, stand))
    }
}

/// The session that is remembered; one that begins now, if none is.
async fn session<'a>(
    memory: &'a mut Option<Memory>,
    lesson: &'static str,
    stand: Stand,
) -> Result<&'a mut Session, Failure> {
    let known = match memory.take() {
        Some(known) => known,
        None => {
            let client = Client::new(&stand.http.to_string()).map_err(|error| Failure::new(error, ""))?;
            Memory { lesson, stand, session: Session::begin(&client).await? }
        }
    };
    Ok(&mut memory.insert(known).session)
}

/// Carries out a line: what became of it, and what it said.
async fn run(session: &mut Session, step: &Means) -> (Result<(), Failure>, String) {
    match step {
        Means::Command(command) => command_of(session, command).await,
        Means::Expect(Expect { what: What::Fails { command, because }, .. }) => {
            let (done, said) = command_of(session, command).await;
            match must_fail(done, because, &said) {
                Ok(failure) => (Ok(()), format!("error: {}\n", failure.error)),
                Err(unmet) => (Err(unmet), said),
            }
        }
        Means::Expect(expect) => {
            let met = session.expect(expect, &ProgressBar::hidden()).await;
            (met.map(drop), String::new())
        }
        Means::Up(_) | Means::Comment | Means::Blank => (Ok(()), String::new()),
    }
}

/// Runs a command, unless it would end the very manager that runs it.
async fn command_of(session: &Session, command: &Command) -> (Result<(), Failure>, String) {
    if matches!(command, Command::Down) {
        return (Ok(()), "the network is left as it is: it is not the lesson's own\n".to_owned());
    }
    session.command(command, Output::kept(false, Style::new(false))).await
}

/// The lines of the lesson of that name.
fn lines(name: &str) -> &'static [Line] {
    static READ: OnceLock<Vec<Scenario>> = OnceLock::new();
    // A test reads them all: there is no lesson that cannot be read.
    let read = || shipped::ALL.iter().flat_map(|one| parse::scenario(one.name, one.text)).collect();
    let one = READ.get_or_init(read).iter().find(|scenario| scenario.name == name);
    one.map(|scenario| scenario.lines.as_slice()).unwrap_or_default()
}

fn lesson(one: &shipped::Shipped) -> Lesson {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    // The first line is the title.
    for line in lines(one.name).iter().skip(1) {
        let text = line.text.trim_start_matches('#').trim();
        let kind = match &line.step {
            Means::Comment if text.is_empty() => None,
            Means::Blank => None,
            Means::Comment => Some(StepKind::Say),
            Means::Up(_) => Some(StepKind::Up),
            Means::Command(_) => Some(StepKind::Command),
            Means::Expect(_) => Some(StepKind::Expect),
        };
        match (kind, steps.last_mut()) {
            (Some(StepKind::Say), Some(paragraph)) if goes_on => {
                paragraph.text.push(' ');
                paragraph.text.push_str(text);
            }
            (Some(kind), _) => {
                let renew = if kind == StepKind::Up { renew(&line.text) } else { None };
                let text = if kind == StepKind::Say { text } else { &line.text }.to_owned();
                steps.push(Step { line: line.number, text, kind, renew });
            }
            (None, _) => {}
        }
        goes_on = kind == Some(StepKind::Say);
    }
    Lesson { name: one.name.to_owned(), title: one.title().to_owned(), steps }
}

/// The network that a line `up` starts: all that makes one lesson's network another's, so that nothing is left
/// of what runs.
fn renew(line: &str) -> Option<Renew> {
    // Variables are for networks of the user's: a lesson is the same for everybody.
    let args = read_flags(parse::words(line).ok()?.get(1..)?).ok()?;
    let usual = || Topology::usual(args.amount).to_string();
    Some(Renew {
        amount: Some(args.amount),
        topology: Some(args.topology.clone().unwrap_or_else(usual)),
        difficulty: Some(args.network.difficulty),
        block_time: Some(args.network.block_time),
        mine: Some(args.mine),
        hashrate: args.hashrate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_is_its_paragraphs_and_lines() {
        let list = Shelf::default().list();
        assert_eq!(list.len(), shipped::ALL.len());
        let first = &list[0];
        assert_eq!(first.title, "A first network: four nodes, a message, and six confirmations");
        let says = &first.steps[0];
        assert_eq!((says.line, says.kind), (3, StepKind::Say));
        assert!(
            says.text.starts_with("A node is a program. Four of them") && says.text.ends_with("in charge.")
        );
        let up = &first.steps[1];
        assert_eq!((up.line, up.text.as_str(), up.kind), (6, "up -a 4 --difficulty 12", StepKind::Up));
        let json = serde_json::to_value(up).expect("JSON");
        assert_eq!(
            json["renew"],
            serde_json::json!({"amount": 4, "topology": "mesh", "difficulty": 12, "block_time": null, "mine": false})
        );
        for lesson in &list {
            let kind = |kind| lesson.steps.iter().filter(|step| step.kind == kind).count();
            assert_eq!(kind(StepKind::Up), 1, "{}: it can be run on a network that is there", lesson.name);
            assert!(kind(StepKind::Say) > 1 && kind(StepKind::Command) > 1 && kind(StepKind::Expect) > 1);
            assert!(lesson.steps.iter().all(|step| !step.text.is_empty() && !step.text.starts_with('#')));
            assert!(lesson.steps.is_sorted_by_key(|step| step.line));
        }
        let follows = list.iter().find(|lesson| lesson.name == "difficulty-follows").expect("a lesson");
        let up = follows.steps.iter().find_map(|step| step.renew.clone()).expect("a network");
        assert_eq!((up.difficulty, up.block_time), (Some(9), Some(Some(1))));
    }
}
