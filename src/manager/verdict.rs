//! Whether the nodes agree, in one word and in one sentence: pure.

use core::time::Duration;

use crate::manager::names::{Name, several};
use crate::manager::state::{RunningTip, Standing, State};
use crate::manager::view::{Branch, Condition, MiningMode, Tip, Verdict};
use crate::manager::words;
use crate::node::event::ClockOffset;

/// A network without a block for so many times the expected time is stalled, but not before
/// [`LEAST_STALL`]: by chance alone that is one of twenty thousand blocks.
const STALLED_AFTER: f64 = 10.0;

/// Shortest time without a block that says anything.
const LEAST_STALL: Duration = Duration::from_secs(5);

/// Nodes that are named one by one when they are not there.
const NAMED: usize = 10;

/// The verdict at `now`, in microseconds since 1970.
pub fn of(state: &State, now: u64) -> Verdict {
    let missing: Vec<usize> =
        state.numbers().into_iter().filter(|number| state.standing(*number) != Standing::Running).collect();
    let said = state.running_tips();
    let groups: Vec<usize> = state.groups().iter().map(|group| group.len()).collect();
    let apart = groups.len() > 1;
    let best = state.blocks.best().map(|block| block.hash);
    let are_behind = said.len() > 1 && best.is_some() && said.iter().all(|tip| is_behind(state, tip));
    let stalled = stalled(state, now);
    let runs = state.running().count();
    let (condition, mut text) = match said.as_slice() {
        _ if runs == 0 => (Condition::Down, format!("down: {}", nobody(state))),
        [] => (Condition::Syncing, format!("syncing: {} not said what they have", have(runs))),
        [_, _, ..] if !are_behind => {
            let counts: Vec<String> = said.iter().map(|(.., nodes)| nodes.len().to_string()).collect();
            let counts = match counts.as_slice() {
                [one, other] => format!("{one} {} to {other}", if one == "1" { "node" } else { "nodes" }),
                all => format!("{} nodes", all.join(", ")),
            };
            let tie = if !apart && are_even(&said) {
                "; their work is the same: the next block decides"
            } else {
                ""
            };
            (Condition::Forked, format!("forked: {} tips, {counts}{tie}", said.len()))
        }
        _ if apart => {
            let tips = if said.len() == 1 { "one tip" } else { "one chain" };
            (Condition::Partitioned, format!("partitioned: {}, {tips}", to(&groups)))
        }
        [_, _, ..] => {
            let (most, behind): (Vec<_>, Vec<_>) = said.iter().partition(|(hash, ..)| Some(*hash) == best);
            let count = |of: &[&RunningTip]| of.iter().map(|(.., nodes)| nodes.len()).sum::<usize>();
            let height = most.first().map_or(0, |(_, height, ..)| *height);
            let text = format!(
                "syncing: {} at height {height}, {} behind",
                words::count(count(&most), "node"),
                count(&behind)
            );
            (Condition::Syncing, text)
        }
        [(_, height, ..)] => match stalled {
            Some((quiet, expected)) => {
                let text = format!(
                    "stalled at height {height}: no block for {:.0} s, where {expected:.1} s are expected",
                    quiet.as_secs_f64()
                );
                (Condition::Stalled, text)
            }
            None => {
                (Condition::InSync, format!("in sync: {} at height {height}", words::count(runs, "node")))
            }
        },
    };
    if condition == Condition::Forked && apart {
        text.push_str(&format!("; partitioned {}", to(&groups)));
    }
    if condition != Condition::Down {
        let besides = [away(state, &missing), wrong_clocks(state, state.running())];
        let besides: Vec<String> = besides.into_iter().flatten().collect();
        if !besides.is_empty() {
            text.push_str(&format!(" ({})", besides.join(", ")));
        }
    }
    let tip = |(hash, height, work, nodes): RunningTip| Tip {
        hash: hash.to_string(),
        height,
        work: work.to_string(),
        nodes,
    };
    Verdict { condition, text, tips: said.into_iter().map(tip).collect(), missing }
}

/// Why the network is not ready. It is if every node runs that nobody wants away, one at least, and every link
/// between nodes that run is up that is not cut.
pub fn not_ready(state: &State) -> Option<String> {
    if state.running().next().is_none() {
        return Some(nobody(state));
    }
    let mut whys: Vec<(String, Vec<usize>)> = Vec::new();
    for (number, standing) in state.standings() {
        if standing == Standing::Running || state.is_ready(number) {
            continue;
        }
        let so = standing.to_string();
        match whys.iter_mut().find(|(known, _)| *known == so) {
            Some((_, nodes)) => nodes.push(number),
            None => whys.push((so, vec![number])),
        }
    }
    let away = |(so, nodes): (String, Vec<usize>)| match (nodes.len(), so.as_str()) {
        (1, "ended") => format!("{} has ended", named(&nodes)),
        (_, "ended") => format!("{} have ended", named(&nodes)),
        (1, so) => format!("{} is {so}", named(&nodes)),
        (_, so) => format!("{} are {so}", named(&nodes)),
    };
    let mut parts: Vec<String> = whys.into_iter().map(away).collect();
    let down = state.missing_links();
    let link = |(a, b): &(usize, usize)| format!("{}-{}", Name(*a), Name(*b));
    match down.as_slice() {
        [] => {}
        [one] => parts.push(format!("the link {} is down", link(one))),
        some if some.len() <= NAMED => {
            let links: Vec<String> = some.iter().map(link).collect();
            parts.push(format!("the links {} are down", links.join(" ")));
        }
        many => parts.push(format!("{} links are down", many.len())),
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Why no node runs, as far as that is not their end.
pub fn nobody(state: &State) -> String {
    let is_paused = |(_, standing): &(usize, Standing)| *standing == Standing::Paused;
    let paused: Vec<usize> = state.standings().filter(is_paused).map(|(number, _)| number).collect();
    match (paused.len(), state.standings().count()) {
        (0, _) => "no node runs".to_owned(),
        (some, all) if some == all => "all nodes are paused".to_owned(),
        (some, _) => {
            let (is, who) = (if some == 1 { "is" } else { "are" }, named(&paused));
            format!("no node runs; {who} {is} paused")
        }
    }
}

/// Nodes by name, if they are few.
fn named(nodes: &[usize]) -> String {
    match nodes.len() {
        ..=NAMED => several(nodes),
        many => format!("{many} nodes"),
    }
}

/// How many are against how many: `3 to 2`.
fn to(groups: &[usize]) -> String {
    groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(" to ")
}

/// Who is not there, by name if they are few: those whose process has ended are down, others away.
fn away(state: &State, missing: &[usize]) -> Option<String> {
    let ended = |number: &usize| matches!(state.standing(*number), Standing::Ended(_));
    let (down, away): (Vec<usize>, Vec<usize>) = missing.iter().copied().partition(ended);
    let said = |nodes: &[usize], what: &str| {
        let is = if nodes.len() == 1 { "is" } else { "are" };
        let who = named(nodes);
        (!nodes.is_empty()).then(|| format!("{who} {is} {what}"))
    };
    let said: Vec<String> = [said(&down, "down"), said(&away, "away")].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// Which of these nodes have a clock that is wrong, as their peers have it: `F's clock is 3.0 h behind`.
pub fn wrong_clocks(state: &State, nodes: impl IntoIterator<Item = usize>) -> Option<String> {
    let wrong: Vec<(usize, ClockOffset)> =
        nodes.into_iter().filter_map(|number| Some((number, *state.clocks.get(&number)?))).collect();
    match wrong.as_slice() {
        [] => None,
        [(number, clock)] => Some(format!("{}'s clock is {}", Name(*number), clock.ours())),
        [(a, one), (b, other)] => {
            let (one, other) = (one.ours(), other.ours());
            Some(format!("{}'s clock is {one}, {}'s is {other}", Name(*a), Name(*b)))
        }
        more => {
            let numbers: Vec<usize> = more.iter().map(|(number, _)| *number).collect();
            Some(format!("the clocks of {} are wrong", named(&numbers)))
        }
    }
}

/// Whether a tip is on the best chain, or further down than that is known: whoever missed that much is behind.
fn is_behind(state: &State, (hash, height, ..): &RunningTip) -> bool {
    match state.blocks.get(hash) {
        Some(block) => matches!(state.blocks.branch(block), Branch::Best | Branch::Unknown),
        None => *height < state.blocks.known_from(),
    }
}

/// Whether all these tips have the same work, as one alone has: then no time, only a block, changes anything.
pub fn are_even(tips: &[RunningTip]) -> bool {
    tips.windows(2).all(|pair| pair[0].2 == pair[1].2)
}

fn have(count: usize) -> String {
    if count == 1 { "1 node has".to_owned() } else { format!("{count} nodes have") }
}

/// For how long there was no block, and in how many seconds one is expected, if that says something.
fn stalled(state: &State, now: u64) -> Option<(Duration, f64)> {
    let expected = expected_seconds(state)?;
    let quiet = Duration::from_micros(now.saturating_sub(state.last_progress));
    let is_long = quiet >= LEAST_STALL && quiet.as_secs_f64() > expected * STALLED_AFTER;
    (state.last_progress > 0 && is_long).then_some((quiet, expected))
}

/// Seconds that a block takes on average, if somebody mines without being asked to.
pub fn expected_seconds(state: &State) -> Option<f64> {
    let modes = &state.modes;
    let runs = |number: &usize| state.standing(*number) == Standing::Running;
    let in_turn = modes.mode == MiningMode::Interval && modes.nodes(&state.numbers()).iter().any(runs);
    let every = in_turn.then_some(modes.interval.as_secs_f64());
    let rate: u64 = state.running().map(|number| state.rate(number)).sum();
    let mined = expected_hashes(state).filter(|_| rate > 0).map(|hashes| hashes.to_f64() / rate as f64);
    match (every, mined) {
        // What comes in both ways comes as often as both together.
        (Some(every), Some(mined)) => Some(1.0 / (1.0 / every + 1.0 / mined)),
        (every, mined) => every.or(mined),
    }
}

/// Hashes that a block takes on average, at the target of the best tip.
pub fn expected_hashes(state: &State) -> Option<crate::types::Work> {
    Some(state.blocks.best()?.bits.to_target().ok()?.work())
}

#[cfg(test)]
mod tests;
