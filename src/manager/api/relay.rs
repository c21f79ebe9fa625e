//! `/node/{node}/…`: the nodes' own HTTP, so that one origin is enough for a page.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, Uri};

use crate::manager::api::{Api, input};
use crate::manager::lives::not_so;
use crate::manager::names::Name;
use crate::manager::not_done::{NotDone, Remedy};
use crate::manager::state::Standing;
use crate::rest::body::Body;
use crate::rest::problem::Problem;
use crate::rest::relay::relay;

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
        let (node, path) = rest.split_once('/').unwrap_or((rest, ""));
        let number = input::node(node)?;
        let there = self.keeper.member(number).map_err(Problem::from)?.there();
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
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let uri: Uri = format!("/{path}{query}")
            .parse()
            .map_err(|error| Problem::bad_request(format!("the path cannot be passed on: {error}")))?;
        let mut changes = self.keeper.cluster.state.subscribe();
        let why = tokio::select! {
            answer = relay(request, http, uri) => match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error.to_string(),
            },
            changed = changes.wait_for(|state| !answers(state.standing(number))) => {
                let standing = changed.map_or(standing, |state| state.standing(number));
                format!("it is {standing} meanwhile")
            }
        };
        Err(Problem::new(StatusCode::BAD_GATEWAY, format!("node {}: {why}", Name(number)))
            .with("node", number))
    }
}
