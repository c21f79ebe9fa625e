//! `/node/{node}/…`: the nodes' own HTTP, so that one origin is enough for a page.

use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode, Uri};

use crate::manager::api::{Api, input};
use crate::manager::lives::not_so;
use crate::manager::mine::meanwhile;
use crate::manager::names::Name;
use crate::manager::not_done::{NotDone, Remedy};
use crate::manager::state::Standing;
use crate::manager::view::Call;
use crate::rest::body::Body;
use crate::rest::problem::Problem;
use crate::rest::relay::{NotRelayed, relay};

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
        let error = tokio::select! {
            answer = relay(request, http, uri, &at) => match answer {
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

/// Links of a page lead on from its folder, so that it has to be called by that.
fn moved(place: &str) -> Result<Response<Body>, Problem> {
    let wrong = |error| Problem::bad_request(format!("the path cannot be passed on: {error}"));
    let place = HeaderValue::try_from(place).map_err(wrong)?;
    let mut answer = Response::new(Body::Whole(None));
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    answer.headers_mut().insert(LOCATION, place);
    Ok(answer)
}
