//! The lessons, and their steps.

use hyper::{Response, StatusCode};

use crate::manager::api::{Api, input};
use crate::manager::lessons::Stand;
use crate::manager::not_done::NotDone;
use crate::manager::view::Lessons;
use crate::rest::body::{self, Body};
use crate::rest::problem::Problem;

impl Api {
    pub(super) fn lessons(&self) -> Result<Response<Body>, Problem> {
        Ok(body::json(StatusCode::OK, &Lessons { lessons: self.keeper.settings.lessons.list() }))
    }

    /// Runs a step, for as long as whoever asked for it waits.
    pub(super) async fn step(&self, name: &str, line: &str) -> Result<Response<Body>, Problem> {
        let number = input::whole(line).and_then(|line| usize::try_from(line).ok());
        let no_line = || {
            NotDone::NotFound(format!(
                "there is no line {:?}: a step is named by its line",
                input::shown(line)
            ))
        };
        let number = number.ok_or_else(no_line)?;
        let keeper = &self.keeper;
        let stand = Stand { http: self.http, run: keeper.cluster.events.run() };
        let done = keeper.unless_stopping(keeper.settings.lessons.run(name, number, stand)).await?;
        Ok(body::json(StatusCode::OK, &done))
    }
}
