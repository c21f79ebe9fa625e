//! A machine whose clock is wrong. Behind the chain's time, nothing is mined that the chain would refuse, and
//! nobody is left waiting; off those of its peers, that is said, and changes nothing else.

use super::*;
use crate::limits::{CLOCK_POLL, MAX_FUTURE_SECS, MEDIAN_TIME_SPAN, PING_INTERVAL};
use crate::node::io::{Answer, ClockOffset, Command, Direction, Event, Input, Timer};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::time::UnixTime;
use crate::wire::message::{Hello, Message};

const HOUR: u64 = 3600;

/// A node whose blocks are from a time when its clock was `ahead` of today's.
fn behind(ahead: u64, params: Params, rate: u64) -> Alice {
    let mut alice = Alice::with(1, params, |config| config.hashrate = rate);
    let today = alice.now.wall;
    alice.now.wall = today.plus(secs(ahead));
    for _ in 0..12 {
        alice.command(999, Command::Mine(None));
        alice.find_block();
    }
    alice.replies.clear();
    alice.events.clear();
    alice.now.wall = today;
    alice.started_again()
}

#[test]
fn who_wants_a_block_is_told_when_there_can_be_one() {
    let mut alice = behind(3 * 3600, Params::regtest(), 0);
    let today = alice.now.wall;
    for _ in 0..3 {
        alice.command(1, Command::Mine(None));
        let until = UnixTime::from_secs(today.secs() + 3600);
        assert_eq!(alice.answer(), Answer::WrongClock { until, wait: Some(secs(3600)) });
        assert!(alice.job.is_none() && alice.timers.is_empty(), "nobody waits for anything");
        assert_eq!(alice.events, [Event::MiningPaused { until, is_past: false }], "said once");
    }
    alice.elapse(secs(3600));
    alice.command(2, Command::Mine(None));
    alice.find_block();
    assert!(matches!(alice.answer(), Answer::Mined(mined) if mined.height == 13));
}

#[test]
fn background_mining_pauses_says_so_once_and_goes_on_at_its_time() {
    let mut alice = behind(3 * 3600, Params::regtest(), 1000);
    let until = UnixTime::from_secs(alice.now.wall.secs() + 3600);
    assert_eq!(alice.events, [Event::MiningPaused { until, is_past: false }]);
    assert!(alice.job.is_none());
    alice.elapse(secs(3599));
    assert_eq!(alice.events.len(), 1, "said once");
    assert_eq!(alice.timers.values().filter(|timer| **timer == Timer::Clock).count(), 1);
    assert!(alice.job.is_none());
    alice.elapse(secs(1));
    assert_eq!(alice.job.as_ref().map(|job| job.rate), Some(Some(1000)));
    alice.find_block();
    assert_eq!(alice.height(), 13);
}

#[test]
fn a_clock_that_is_set_is_noticed() {
    let mut alice = behind(30 * 3600, Params::regtest(), 1000);
    assert!(alice.job.is_none());
    alice.now.wall = alice.now.wall.plus(secs(30 * 3600));
    alice.elapse(secs(1));
    assert!(alice.job.is_some(), "a second after it was set");
}

#[test]
fn a_few_seconds_are_waited_out() {
    let mut alice = behind(MAX_FUTURE_SECS + 5, Params::regtest(), 0);
    alice.command(1, Command::Mine(None));
    assert!(alice.replies.is_empty() && alice.job.is_none());
    alice.elapse(secs(5));
    alice.find_block();
    assert!(matches!(alice.answer(), Answer::Mined(mined) if mined.height == 13));
}

#[test]
fn a_block_that_was_made_before_the_clock_was_set_back_is_not_told_as_mined() {
    let mut alice = Alice::new(1, Params::regtest());
    alice.now.wall = alice.now.wall.plus(secs(3 * 3600));
    for _ in 0..12 {
        alice.command(999, Command::Mine(None));
        alice.find_block();
    }
    alice.replies.clear();
    alice.command(1, Command::Mine(None));
    alice.events.clear();
    let (_, found) = alice.found();
    alice.now.wall = UnixTime::from_secs(alice.now.wall.secs() - 3 * 3600);
    alice.input(found);
    assert!(!alice.events.iter().any(|event| matches!(event, Event::BlockMined { .. })), "it was refused");
    assert!(matches!(alice.answer(), Answer::WrongClock { wait, .. } if wait == Some(secs(3600))));
    assert!(alice.job.is_none(), "and nothing is tried again");
}

/// Mines a block a moment after the last.
fn mine_now(alice: &mut Alice) {
    alice.command(999, Command::Mine(None));
    alice.find_block();
    alice.replies.clear();
}

/// Its own blocks would be good; but nobody else takes the one that they build on.
///
/// Row 67 of docs/hostile.md.
#[test]
fn nothing_is_mined_on_a_block_that_others_do_not_take_yet() {
    // (blocks after the one from the future, whether one more is mined)
    for (since, is_mined) in [(0, false), (1, false), (10, false), (11, true)] {
        let mut alice = Alice::new(1, Params::regtest());
        // Of their times the median is made.
        alice.mine(MEDIAN_TIME_SPAN);
        set(&mut alice, 3);
        mine_now(&mut alice);
        set(&mut alice, -2);
        (0..since).for_each(|_| mine_now(&mut alice));
        set(&mut alice, -1);
        let until = alice.now.wall.plus(secs(HOUR));
        let mut alice = alice.started_again();
        let said = [Event::MiningPaused { until, is_past: false }];
        assert_eq!(alice.events, said[usize::from(is_mined)..], "{since}: said at the start");
        alice.command(1, Command::Mine(None));
        assert_eq!(alice.job.is_some(), is_mined, "{since}");
        if !is_mined {
            assert_eq!(alice.answer(), Answer::WrongClock { until, wait: Some(secs(HOUR)) });
            alice.elapse(secs(HOUR));
            alice.command(2, Command::Mine(None));
        }
        alice.find_block();
        assert!(matches!(alice.answer(), Answer::Mined(_)), "{since}");
    }
}

/// Row 67 of docs/hostile.md.
#[test]
fn a_clock_that_is_set_back_is_held_against_the_chain() {
    let mut alice = Alice::with(1, Params::regtest(), |config| config.hashrate = 1000);
    alice.mine(MEDIAN_TIME_SPAN);
    let height = alice.height();
    set(&mut alice, 3);
    alice.find_block();
    come(&mut alice, &[(2, 0)]);
    alice.events.clear();
    set(&mut alice, -3);
    let paused = Event::MiningPaused { until: alice.now.wall.plus(secs(HOUR)), is_past: false };
    // The miner goes on with the clock's new time.
    let (_, found) = alice.found();
    alice.input(found);
    assert_eq!((alice.height(), alice.job.is_none()), (height + 1, true), "what was found builds on it");
    assert_eq!(alice.events, [paused]);
    alice.elapse(secs(HOUR));
    assert!(alice.job.is_some(), "the background rate goes on at its time");
}

#[test]
fn a_clock_that_is_set_back_while_the_node_idles_is_held_against_the_chain_by_the_next_ping() {
    let mut alice = Alice::new(1, Params::regtest());
    alice.mine(MEDIAN_TIME_SPAN);
    set(&mut alice, 3);
    mine_now(&mut alice);
    come(&mut alice, &[(2, 0)]);
    alice.events.clear();
    set(&mut alice, -3);
    alice.elapse(PING_INTERVAL);
    assert!(matches!(alice.events[..], [Event::MiningPaused { is_past: false, .. }]), "{:?}", alice.events);
}

/// Row 67 of docs/hostile.md.
#[test]
fn a_clock_past_all_times_that_a_header_can_say_mines_nothing() {
    let mut alice = Alice::with(1, Params::regtest(), |config| config.hashrate = 1000);
    let today = alice.now.wall;
    let last = UnixTime::LAST_OF_HEADERS;
    for clock in [last.plus(secs(1)), UnixTime::from_micros(u64::MAX)] {
        alice.now.wall = clock;
        alice.command(1, Command::Mine(None));
        assert_eq!(alice.answer(), Answer::WrongClock { until: last, wait: None });
        assert!(alice.job.is_none());
    }
    let paused = |event: &&Event| **event == Event::MiningPaused { until: last, is_past: true };
    assert_eq!(alice.events.iter().filter(paused).count(), 1, "said once: {:?}", alice.events);
    alice.now.wall = today;
    alice.elapse(CLOCK_POLL);
    alice.find_block();
    assert_eq!(alice.height(), 1, "it goes on when the clock is set");
}

/// What was said of the clock since the last look: offset in seconds, of how many peers, and whether it is off.
fn said(alice: &mut Alice) -> Vec<(i64, usize, bool)> {
    let events = core::mem::take(&mut alice.events);
    let clocks = events.into_iter().filter_map(|event| match event {
        Event::Clock(ClockOffset { millis, peers, is_off }) => Some((millis / 1000, peers, is_off)),
        _ => None,
    });
    clocks.collect()
}

fn looks_again(alice: &Alice) -> bool {
    alice.timers.values().any(|timer| *timer == Timer::Offset)
}

/// Peers with these numbers come, whose clocks are so many hours ahead.
fn come(alice: &mut Alice, peers: &[(u8, i64)]) -> Vec<crate::node::io::ConnId> {
    let now = i64::try_from(alice.now.wall.millis()).expect("before 2106");
    let time = |hours: i64| (now + hours * 3_600_000).unsigned_abs();
    peers.iter().map(|(n, hours)| alice.meet_at(*n, time(*hours))).collect()
}

fn set(alice: &mut Alice, hours: i64) {
    let by = secs(hours.unsigned_abs() * HOUR);
    let wall = alice.now.wall;
    alice.now.wall = if hours < 0 { wall.minus(by) } else { wall.plus(by) };
}

#[test]
fn a_clock_that_is_behind_is_said_once_and_once_when_it_is_set() {
    let mut alice = Alice::new(1, Params::regtest());
    come(&mut alice, &[(2, 3), (3, 3), (4, 3)]);
    assert_eq!(said(&mut alice), [], "others may be about to come");
    alice.elapse(CLOCK_POLL);
    assert_eq!(said(&mut alice), [(3 * 3600, 3, true)]);
    come(&mut alice, &[(5, 3)]);
    alice.elapse(secs(60));
    assert_eq!(said(&mut alice), [], "said already");
    set(&mut alice, 3);
    alice.elapse(CLOCK_POLL);
    assert_eq!(said(&mut alice), [(0, 4, false)]);
    assert!(!looks_again(&alice), "a node whose clock is right looks at nothing");
}

#[test]
fn a_clock_that_is_ahead_is_said_and_one_that_is_set_from_one_side_to_the_other() {
    let mut alice = Alice::new(1, Params::regtest());
    come(&mut alice, &[(2, -12), (3, -12), (4, -12)]);
    alice.elapse(CLOCK_POLL);
    assert_eq!(said(&mut alice), [(-12 * 3600, 3, true)]);
    set(&mut alice, -24);
    alice.elapse(CLOCK_POLL);
    assert_eq!(said(&mut alice), [(12 * 3600, 3, true)]);
}

#[test]
fn a_clock_that_is_set_back_while_the_node_idles_is_noticed_by_the_next_ping() {
    let mut alice = Alice::new(1, Params::regtest());
    come(&mut alice, &[(2, 0), (3, 0), (4, 0)]);
    alice.elapse(secs(10));
    assert!(!looks_again(&alice));
    set(&mut alice, -3);
    alice.elapse(PING_INTERVAL + CLOCK_POLL);
    assert_eq!(said(&mut alice), [(3 * 3600, 3, true)]);
}

/// Those of its peers on the same machine slept as well.
#[test]
fn a_machine_that_slept_has_no_wrong_clock() {
    let mut alice = Alice::new(1, Params::regtest());
    come(&mut alice, &[(2, 0), (3, 0), (4, 0)]);
    set(&mut alice, 9);
    alice.elapse(PING_INTERVAL + CLOCK_POLL);
    assert_eq!(said(&mut alice), []);
}

#[test]
fn how_far_is_off_goes_by_how_far_ahead_a_block_may_be() {
    // (network, seconds that are well still)
    let rows = [(Params::regtest(), 3600), (Params::lab(4, Some(10)).expect("good rules"), 10)];
    for (params, well) in rows {
        for (ahead, is_off) in [(well, false), (well + 1, true)] {
            let mut alice = Alice::new(1, params.clone());
            alice.meet_at(2, alice.now.wall.plus(secs(ahead)).millis());
            alice.elapse(CLOCK_POLL);
            assert_eq!(!said(&mut alice).is_empty(), is_off, "{ahead} s");
        }
    }
}

/// Row 91 of docs/hostile.md.
#[test]
fn what_peers_say_of_the_time_is_only_said_and_no_crowd_says_it() {
    let mut alice = Alice::new(1, Params::regtest());
    let (honest, hello) = (alice.connected(alice::address(9), Direction::Outbound), bob(9, &alice.params));
    alice.received(honest, Message::Hello(hello));
    for n in 10..30 {
        alice.meet_at(n, if n % 2 == 0 { u64::MAX } else { u64::MAX - 1 });
    }
    alice.elapse(CLOCK_POLL);
    assert_eq!(said(&mut alice), [], "callers alone do not make a clock wrong");
    alice.input(Input::Closed(honest, Disconnect::Ended));
    let liar = alice.connected(alice::address(8), Direction::Outbound);
    alice.received(liar, Message::Hello(Hello { time: u64::MAX, ..bob(8, &alice.params) }));
    alice.elapse(CLOCK_POLL);
    assert!(matches!(said(&mut alice)[..], [(_, 21, true)]));
    assert!(alice.closed.is_empty(), "nobody is blamed");
    alice.command(1, Command::Mine(None));
    alice.find_block();
    let now = alice.now.wall.secs();
    let mined = alice.stored.get(&alice.tip()).expect("a block").header().time;
    assert_eq!((alice.height(), u64::from(mined)), (1, now), "mined by our own clock");
}

#[test]
fn without_peers_nothing_is_known_and_nothing_is_said() {
    let mut alice = Alice::new(1, Params::regtest());
    assert_eq!(alice.node.view().clock_offset(), None);
    let conns = come(&mut alice, &[(2, 3)]);
    alice.elapse(CLOCK_POLL);
    assert_eq!(said(&mut alice), [(3 * 3600, 1, true)]);
    alice.input(Input::Closed(conns[0], Disconnect::Ended));
    alice.elapse(CLOCK_POLL);
    assert_eq!(said(&mut alice), []);
    assert!(!looks_again(&alice), "an idle node idles");
    let conns = come(&mut alice, &[(2, 3)]);
    alice.elapse(CLOCK_POLL);
    assert_eq!(said(&mut alice), [], "it is as it was");
    alice.input(Input::Closed(conns[0], Disconnect::Ended));
    alice.elapse(CLOCK_POLL);
    come(&mut alice, &[(3, 0), (4, 0)]);
    alice.elapse(CLOCK_POLL);
    assert_eq!(said(&mut alice), [(0, 2, false)]);
}
