//! What all processes log, as one.

use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::manager::api::Api;
use crate::rest::body::Body;
use crate::rest::problem::Problem;

impl Api {
    pub(super) async fn logs(&self, _request: &Request<Incoming>) -> Result<Response<Body>, Problem> {
        Ok(super::text("text/plain", ""))
    }
}
