//! A machine whose clock is behind the chain's time: nothing is mined that the chain would refuse, and
//! nobody is left waiting.

use super::*;
use crate::limits::MAX_FUTURE_SECS;
use crate::node::io::{Answer, Command, Event, Timer};
use crate::params::Params;
use crate::time::UnixTime;

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
        assert_eq!(alice.answer(), Answer::ClockBehind { until, wait: secs(3600) });
        assert!(alice.job.is_none() && alice.timers.is_empty(), "nobody waits for anything");
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
    assert_eq!(alice.events, [Event::MiningPaused { until }]);
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
    assert!(matches!(alice.answer(), Answer::ClockBehind { wait, .. } if wait == secs(3600)));
    assert!(alice.job.is_none(), "and nothing is tried again");
}
