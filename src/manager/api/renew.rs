//! A new network in the place of this one.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::manager::api::{Api, input};
use crate::manager::view::Renew;
use crate::rest::body::{self, Body};
use crate::rest::problem::Problem;

impl Api {
    pub(super) async fn renew(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let wanted: Renew = input::read(request).await?;
        Ok(body::json(StatusCode::ACCEPTED, &self.keeper.renew(&wanted)?))
    }
}
