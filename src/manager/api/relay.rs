//! `/node/{node}/…`: the nodes' own HTTP, so that one origin is enough for a page.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode, Uri};
use serde_json::Value;
use tokio::time::sleep;

use crate::limits::{MAX_MINED_AT_ONCE, TERMINATE_AFTER};
use crate::manager::api::{Api, input};
use crate::manager::lives::not_so;
use crate::manager::mine::meanwhile;
use crate::manager::names::Name;
use crate::manager::not_done::{NotDone, Remedy};
use crate::manager::state::Standing;
use crate::manager::view::Call;
use crate::rest::body::Body;
use crate::rest::problem::{Problem, STOPPING};
use crate::rest::relay::{NotRelayed, relay};

/// Bytes of the answer of a node that does not do what is asked: it says why, and which blocks it mined before.
const MAX_REFUSAL_BYTES: usize = 256 * MAX_MINED_AT_ONCE as usize;

/// Whether a node that is `standing` answers requests.
fn answers(standing: Standing) -> bool {
    matches!(standing, Standing::Running | Standing::Returning)
}

impl Api {
    /// Passes a request on to the node that `rest`, the path behind `/node/`, begins with.
    pub(super) async fn relayed(
        &self,
        rest: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let (node, path) = rest.split_once('/').map_or((rest, None), |(node, path)| (node, Some(path)));
        let number = input::node(node)?;
        let there = self.keeper.member(number).map_err(Problem::from)?.there();
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let at = format!("/node/{number}");
        let Some(path) = path else { return moved(&format!("{at}/{query}")) };
        let standing = self.keeper.cluster.state.borrow().standing(number);
        // A paused process takes connections, and answers none of them.
        if !answers(standing) {
            return Err(not_so(number, standing).into());
        }
        let Some(http) = there.http else {
            return Err(
                NotDone::not_now(format!("node {} serves no HTTP", Name(number)), Remedy::None).into()
            );
        };
        let uri: Uri = format!("/{path}{query}")
            .parse()
            .map_err(|error| Problem::bad_request(format!("the path cannot be passed on: {error}")))?;
        let mut changes = self.keeper.cluster.state.subscribe();
        let answer = async {
            let (answer, is_end) = match relay(request, http, uri, &at).await {
                Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    let (answer, is_end) = refusal(answer).await;
                    (Ok(answer), is_end)
                }
                Ok(answer) => (Ok(answer), false),
                Err(error) => {
                    let is_end = error.may_be_an_end();
                    (Err(error), is_end)
                }
            };
            // Its end is known in a moment, and says more than that it is not there any more.
            if is_end {
                sleep(TERMINATE_AFTER).await;
            }
            answer
        };
        let error = tokio::select! {
            answer = answer => match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            },
            changed = changes.wait_for(|state| !answers(state.standing(number))) => {
                return Err(meanwhile(number, changed.map_or(standing, |state| state.standing(number))).into());
            }
        };
        let why = format!("node {}: {error}", Name(number));
        let problem = match error {
            NotRelayed::Cut(_) => return Err(Problem::bad_request(error.to_string())),
            NotRelayed::Timeout | NotRelayed::Silent(_) => {
                NotDone::Late { why, remedy: Call::RestartNode { node: number }.into() }.into()
            }
            NotRelayed::Unreachable(_) | NotRelayed::Broken(_) => Problem::new(StatusCode::BAD_GATEWAY, why),
        };
        Err(problem.with("node", number))
    }
}

/// What a node answers that does not do what is asked, and whether that is because it is ending.
async fn refusal(answer: Response<Body>) -> (Response<Body>, bool) {
    let (head, body) = answer.into_parts();
    let Ok(body) = Limited::new(body, MAX_REFUSAL_BYTES).collect().await else {
        let lost = Problem::new(StatusCode::BAD_GATEWAY, "its answer broke off");
        return (lost.into_response(), false);
    };
    let body = body.to_bytes();
    let said = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    (Response::from_parts(head, Body::Whole(Some(body))), said["detail"] == STOPPING)
}

/// Links of a page lead on from its folder, so that it has to be called by that.
fn moved(place: &str) -> Result<Response<Body>, Problem> {
    let wrong = |error| Problem::bad_request(format!("the path cannot be passed on: {error}"));
    let place = HeaderValue::try_from(place).map_err(wrong)?;
    let mut answer = Response::new(Body::Whole(None));
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    answer.headers_mut().insert(LOCATION, place);
    Ok(answer)
}
