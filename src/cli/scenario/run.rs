//! A scenario is carried out, line by line, up to the first that goes wrong.

use core::time::Duration;
use std::ffi::OsString;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::cli::Failure;
use crate::cli::commands::{self, Command, Detached};
use crate::cli::output::{Output, spinner};
use crate::cli::render::{lines, span};
use crate::cli::scenario::RunArgs;
use crate::cli::scenario::expect::{Expect, What};
use crate::cli::scenario::parse::{self, Line, Scenario, Step};
use crate::cli::scenario::session::{Session, must_fail};
use crate::cli::settings::Asked;
use crate::limits::DOWN_TIMEOUT;
use crate::manager::exit::INTERRUPTED;
use crate::manager::signals::Signals;
use crate::manager::view::{Condition, Network};

/// A network of the scenario's. Dropped without an end, its lifeline goes, and it ends by itself.
struct There {
    manager: Detached,
    session: Session,
    /// Goes with it, unless the scenario named another folder.
    _folder: Option<TempDir>,
}

/// What runs.
struct Run<'a> {
    args: &'a RunArgs,
    output: &'a mut Output,
    there: Option<There>,
    /// Held while a network starts or ends: a signal waits for it, or the network would outlive its folder.
    changing: Arc<Mutex<()>>,
}

/// Carries out `scenario`; its network has ended when this returns.
pub(super) async fn run(scenario: &Scenario, args: &RunArgs, output: &mut Output) -> Result<(), Failure> {
    let mut signals =
        Signals::new().map_err(|error| Failure::new(format!("signals cannot be caught: {error}"), ""))?;
    let start = Instant::now();
    let changing: Arc<Mutex<()>> = Arc::default();
    let mut run = Run { args, output, there: None, changing: changing.clone() };
    let interrupted = async {
        signals.next().await;
        drop(changing.lock().await);
    };
    let done = tokio::select! {
        done = run.lines(scenario) => done,
        () = interrupted => Err(Failure { code: INTERRUPTED as u8, ..Failure::new("interrupted; its network was stopped", "") }),
    };
    let ended = run.end().await;
    done?;
    ended?;
    let expected = scenario.lines.iter().filter(|line| matches!(line.step, Step::Expect(_))).count();
    let took = start.elapsed();
    output.item(
        &json!({"scenario": scenario.name, "expectations": expected, "seconds": took.as_secs_f64(), "ok": true}),
        |style| {
            let said = format!("{}: all {expected} expectations were met, in {}", scenario.name, span(took));
            format!("{}\n", style.good(&said))
        },
    );
    Ok(())
}

impl Run<'_> {
    async fn lines(&mut self, scenario: &Scenario) -> Result<(), Failure> {
        for line in &scenario.lines {
            if let (Some(pace), Step::Up(_) | Step::Command(_)) = (self.args.pace, &line.step) {
                sleep(pace).await;
            }
            let start = Instant::now();
            let done = self.line(line).await.map_err(|failure| {
                let place = format!("{}:{}: {}", scenario.name, line.number, line.text);
                Failure { error: format!("{place}\n       {}", failure.error), ..failure }
            });
            if self.output.json && !matches!(line.step, Step::Blank | Step::Comment) {
                let (ok, said) = match &done {
                    Ok(said) => (true, said.clone()),
                    Err(failure) => (false, Value::from(failure.error.clone())),
                };
                let took = start.elapsed().as_secs_f64();
                let told =
                    json!({"line": line.number, "text": line.text, "ok": ok, "seconds": took, "said": said});
                self.output.item(&told, |_| String::new());
            }
            done?;
        }
        Ok(())
    }

    /// Carries out a line: what it said, as JSON.
    async fn line(&mut self, line: &Line) -> Result<Value, Failure> {
        let is_shown = !self.args.quiet && !self.output.json;
        match &line.step {
            Step::Blank if is_shown => self.output.write("\n"),
            Step::Comment if is_shown => {
                let text = line.text.trim_start_matches('#').trim_start();
                self.output.write(&format!("{}\n", lines(text)));
            }
            Step::Blank | Step::Comment => {}
            Step::Up(asked) => {
                self.show_command(line, is_shown);
                return self.up(asked).await;
            }
            Step::Command(command) => {
                self.show_command(line, is_shown);
                let (done, said) = self.command(command).await;
                if is_shown {
                    self.output.write(&indented(&said));
                }
                done?;
                return Ok(serde_json::from_str(&said).unwrap_or(Value::from(said)));
            }
            Step::Expect(expect) => {
                let took = self.expect(expect).await?;
                if !self.output.json {
                    let style = self.output.style;
                    let text = parse::expected(&line.text);
                    let ok = style.good("ok");
                    self.output
                        .write(&format!("{ok}  {text}  {}\n", style.dim(&format!("({})", span(took)))));
                }
            }
        }
        Ok(Value::Null)
    }

    fn show_command(&mut self, line: &Line, is_shown: bool) {
        if is_shown {
            let style = self.output.style;
            self.output.write(&format!("{}\n", style.bold(&format!("$ networkmngr {}", lines(&line.text)))));
        }
    }

    /// Starts a network: on free ports, in a folder that goes with it, unless the line says otherwise.
    async fn up(&mut self, asked: &Asked) -> Result<Value, Failure> {
        if self.there.is_some() {
            return Err(Failure::usage("a network runs already", "end it first, with a line `down`"));
        }
        let Command::Up(args) = &asked.cli.command else { return Ok(Value::Null) };
        // What starts hears of a signal itself, and ends before its folder goes.
        let _changing = self.changing.clone().lock_owned().await;
        // Variables are the user's, for networks of the user's: a scenario is the same for everybody.
        let says = |from: &str| from == "flag" || from == "file";
        let is_said = |name: &str| asked.settings.iter().any(|one| one.name == name && says(one.from));
        let mut words = asked.words.clone();
        for flag in ["port", "base-http", "base-listen"] {
            if !is_said(flag) {
                words.push(format!("--{flag}=0").into());
            }
        }
        let mut folder = None;
        let mut data_dir = args.data_dir.clone();
        if !is_said("data-dir") {
            let made = tempfile::Builder::new().prefix("networkmngr-").tempdir();
            let made = made.map_err(|error| {
                Failure::new(
                    format!("no temporary folder can be made: {error}"),
                    "set TMPDIR to a place that can be written",
                )
            })?;
            data_dir = made.path().join("network");
            let mut flag = OsString::from("--data-dir=");
            flag.push(&data_dir);
            words.push(flag);
            folder = Some(made);
        }
        let mut manager = commands::start_detached(&words, &data_dir, true).await?;
        let said = manager.said.clone();
        if !self.args.quiet && !self.output.json {
            // The table; what it says to try next is for others.
            let table: Vec<&str> =
                said.lines().take_while(|line| !line.starts_with("  networkmngr")).collect();
            self.output.write(&indented(table.join("\n").trim_end()));
        }
        let session = match Session::begin(&manager.client).await {
            Ok(session) => session,
            Err(failure) => {
                end(&mut manager).await;
                return Err(failure);
            }
        };
        self.there = Some(There { manager, session, _folder: folder });
        Ok(Value::Null)
    }

    fn there(&mut self) -> Result<&mut There, Failure> {
        self.there
            .as_mut()
            .ok_or_else(|| Failure::usage("no network runs any more", "start one with a line `up …`"))
    }

    /// Runs a command: what became of it, and what it said.
    async fn command(&mut self, command: &Command) -> (Result<(), Failure>, String) {
        if matches!(command, Command::Down) {
            return (self.end().await, String::new());
        }
        let (json, style) = (self.output.json, self.output.style);
        match self.there() {
            Ok(there) => there.session.command(command, Output::kept(json, style)).await,
            Err(failure) => (Err(failure), String::new()),
        }
    }

    /// Waits until it is as expected; the time it took.
    async fn expect(&mut self, expect: &Expect) -> Result<Duration, Failure> {
        if let What::Fails { command, because } = &expect.what {
            let start = Instant::now();
            let (done, said) = self.command(command).await;
            let failure = must_fail(done, because, &said)?;
            if !self.args.quiet && !self.output.json {
                self.output.write(&indented(&format!("error: {}", failure.error)));
            }
            return Ok(start.elapsed());
        }
        // Of a network that was ended there is nothing to ask, and nothing runs.
        if self.there.is_none() && matches!(expect.what, What::Condition(Condition::Down)) {
            return Ok(Duration::ZERO);
        }
        let bar = spinner(String::new());
        let met = self.there()?.session.expect(expect, &bar).await;
        bar.finish_and_clear();
        met
    }

    /// Ends the network, if there is one, and waits until all of it is gone.
    async fn end(&mut self) -> Result<(), Failure> {
        let _changing = self.changing.clone().lock_owned().await;
        let Some(There { mut manager, session, _folder }) = self.there.take() else { return Ok(()) };
        // Nodes that came later are in the newest view; without one, the last that was seen will do.
        let network: Network = match crate::cli::watch::network(&manager.client).await {
            Ok(network) => network,
            Err(_) => session.network().clone(),
        };
        drop(session);
        end(&mut manager).await;
        commands::ended(&network, DOWN_TIMEOUT).await
    }
}

/// Has a manager end, which is the end of its lifeline, and waits for it.
async fn end(manager: &mut Detached) {
    drop(manager.child.stdin.take());
    if timeout(DOWN_TIMEOUT, manager.child.wait()).await.is_err() {
        let _ = manager.child.kill().await;
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n").collect()
}
