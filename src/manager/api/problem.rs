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
            NotDone::Node { error: ControlError::Timeout(_) | ControlError::NoBlock(_), .. } => {
                StatusCode::GATEWAY_TIMEOUT
            }
            NotDone::Node { error: ControlError::Busy, .. } => StatusCode::SERVICE_UNAVAILABLE,
            NotDone::NotTold { .. } | NotDone::Late { .. } => StatusCode::GATEWAY_TIMEOUT,
            NotDone::Node { .. } | NotDone::NotStarted { .. } => StatusCode::BAD_GATEWAY,
            NotDone::Stopping | NotDone::Renewing => StatusCode::SERVICE_UNAVAILABLE,
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
            NotDone::Node { number, error } => {
                let problem = match error {
                    ControlError::Busy => problem.retry_after(1),
                    _ => problem,
                };
                remedied(problem, remedy(&error)).with("node", number)
            }
            NotDone::NotTold { number, .. } => problem.with("node", number),
            NotDone::Renewing => problem.retry_after(1),
            _ => problem,
        }
    }
}

/// What to do about a node that does not do its part.
fn remedy(error: &ControlError) -> Remedy {
    match error {
        ControlError::Busy => Remedy::Said("ask again in a moment, or another node"),
        ControlError::Connection(_) | ControlError::Closed(_) => {
            Remedy::Said("ask again in a moment: a node that lives is connected to anew")
        }
        ControlError::Stopping => Remedy::Said("wait until it has ended: then it can be started again"),
        ControlError::Refused(_) => Remedy::Said("it said no itself: its log says more"),
        ControlError::Impostor(_) | ControlError::Unfit(_) => {
            Remedy::Said("end what answers at its address, and start the node again")
        }
        ControlError::Strange => Remedy::Said(
            "it, or the manager, has a defect, or the two are of different versions: the manager's log says more",
        ),
        // Late is not lost: whether to wait longer is the caller's to say.
        ControlError::Timeout(_) | ControlError::NoBlock(_) => Remedy::None,
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
    use core::time::Duration;

    use http_body_util::BodyExt;
    use hyper::header::RETRY_AFTER;

    use super::*;
    use crate::manager::api::table::ROUTES;
    use crate::peer::Disconnect;

    #[tokio::test]
    async fn what_a_node_does_not_do_comes_with_what_to_do() {
        let rows = [
            (ControlError::Busy, 503, Some("1"), "another node"),
            (ControlError::Connection("it is closed".to_owned()), 502, None, "ask again in a moment"),
            (ControlError::Closed(Disconnect::Ended), 502, None, "ask again in a moment"),
            (ControlError::Stopping, 502, None, "wait until it has ended"),
            (ControlError::Refused("the pool is full".to_owned()), 502, None, "its log says more"),
            (ControlError::Strange, 502, None, "different versions"),
            (ControlError::Timeout(Duration::from_secs(1)), 504, None, ""),
        ];
        for (error, status, retry, hint) in rows {
            let what = error.to_string();
            let answer = Problem::from(NotDone::Node { number: 1, error }).into_response();
            assert_eq!(answer.status(), status, "{what}");
            let header = answer.headers().get(RETRY_AFTER).map(|secs| secs.to_str().expect("a number"));
            assert_eq!(header, retry, "{what}");
            let body = answer.into_body().collect().await.expect("a body").to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert!(body["hint"].as_str().unwrap_or_default().contains(hint), "{what}: {body}");
            assert_eq!(
                (&body["node"], body["detail"] == format!("node B: {what}")),
                (&1.into(), true),
                "{body}"
            );
        }
    }

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
