//! The lessons that come with the program, run step by step on the network that is there.

use core::pin::Pin;
use std::net::SocketAddr;

use crate::manager::not_done::NotDone;
use crate::manager::view::{Lesson, StepDone};

/// Which network a step is run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// Where its manager is called.
    pub http: SocketAddr,
    /// The run of its events.
    pub run: u64,
}

/// A step that is being run. Whoever drops it gives it up.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<StepDone, NotDone>> + Send + 'a>>;

/// Who knows the lessons, and can carry out their lines: whoever knows the commands.
pub trait Lessons: Send + Sync {
    /// All of them, in the order in which one learns.
    fn list(&self) -> Vec<Lesson>;

    /// Runs the step of lesson `name` at `line`. What one step is to remember for the next, it remembers, as long
    /// as it is the same lesson on the same network.
    fn run<'a>(&'a self, name: &'a str, line: usize, stand: Stand) -> Running<'a>;
}
