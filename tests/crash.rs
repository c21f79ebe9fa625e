//! The shipped node, killed again and again: while it mines, syncs, reorganises and recovers.
//!
//! A victim keeps its chain in a folder. Clients mine on it and submit contents, and remember what it
//! acknowledged. A helper, which keeps nothing, mines a branch of its own that leaves the victim's chain some
//! blocks back and is sometimes the longer one; then the two are introduced. At a moment that the dice choose
//! the victim is killed with signal 9 and started again, and has to have kept its word.
//!
//! `CRASH_ROUNDS` says how many kills, `CRASH_SEED` repeats the dice of a run (not the scheduler's).

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]
#![allow(
    clippy::disallowed_methods,
    reason = "sleeping until the moment of a kill, the time of starts, CRASH_ROUNDS and CRASH_SEED"
)]

mod shipped;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use shipped::{Node, command, request};

/// Rounds after which a new victim is born: what is checked grows with its chain.
const LIFE: u64 = 50;

/// Clients that mine on the victim, and that submit.
const MINERS: u64 = 2;
const SUBMITTERS: u64 = 1;

/// A victim lives at most this long after it is ready.
const LONGEST: u64 = 400;

/// SplitMix64: the same seed, the same dice.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What one client was told.
#[derive(Default)]
struct Acknowledged {
    /// Hash and index of blocks.
    blocks: Vec<(String, u64)>,
    /// Ids of contents.
    contents: Vec<String>,
}

/// All that was ever said in a life, and must be true ever after.
#[derive(Default)]
struct Word {
    id: Option<String>,
    blocks: BTreeMap<String, u64>,
    contents: Vec<String>,
    /// Blocks that were on a helper's chain: only such a one may take the place of an acknowledged one.
    foreign: BTreeSet<String>,
    /// Acknowledged blocks that lost their place to a branch.
    replaced: BTreeSet<String>,
    /// Contents up to here were looked up in earlier rounds.
    looked_up: usize,
}

/// What is told at the end.
#[derive(Default)]
struct Figures {
    starts: Vec<Duration>,
    early: u64,
    blocks: usize,
    contents: usize,
    replaced: usize,
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: expected a number")))
}

/// Rows 35 and 60 of docs/hostile.md.
#[test]
fn a_node_that_is_killed_keeps_its_word() {
    let rounds = setting("CRASH_ROUNDS").unwrap_or(12);
    let seed = setting("CRASH_SEED").unwrap_or_else(|| RandomState::new().hash_one(rounds));
    println!("CRASH_SEED={seed} CRASH_ROUNDS={rounds}");
    let mut dice = Dice(seed);
    let mut figures = Figures::default();
    let mut left = rounds;
    while left > 0 {
        live(left.min(LIFE), &mut dice, &mut figures);
        left -= left.min(LIFE);
        println!("{left} rounds to go");
    }
    figures.starts.sort_unstable();
    let Figures { starts, early, blocks, contents, replaced } = figures;
    println!(
        "{rounds} kills and {early} more before it was ready; kept {blocks} blocks, of which {replaced} lost \
         their place to a heavier branch, and {contents} contents; ready after {:?} (median) and {:?} (longest)",
        starts[starts.len() / 2],
        starts[starts.len() - 1],
    );
}

/// A folder that is being made, and the journal's sign in it, is at no moment one that a start calls damaged.
#[test]
fn a_node_that_is_killed_while_it_starts_for_the_first_time_starts() {
    let seed = setting("CRASH_SEED").unwrap_or_else(|| RandomState::new().hash_one("first"));
    println!("CRASH_SEED={seed}");
    let (mut dice, mut figures) = (Dice(seed), Figures::default());
    for _ in 0..16 {
        let folder = tempfile::tempdir().expect("a folder");
        kill_before_it_is_ready(folder.path(), &mut dice, &mut figures);
        if dice.one_in(2) {
            kill_before_it_is_ready(folder.path(), &mut dice, &mut figures);
        }
        let victim = start(folder.path(), &mut figures);
        victim.signal(Signal::TERM);
        assert_eq!(victim.end().code(), Some(0), "an orderly end; {}", log(folder.path()));
    }
}

/// The life of one victim: `rounds` kills and an orderly end.
fn live(rounds: u64, dice: &mut Dice, figures: &mut Figures) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut word = Word::default();
    let mut chain = Vec::new();
    let mut helper: Option<Node> = None;
    for round in 0..rounds {
        if helper.is_none() || dice.one_in(2) {
            helper = Some(apart(&chain, &mut word, dice));
        }
        while !dice.one_in(2) {
            kill_before_it_is_ready(folder.path(), dice, figures);
        }
        let victim = start(folder.path(), figures);
        let helper = helper.as_ref().expect("the first round made one");
        chain = keeps(&victim, Some(helper), &mut word, dice);
        kill_at_work(victim, helper, &mut word, dice, round);
    }
    let victim = start(folder.path(), figures);
    word.looked_up = 0;
    keeps(&victim, helper.as_ref(), &mut word, dice);
    victim.signal(Signal::TERM);
    assert_eq!(victim.end().code(), Some(0), "an orderly end; {}", log(folder.path()));
    figures.blocks += word.blocks.len();
    figures.contents += word.contents.len();
    figures.replaced += word.replaced.len();
}

fn victim(folder: &Path) -> Command {
    let mut victim = command(&["--log-level", "debug"]);
    victim.arg("--data-dir").arg(folder.join("victim")).arg("--log").arg(log_path(folder));
    victim
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// The end of the victim's log, for whoever has to understand a failure.
fn log(folder: &Path) -> String {
    let log = std::fs::read_to_string(log_path(folder)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn start(folder: &Path, figures: &mut Figures) -> Node {
    let since = Instant::now();
    let mut node = Node::spawn(&mut victim(folder));
    let ready = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| node.wait_until_ready()));
    assert!(ready.is_ok(), "it is not ready: {}", log(folder));
    figures.starts.push(since.elapsed());
    node
}

/// Starts it and kills it at once, or a little later: mostly while it reads what it has.
fn kill_before_it_is_ready(folder: &Path, dice: &mut Dice, figures: &mut Figures) {
    let usual = figures.starts.last().map_or(50_000, |last| last.as_micros() as u64);
    let node = Node::spawn(&mut victim(folder));
    thread::sleep(Duration::from_micros(dice.below(usual * 5 / 4)));
    node.signal(Signal::KILL);
    node.end();
    figures.early += 1;
}

/// A helper that knows the victim's chain but for its last blocks, and has mined some of its own instead.
fn apart(chain: &[Value], word: &mut Word, dice: &mut Dice) -> Node {
    let helper = Node::start(command(&["--ephemeral"]).stderr(Stdio::null()));
    let depth = dice.below(30) as usize;
    let common = chain.len().saturating_sub(depth);
    if common > 1 {
        let (status, said) = helper.ask("POST", "/chain/replace", &json!(chain[..common]).to_string());
        assert_eq!(status, 201, "{said}");
    }
    for _ in 0..dice.below(2 * depth as u64 + 40) {
        word.foreign.insert(mine_one(&helper));
    }
    helper
}

/// The hash of a block that the helper mines.
fn mine_one(helper: &Node) -> String {
    let (status, mined) = helper.ask("GET", "/mine?verbose=1", "");
    assert_eq!(status, 200, "{mined}");
    mined["hash"].as_str().expect("a hash").to_owned()
}

/// Lets the victim work until the moment of its death.
fn kill_at_work(victim: Node, helper: &Node, word: &mut Word, dice: &mut Dice, round: u64) {
    let helper_mines = dice.one_in(2);
    let (before, after) = (dice.below(LONGEST / 2), dice.below(LONGEST / 2));
    let is_over = AtomicBool::new(false);
    let http = victim.http.clone();
    let told = thread::scope(|scope| {
        let (http, is_over) = (http.as_str(), &is_over);
        let miners = (0..MINERS).map(|n| scope.spawn(move || mine(http, &format!("{round}.{n}"))));
        let submitters = (0..SUBMITTERS).map(|n| scope.spawn(move || submit(http, &format!("{round}.{n}"))));
        let clients: Vec<_> = miners.chain(submitters).collect();
        thread::sleep(Duration::from_millis(before));
        victim.meet(helper);
        let rival = helper_mines.then(|| {
            scope.spawn(move || {
                let mut mined = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    mined.push(mine_one(helper));
                }
                mined
            })
        });
        thread::sleep(Duration::from_millis(after));
        victim.signal(Signal::KILL);
        victim.end();
        is_over.store(true, Ordering::Relaxed);
        let rival = rival.map(|rival| rival.join().expect("the helper lives"));
        word.foreign.extend(rival.into_iter().flatten());
        clients.into_iter().map(|client| client.join().expect("a client")).collect::<Vec<_>>()
    });
    // It may have given the victim back a block that was nobody's: found, relayed, and lost before the answer.
    word.foreign.extend(blocks(helper).iter().map(|block| hash(block).to_owned()));
    for Acknowledged { blocks, contents } in told {
        word.blocks.extend(blocks);
        word.contents.extend(contents);
    }
}

/// Mines until nobody answers any more, every other block with a content.
fn mine(http: &str, name: &str) -> Acknowledged {
    let mut told = Acknowledged::default();
    for n in 0.. {
        let body = json!({ "content": format!("mined {name}.{n}") }).to_string();
        let (method, body) = if n % 2 == 0 { ("GET", "") } else { ("POST", body.as_str()) };
        let Ok((status, answer)) = request(method, http, "/mine?verbose=1", body) else { break };
        let mined: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(status, 200, "{mined}");
        let index = mined["index"].as_u64().expect("an index");
        told.blocks.push((mined["hash"].as_str().expect("a hash").to_owned(), index));
        if method == "POST" {
            // Without an id the block has left the store's reach: another one may have it.
            told.contents.extend(mined["content"].as_str().map(str::to_owned));
        }
    }
    told
}

/// Submits contents until nobody answers any more.
fn submit(http: &str, name: &str) -> Acknowledged {
    let mut told = Acknowledged::default();
    for n in 0.. {
        let body = json!({ "content": format!("submitted {name}.{n}") }).to_string();
        let Ok((status, answer)) = request("POST", http, "/transactions", &body) else { break };
        match status {
            202 => {
                let said: Value = serde_json::from_str(&answer).expect("JSON");
                told.contents.push(said["id"].as_str().expect("an id").to_owned());
            }
            // The pool is full: the miners make room.
            503 => {}
            _ => panic!("{status}: {answer}"),
        }
    }
    told
}

/// Holds a victim that has started again against its word; its chain.
fn keeps(victim: &Node, helper: Option<&Node>, word: &mut Word, dice: &mut Dice) -> Vec<Value> {
    let id = word.id.get_or_insert_with(|| victim.id.clone());
    assert_eq!(*id, victim.id, "it is who it was");

    let chain = blocks(victim);
    // What it may have heard from the helper since it is ready.
    let heard = helper.map(blocks).unwrap_or_default();
    word.foreign.extend(heard.iter().map(|block| hash(block).to_owned()));
    let mut previous = "0".repeat(64);
    for (block, index) in chain.iter().zip(1_u64..) {
        assert_eq!(block["header"]["index"], index);
        assert_eq!(block["header"]["previous_hash"], previous, "block {index}");
        previous = hash(block).to_owned();
    }

    for (block, index) in &word.blocks {
        let there = chain.get(*index as usize - 1).unwrap_or_else(|| {
            panic!("block {index} {block} was acknowledged, and the chain has {} blocks", chain.len())
        });
        let there = hash(there);
        if there != block {
            assert!(
                word.foreign.contains(there) || word.blocks.contains_key(there),
                "block {index} {block} was acknowledged; {there} is in its place, and nobody else mined that"
            );
            word.replaced.insert(block.clone());
        }
    }

    // All that is new, and some of what is old.
    let old = (0..20).map(|_| dice.below(word.contents.len().max(1) as u64) as usize);
    for at in (word.looked_up..word.contents.len()).chain(old) {
        let Some(id) = word.contents.get(at) else { continue };
        let (status, said) = victim.ask("GET", &format!("/transactions/{id}"), "");
        assert_eq!(status, 200, "content {id} was acknowledged: {said}");
    }
    word.looked_up = word.contents.len();
    chain
}

fn blocks(node: &Node) -> Vec<Value> {
    let (status, mut said) = node.ask("GET", "/chain", "");
    assert_eq!(status, 200, "{said}");
    let Value::Array(blocks) = said["chain"].take() else { panic!("no chain: {said}") };
    blocks
}

fn hash(block: &Value) -> &str {
    block["header"]["hash"].as_str().expect("a hash")
}
