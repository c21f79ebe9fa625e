//! `GET /api/v1/lessons`, and what becomes of a step of one.

use serde::{Deserialize, Serialize};

use crate::manager::view::Renew;

/// The lessons that come with the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lessons {
    /// In the order in which one learns.
    pub lessons: Vec<Lesson>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// A step of a lesson.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its line in the lesson's file, or its first one.
    pub line: usize,
    /// A paragraph to be read; or the line as it is written.
    pub text: String,
    /// What it is.
    pub kind: StepKind,
    /// For `up`: the network that the lesson is about, as `POST /api/v1/restart` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew: Option<Renew>,
}

/// What a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Something to be read.
    Say,
    /// The lesson needs a network of its own.
    Up,
    /// A command.
    Command,
    /// Something has to be so.
    Expect,
}

/// What became of a step that was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepDone {
    /// Whether the command worked; whether what was expected is so.
    pub ok: bool,
    /// What the command said, as on a terminal without colours.
    pub said: String,
    /// Why not.
    pub error: Option<String>,
    /// Time it took.
    pub seconds: f64,
}
