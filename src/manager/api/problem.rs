//! Why something is not done, as a problem of HTTP.

use hyper::StatusCode;

use crate::manager::control::ControlError;
use crate::manager::not_done::{NotDone, Remedy};
use crate::manager::view::Call;
use crate::rest::problem::Problem;

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Problem {
        let status = match &why {
            NotDone::NoNode { .. } | NotDone::NotFound(_) => StatusCode::NOT_FOUND,
            NotDone::Bad(_) => StatusCode::BAD_REQUEST,
            NotDone::NotNow { .. } | NotDone::NotSo { .. } => StatusCode::CONFLICT,
            NotDone::Node { error: ControlError::Timeout(_), .. } => StatusCode::GATEWAY_TIMEOUT,
            NotDone::NotTold { .. } | NotDone::Late { .. } => StatusCode::GATEWAY_TIMEOUT,
            NotDone::Node { .. } | NotDone::NotStarted { .. } => StatusCode::BAD_GATEWAY,
            NotDone::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        let problem = Problem::new(status, why.to_string());
        match why {
            NotDone::NotNow { remedy, .. } | NotDone::Late { remedy, .. } => remedied(problem, remedy),
            NotDone::NotSo { number, life, remedy, .. } => {
                let life = serde_json::to_value(life).unwrap_or_default();
                remedied(problem, remedy).with("node", number).with("state", life)
            }
            NotDone::NotStarted { number, error } => problem.with("node", number).hint(error.hint()),
            NotDone::NoNode { number, .. } => {
                remedied(problem, Remedy::Call(Call::GetNodes)).with("node", number)
            }
            NotDone::Node { number, .. } | NotDone::NotTold { number, .. } => problem.with("node", number),
            _ => problem,
        }
    }
}

/// With what to do about it, for people and for programs.
fn remedied(problem: Problem, remedy: Remedy) -> Problem {
    match remedy {
        Remedy::None => problem,
        Remedy::Said(hint) => problem.hint(hint),
        Remedy::Call(call) => {
            let (method, path) = (call.method(), call.path());
            let mut json = serde_json::to_value(call).unwrap_or_default();
            json["method"] = method.into();
            json["path"] = path.as_str().into();
            problem.hint(format!("{method} {path} {}", call.does())).with("call", json)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Call;
    use crate::manager::api::table::ROUTES;

    /// A call that a problem names is one of the table, by its method, path and name.
    #[test]
    fn what_is_to_be_called_can_be() {
        for call in [Call::ResumeNode { node: 7 }, Call::RestartNode { node: 7 }, Call::Heal, Call::GetNodes]
        {
            let json = serde_json::to_value(call).expect("JSON");
            let path = call.path().replace('7', "{node}");
            let said = (call.method(), path.as_str(), json["operation"].as_str().expect("a name"));
            assert!(ROUTES.iter().any(|route| (route.method, route.path, route.id) == said), "{json}");
            assert_eq!(serde_json::from_value::<Call>(json).expect("a call"), call);
        }
    }
}
