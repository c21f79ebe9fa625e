//! Why something is not done, as a problem of HTTP.

use hyper::StatusCode;

use crate::manager::control::ControlError;
use crate::manager::not_done::NotDone;
use crate::rest::problem::Problem;

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Problem {
        let status = match &why {
            NotDone::NoNode { .. } | NotDone::NotFound(_) => StatusCode::NOT_FOUND,
            NotDone::Bad(_) => StatusCode::BAD_REQUEST,
            NotDone::NotNow { .. } => StatusCode::CONFLICT,
            NotDone::Node { error: ControlError::Timeout(_), .. } | NotDone::Late(_) => {
                StatusCode::GATEWAY_TIMEOUT
            }
            NotDone::Node { .. } | NotDone::NotStarted { .. } => StatusCode::BAD_GATEWAY,
            NotDone::Stopping => return Problem::stopping(),
        };
        let problem = Problem::new(status, why.to_string());
        match why {
            NotDone::NotNow { hint, .. } if !hint.is_empty() => problem.hint(hint),
            NotDone::NotStarted { number, error } => problem.with("node", number).hint(error.hint()),
            NotDone::Node { number, .. } => problem.with("node", number),
            _ => problem,
        }
    }
}
