//! What the lines of a scenario have to do with a network: its commands, what is expected of it, and what has to
//! be remembered from one line to the next.

use core::time::Duration;

use hyper::Method;
use indicatif::ProgressBar;
use tokio::time::{Instant, timeout_at};

use crate::cli::client::Client;
use crate::cli::commands::{self, Command, Context};
use crate::cli::output::Output;
use crate::cli::render::{safe, span};
use crate::cli::scenario::expect::{self, Expect, Found, Seen, What};
use crate::cli::watch::Watch;
use crate::cli::{Failure, UNMET, names};
use crate::limits::API_TIMEOUT;
use crate::manager::view::Network;

/// A network, as the lines of one scenario see it.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    watch: Watch,
    /// Hashes a block took when the difficulty was last expected to be somewhere, or at the start.
    difficulty: f64,
}

impl Session {
    /// A session with the network of `client`, whose reorgs count from now on.
    pub(super) async fn begin(client: &Client) -> Result<Session, Failure> {
        let watch = Watch::begin(client).await?;
        let difficulty = expect::hashes(watch.network());
        Ok(Session { client: client.clone(), watch, difficulty })
    }

    /// The network as it was seen last.
    pub(super) fn network(&self) -> &Network {
        self.watch.network()
    }

    /// Runs a command: what became of it, and what it said into `output`.
    pub(super) async fn command(&self, command: &Command, output: Output) -> (Result<(), Failure>, String) {
        let mut context = Context { client: self.client.clone(), output };
        let done = Box::pin(commands::run(command, &mut context)).await;
        (done, context.output.into_text())
    }

    /// Waits until it is as expected; the time it took. `bar` says what there is instead. (That a command fails
    /// is [`must_fail`]'s.)
    pub(super) async fn expect(&mut self, expect: &Expect, bar: &ProgressBar) -> Result<Duration, Failure> {
        let start = Instant::now();
        let deadline = start + expect.within;
        // A last look counts: what is so at the deadline is so.
        self.watch.refresh().await?;
        let mut found = self.check(&expect.what).await?;
        while let Err(what) = &found
            && Instant::now() < deadline
        {
            bar.set_message(format!("not yet: {what}"));
            if let Ok(changed) = timeout_at(deadline, self.watch.changed()).await {
                changed?;
            } else {
                self.watch.refresh().await?;
            }
            found = self.check(&expect.what).await?;
        }
        found.map_err(|found| unmet(&format!("not within {}; found: {found}", span(expect.within)), ""))?;
        match expect.what {
            What::Reorg(_) => self.watch.forget_reorgs(),
            What::Difficulty(_) => self.difficulty = expect::hashes(self.watch.network()),
            _ => {}
        }
        Ok(start.elapsed())
    }

    /// Whether it is so now.
    async fn check(&mut self, what: &What) -> Result<Result<(), Found>, Failure> {
        let mut seen = Seen {
            reorgs: self.watch.reorgs().collect(),
            difficulty: Some(self.difficulty),
            chain: Vec::new(),
        };
        if what.needs_chain() {
            let tips = &self.watch.network().verdict.tips;
            let Some(node) = tips.first().and_then(|tip| tip.nodes.first()) else {
                return Ok(Err("no node has a chain".to_owned()));
            };
            let path = format!("/node/{node}/chain");
            let answer = self.client.call(Method::GET, &path, bytes::Bytes::new(), API_TIMEOUT).await?;
            if !answer.is_good() {
                return Ok(Err(format!(
                    "node {} does not give its chain ({})",
                    names::letters(*node),
                    answer.status
                )));
            }
            seen.chain = expect::texts(&answer.json());
        }
        if matches!(what, What::Difficulty(_)) {
            // The rules are not told by events.
            self.watch.refresh().await?;
        }
        Ok(what.check(self.watch.network(), &seen))
    }
}

/// What became of a command that is to fail with `because` in its error, and which said `said`: why it failed, or
/// that it did not, or not for that reason.
pub(super) fn must_fail(done: Result<(), Failure>, because: &str, said: &str) -> Result<Failure, Failure> {
    match done {
        Ok(()) => Err(unmet("it did not fail", said)),
        Err(failure) if !failure.error.contains(because) => {
            Err(unmet(&format!("it failed, but not because of {because}: {}", failure.error), said))
        }
        Err(failure) => Ok(failure),
    }
}

fn unmet(why: &str, said: &str) -> Failure {
    let said = if said.is_empty() { String::new() } else { format!("; it said: {}", safe(said.trim(), 400)) };
    let hint = "see what there was: a line `status` or `tree` in front of it shows more";
    Failure { code: UNMET, ..Failure::new(format!("{why}{said}"), hint) }
}
