//! Whether a node whose process has ended is started again, and when.

use core::fmt;
use core::time::Duration;

use crate::limits::{MAX_RESTARTS, RESTART_FORGIVEN_AFTER, RESTART_PAUSE};
use crate::manager::exit::Exit;

/// What becomes of a node whose process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is started again.
    Again(Again),
    /// It stays as it is: nobody asked for more.
    Stays,
    /// It stays as it is although nodes are to be started again, and why.
    Final(&'static str),
}

/// A start that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// Which one in a row, from 1.
    pub attempt: u32,
    /// The pause before it.
    pub after: Duration,
}

/// The starts of one node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Starts {
    in_row: u32,
    /// How often its process was started again, in all.
    pub total: u32,
}

impl Starts {
    /// Its process ended after it ran for `ran`; zero if it did not get that far.
    pub fn ended(&mut self, exit: Exit, ran: Duration) -> Fate {
        if let Some(why) = exit.final_because() {
            return Fate::Final(why);
        }
        if ran >= RESTART_FORGIVEN_AFTER {
            self.in_row = 0;
        }
        if self.in_row >= MAX_RESTARTS {
            return Fate::Final("it ended too often in a row");
        }
        let after = RESTART_PAUSE * 2_u32.pow(self.in_row);
        self.in_row += 1;
        Fate::Again(Again { attempt: self.in_row, after })
    }
}

impl fmt::Display for Fate {
    /// As the end of a sentence that says how the process ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Again(Again { attempt, after }) => {
                write!(f, "; starting it again in {} s, {attempt} of {MAX_RESTARTS}", after.as_secs_f32())
            }
            Fate::Stays => Ok(()),
            Fate::Final(why) => write!(f, "; it is not started again: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILLED: Exit = Exit::Signal(9);
    const SHORT: Duration = Duration::from_secs(59);

    fn pauses(starts: &mut Starts, ends: usize) -> Vec<u128> {
        let pause = |_| match starts.ended(KILLED, SHORT) {
            Fate::Again(again) => Some(again.after.as_millis()),
            _ => None,
        };
        (0..ends).map_while(pause).collect()
    }

    /// Row 82 of docs/hostile.md.
    #[test]
    fn a_node_that_dies_in_a_loop_is_started_five_times_ever_later() {
        let mut starts = Starts::default();
        assert_eq!(pauses(&mut starts, 10), [500, 1000, 2000, 4000, 8000]);
        assert_eq!(starts.ended(KILLED, SHORT), Fate::Final("it ended too often in a row"));
    }

    #[test]
    fn a_node_that_ran_for_a_minute_begins_anew() {
        let mut starts = Starts::default();
        assert_eq!(pauses(&mut starts, 5).len(), 5);
        let again = Again { attempt: 1, after: RESTART_PAUSE };
        assert_eq!(starts.ended(KILLED, RESTART_FORGIVEN_AFTER), Fate::Again(again));
        assert_eq!(pauses(&mut starts, 10), [1000, 2000, 4000, 8000]);
    }

    #[test]
    fn a_node_that_would_end_the_same_way_or_was_stopped_stays_so() {
        for code in [0, 2, 65, 130] {
            let fate = Starts::default().ended(Exit::Code(code), RESTART_FORGIVEN_AFTER);
            assert!(matches!(fate, Fate::Final(_)), "{code}: {fate:?}");
        }
        for exit in [Exit::Code(1), Exit::Code(74), Exit::Code(101), Exit::Unknown] {
            assert!(matches!(Starts::default().ended(exit, SHORT), Fate::Again(_)), "{exit}");
        }
    }

    #[test]
    fn a_fate_ends_the_sentence_that_tells_of_it() {
        let again = Starts::default().ended(KILLED, SHORT);
        assert_eq!(again.to_string(), "; starting it again in 0.5 s, 1 of 5");
        assert_eq!(Fate::Stays.to_string(), "");
        let damaged = Starts::default().ended(Exit::Code(65), SHORT);
        assert_eq!(damaged.to_string(), "; it is not started again: it would end the same way");
    }
}
