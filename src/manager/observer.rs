//! What the manager itself tells readers: whatever it is that changed in the state, once it has changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::limits::{VERDICT_PERIOD, VERDICT_SETTLES};
use crate::manager::happened::{Happened, Kind};
use crate::manager::keeper::Keeper;
use crate::manager::state::{Standing, State};
use crate::manager::verdict;
use crate::manager::view::{Link, Verdict};
use crate::manager::{console, report};
use crate::net::Clock;

/// What was told last.
struct Seen {
    lives: BTreeMap<usize, Standing>,
    /// Versions of links and faults.
    links_at: (u64, u64),
    links: BTreeMap<(usize, usize), Link>,
    groups: Option<Vec<Vec<usize>>>,
    /// Rates that were set at nodes themselves.
    rates: Vec<(usize, u64)>,
    verdict: Verdict,
}

impl Seen {
    fn of(state: &State) -> Seen {
        Seen {
            lives: lives(state),
            links_at: (state.links.version, state.faults.version),
            links: links(state),
            groups: report::partition(state),
            rates: state.own_rates().collect(),
            verdict: verdict::of(state, Clock::wall().micros()),
        }
    }
}

fn lives(state: &State) -> BTreeMap<usize, Standing> {
    state.standings().collect()
}

fn links(state: &State) -> BTreeMap<(usize, usize), Link> {
    report::links(state).into_iter().map(|link| ((link.a, link.b), link)).collect()
}

impl Keeper {
    /// Tells of what changes until everything stops.
    pub(super) async fn observe(&self) {
        let mut changes = self.cluster.state.subscribe();
        let mut seen = Seen::of(&changes.borrow_and_update());
        let mut verdict_due: Option<Instant> = None;
        loop {
            // Time alone makes a verdict, too: that nothing has happened for too long.
            let next = verdict_due.unwrap_or_else(|| Instant::now() + VERDICT_PERIOD);
            match timeout_at(next, changes.changed()).await {
                Ok(Err(_)) => return,
                Ok(Ok(())) => {
                    self.tell_changes(&changes.borrow_and_update(), &mut seen);
                    verdict_due = verdict_due.or_else(|| Some(Instant::now() + VERDICT_SETTLES));
                }
                Err(_) => {
                    verdict_due = None;
                    self.tell_verdict(&changes.borrow(), &mut seen);
                }
            }
        }
    }

    fn tell_changes(&self, state: &State, seen: &mut Seen) {
        // Mostly it is a tip that changed, and nobody's life.
        if !state.standings().eq(seen.lives.iter().map(|(number, standing)| (*number, *standing))) {
            let lives = lives(state);
            for (number, standing) in lives.iter().filter(|(number, now)| seen.lives.get(number) != Some(now))
            {
                self.tell(Kind::Node, self.life(state, *number, *standing));
            }
            seen.lives = lives;
        }
        // What is set here is told of when all nodes do it.
        if !state.own_rates().eq(seen.rates.iter().copied()) {
            seen.rates = state.own_rates().collect();
            self.tell(Kind::MiningSet, serde_json::to_value(report::mining(state)).unwrap_or_default());
        }
        let links_at = (state.links.version, state.faults.version);
        if core::mem::replace(&mut seen.links_at, links_at) == links_at {
            return;
        }
        let groups = report::partition(state);
        if seen.groups != groups {
            self.cluster.console.say(&console::partition_line(groups.as_deref()));
            self.tell(Kind::Partition, json!({ "groups": groups }));
            seen.groups = groups;
        }
        let links = links(state);
        for (pair, link) in links.iter().filter(|(pair, link)| seen.links.get(pair) != Some(link)) {
            tracing::debug!(?pair, up = link.up, cut = link.cut, "link");
            self.tell(Kind::Link, serde_json::to_value(link).unwrap_or_default());
        }
        seen.links = links;
    }

    fn life(&self, state: &State, number: usize, standing: Standing) -> Value {
        let pid = self.cluster.member(number).map(|member| member.there().child.pid());
        let asked = if state.was_asked(number) { ", as somebody asked" } else { "" };
        let why = standing.exit().map(|exit| format!("{exit}{asked}"));
        json!({ "node": number, "state": standing.to_string(), "pid": pid, "why": why })
    }

    fn tell_verdict(&self, state: &State, seen: &mut Seen) {
        let verdict = verdict::of(state, Clock::wall().micros());
        if seen.verdict != verdict {
            self.tell(Kind::Verdict, serde_json::to_value(&verdict).unwrap_or_default());
            seen.verdict = verdict;
        }
    }

    /// Tells readers of something that is the manager's own.
    pub(super) fn tell(&self, kind: Kind, more: Value) {
        let now = Clock::wall();
        self.cluster.publisher.publish(now, Happened::new(kind, now.micros(), more));
    }
}
