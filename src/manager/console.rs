//! What people see: a few lines worth looking at. Everything else is in the logs.

use core::time::Duration;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::manager::cluster::Cluster;
use crate::manager::names::Name;
use crate::manager::state::News;
use crate::manager::stop::Ended;
use crate::manager::tips::Agreed;
use crate::manager::words;
use crate::node::event::ClockOffset;
use crate::wire::manage::What;

/// Nodes that the table shows; a longer one is cut.
const ROWS: usize = 40;

/// How people call commands (between backquotes in a text) so that they go to the manager at an address.
pub type Naming = fn(&str, SocketAddr) -> String;

/// Where a manager speaks to people.
#[derive(Debug, Clone)]
pub struct Console {
    bold: &'static str,
    plain: &'static str,
    naming: Naming,
    /// Where it goes on once the network was told of, if it leaves whoever started it.
    leave_for: Option<PathBuf>,
    /// The record of the network, if that is all that is to be said, to a program.
    record: Option<PathBuf>,
}

impl Console {
    /// A console on stdout, with or without colour, and with a way to name commands.
    pub fn new(colour: bool, naming: Naming) -> Console {
        let (bold, plain) = if colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        Console { bold, plain, naming, leave_for: None, record: None }
    }

    /// One that, once it has told of the network, lets go of stdout and stderr and goes on in the file at
    /// `path`. Their end is how whoever reads them knows that the network is up.
    #[must_use]
    pub fn detached(self, path: PathBuf) -> Console {
        Console { leave_for: Some(path), ..self }
    }

    /// One that says nothing but what the file at `record` says of the network, once it is up.
    #[must_use]
    pub fn for_programs(self, record: PathBuf) -> Console {
        Console { record: Some(record), ..self }
    }

    /// Says something. Nobody may be listening: that is no reason to stop.
    pub fn say(&self, text: &str) {
        if self.record.is_none() {
            self.write(text);
        }
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// The network, and what to do with it.
    pub fn network(&self, cluster: &Cluster, rules: &str, http: SocketAddr, logs: &Path, took: Duration) {
        match &self.record {
            Some(record) => self.write(std::fs::read_to_string(record).unwrap_or_default().trim_end()),
            None => self.say(&self.table(cluster, rules, http, logs, took)),
        }
        if let Some(path) = &self.leave_for
            && let Err(error) = leave(path)
        {
            tracing::warn!(%error, "stdout and stderr are still those of whoever started this");
        }
    }

    fn table(&self, cluster: &Cluster, rules: &str, http: SocketAddr, logs: &Path, took: Duration) -> String {
        let Console { bold, plain, naming, leave_for, .. } = self;
        let state = cluster.state.borrow();
        let rows: Vec<[String; 6]> = cluster
            .members()
            .iter()
            .take(ROWS)
            .map(|member| {
                let (there, standing) = (member.there(), state.standing(member.number));
                [
                    Name(member.number).to_string(),
                    format!("{}…", short(&there.node.to_string())),
                    there.http.map_or("none".to_owned(), |http| format!("http://{http}")),
                    there.listen.to_string(),
                    standing.exit().map_or(there.child.pid().to_string(), |_| standing.to_string()),
                    state.links.peers(member.number).to_string(),
                ]
            })
            .collect();
        let count = cluster.members().len();
        let links = state.links.count();
        let (nodes, ends) = (words::count(count, "node"), words::count(links, "link"));
        let resumed = resumed(cluster.resumed);
        let mut text = format!("{nodes}, {ends}, up in {}: {rules}\n{resumed}\n", time(took));
        let table = table(&["node", "id", "HTTP", "P2P", "pid", "peers"], &rows);
        for (at, line) in table.lines().enumerate() {
            text += &if at == 0 { format!("{bold}{line}{plain}\n") } else { format!("{line}\n") };
        }
        if count > ROWS {
            text += &format!("and {} more: curl http://{http}/nodes\n", count - ROWS);
        }
        text += &format!("\n{}", tries(http, *naming));
        let stop = if leave_for.is_some() { naming("`networkmngr down`", http) } else { "Ctrl-C".to_owned() };
        text + &format!("\nlogs are in {}; {stop} stops everything\n", logs.display())
    }

    /// The end of it all.
    pub fn summary(&self, ended: &[Ended], cluster: &Cluster, height: Option<u64>, logs: &Path) {
        for member in cluster.members() {
            let times = cluster.state.borrow().restarts(member.number) as usize;
            if times > 0 {
                self.say(&format!(
                    "node {} was started again {}",
                    Name(member.number),
                    words::count(times, "time")
                ));
            }
        }
        for one in ended.iter().filter(|one| !one.is_well()) {
            let by = if one.forced { ", after it was sent a signal" } else { "" };
            self.say(&format!("node {} did not end well: {}{by}", Name(one.number), one.exit));
        }
        let asked = ended.iter().filter(|one| one.asked).count();
        let well = ended.iter().filter(|one| one.is_well()).count() - asked;
        let nodes = ended.len();
        let chain = height.map_or_else(String::new, |height| format!("; the chain had {}", blocks(height)));
        let before = if asked > 0 { format!(", {asked} when somebody asked for it") } else { String::new() };
        self.say(&format!(
            "{well} of {nodes} nodes ended in order{before}{chain}; logs are in {}",
            logs.display()
        ));
    }
}

/// Has stdout and stderr go to the file at `path` from now on.
fn leave(path: &Path) -> io::Result<()> {
    let file = File::options().create(true).append(true).open(path)?;
    rustix::stdio::dup2_stdout(&file)?;
    rustix::stdio::dup2_stderr(&file)?;
    Ok(())
}

/// How long a chain of this height is.
fn blocks(height: u64) -> String {
    words::count(height.saturating_add(1), "block")
}

/// A line that says what the nodes had when they started, if that is more than genesis.
fn resumed(height: u64) -> String {
    if height == 0 { String::new() } else { format!("resumed: the chain has {} already\n", blocks(height)) }
}

/// A time as people say it.
fn time(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis {
        ..10.0 => format!("{millis:.1} ms"),
        ..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}

/// The first digits of an id.
fn short(hex: &str) -> &str {
    hex.get(..8).unwrap_or(hex)
}

/// What to try next.
fn tries(manager: SocketAddr, naming: Naming) -> String {
    let named = |command: &str| naming(&format!("`{command}`"), manager).trim_matches('`').to_owned();
    let rows = [
        (format!("http://{manager}"), "the network in a browser, live"),
        (named("networkmngr status"), "whether the nodes agree"),
        (named("networkmngr mine A -n 3"), "three blocks by node A, which is node 0"),
        (named("networkmngr tree"), "the blocks, and whose tips they are"),
        (named("networkmngr scenario list"), "lessons: a fork, a partition, a forgery"),
        (format!("curl http://{manager}/nodes"), "the same for programs"),
    ];
    let wide = rows.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    rows.iter().map(|(command, what)| format!("  {command:wide$}   {what}\n")).collect()
}

/// A block that everybody has.
pub(super) fn block_line(news: &News) -> String {
    let News { agreed: Agreed { tip, first, spread, nodes }, miner, waited } = news;
    let (height, hash) = (tip.height, tip.hash.to_string());
    let origin = match miner {
        Some(miner) => format!("mined by {}", Name(*miner)),
        None => format!("first seen at {}", Name(*first)),
    };
    // The time of a cut is none of the spread.
    let after = if *waited {
        "once they could reach each other".to_owned()
    } else {
        format!("after {}", time(*spread))
    };
    format!(
        "block {}… at height {height}, {origin}, on all {nodes} nodes {after}",
        hash.get(..16).unwrap_or(&hash)
    )
}

/// What node `number` gave up, which tells of a reorganisation.
pub(super) fn reorg_line(number: usize, what: &What) -> Option<String> {
    let What::Reorg { old, new, depth, returned, .. } = what else { return None };
    let [old, new] = [old, new].map(|place| place.hash.to_string());
    let gave_up = words::gave_up(u64::from(*depth), &old, &new, u64::from(returned.count));
    Some(format!("reorg: {} {gave_up}", Name(number)))
}

/// That the clock of node `number` is off, or right again.
pub(super) fn clock_line(number: usize, what: &What) -> Option<String> {
    let What::Clock { offset, peers, is_off } = what else { return None };
    let offset = ClockOffset::told(*offset, *peers, *is_off);
    Some(format!("clock: {} {}", Name(number), words::clock(&offset)))
}

/// Who is kept from whom; none: nobody any more.
pub(super) fn partition_line(groups: Option<&[Vec<usize>]>) -> String {
    format!("partition: {}", groups.map_or("healed".to_owned(), words::apart))
}

/// Columns as wide as they need to be: numbers to the right, text to the left.
fn table<const N: usize>(names: &[&str; N], rows: &[[String; N]]) -> String {
    let length = |text: &str| text.chars().count();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| length(&row[column]));
        cells.chain([length(names[column])]).max().unwrap_or_default()
    };
    let is_number =
        |column: usize| !rows.is_empty() && rows.iter().all(|row| row[column].parse::<u64>().is_ok());
    let line = |cells: [&str; N]| {
        let padded = cells.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if is_number(column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let cells: Vec<String> = padded.collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    let mut text = line(*names);
    for row in rows {
        text += &line(core::array::from_fn(|column| row[column].as_str()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::tips::TipAt;
    use crate::types::BlockHash;
    use crate::wire::manage::{Ids, Place};

    #[test]
    fn a_table_is_aligned() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [row(["0", "4f2a…", "7"]), row(["10", "b", "12345"])];
        assert_eq!(
            table(&["node", "id", "pid"], &rows),
            "node  id       pid\n   0  4f2a…      7\n  10  b      12345\n"
        );
    }

    #[test]
    fn what_to_try_next_is_named_for_this_manager() {
        let text = tries("127.0.0.1:7000".parse().expect("an address"), |text, manager| {
            text.replace("status`", &format!("status --manager http://{manager}`"))
        });
        let first: Vec<&str> = text.lines().take(3).map(str::trim_end).collect();
        assert_eq!(
            first,
            [
                "  http://127.0.0.1:7000                                the network in a browser, live",
                "  networkmngr status --manager http://127.0.0.1:7000   whether the nodes agree",
                "  networkmngr mine A -n 3                              three blocks by node A, which is node 0"
            ]
        );
    }

    #[test]
    fn a_chain_that_is_there_already_is_told() {
        assert_eq!(resumed(0), "");
        assert_eq!(resumed(4), "resumed: the chain has 5 blocks already\n");
    }

    #[test]
    fn what_breaks_and_heals_is_a_line_each() {
        assert_eq!(partition_line(Some(&[vec![0, 1], vec![2, 3, 4, 5]])), "partition: A B / C-F");
        assert_eq!(partition_line(None), "partition: healed");
        let place = |name: u8| Place { hash: BlockHash([name; 32]), height: 7 };
        let reorg = |count: u32| What::Reorg {
            old: place(0xa1),
            new: place(0x0b),
            ancestor: place(1),
            depth: 2,
            returned: Ids { count, ..Ids::default() },
        };
        let line = |count| reorg_line(3, &reorg(count)).expect("a reorganisation");
        assert_eq!(line(0), "reorg: D gave up 2 blocks: a1a1a1a1… for b0b0b0b0…");
        assert_eq!(line(1), "reorg: D gave up 2 blocks: a1a1a1a1… for b0b0b0b0…, 1 content back");
    }

    #[test]
    fn a_clock_that_is_wrong_is_a_line_and_one_that_is_set() {
        let rows = [
            (10_800_000, 5, true, "clock: F is 3.0 h behind those of its peers (median of 5)"),
            (-90_000, 2, true, "clock: F is 1.5 min ahead of those of its two peers, or those are wrong"),
            (0, 5, false, "clock: F is right again"),
        ];
        for (offset, peers, is_off, line) in rows {
            let what = What::Clock { offset, peers, is_off };
            assert_eq!(clock_line(5, &what).as_deref(), Some(line));
        }
    }

    #[test]
    fn a_block_is_one_line() {
        let tip = TipAt { height: 1, hash: BlockHash([0; 32]) };
        let agreed = Agreed { tip, first: 2, spread: Duration::from_micros(3210), nodes: 6 };
        let later = Agreed { spread: Duration::from_millis(250), ..agreed };
        let begin = "block 0000000000000000… at height 1,";
        let rows = [
            (agreed, Some(0), false, "mined by A, on all 6 nodes after 3.2 ms"),
            (later, None, false, "first seen at C, on all 6 nodes after 250 ms"),
            (later, Some(1), true, "mined by B, on all 6 nodes once they could reach each other"),
        ];
        for (agreed, miner, waited, end) in rows {
            assert_eq!(block_line(&News { agreed, miner, waited }), format!("{begin} {end}"));
        }
    }
}
