//! Partitions, cuts and slow links.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::manager::api::{Api, Nothing, input};
use crate::manager::view::{Partition, SetLink};
use crate::rest::body::{self, Body};
use crate::rest::problem::Problem;
use crate::rest::query;

impl Api {
    pub(super) async fn partition(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let partition: Partition = input::read(request).await?;
        let keeper = self.keeper.clone();
        self.done(async move { keeper.partition(&partition).await }).await?;
        self.network()
    }

    pub(super) async fn heal(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let keep_slow = match query(&request, "links").as_deref() {
            None => false,
            Some("keep") => true,
            Some(other) => {
                let detail = format!("links={}: expected keep, or nothing", input::shown(other));
                return Err(Problem::bad_request(detail));
            }
        };
        let Nothing {} = input::read(request).await?;
        let keeper = self.keeper.clone();
        self.done(async move { keeper.heal(keep_slow).await }).await?;
        self.network()
    }

    pub(super) async fn set_link(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let set: SetLink = input::read(request).await?;
        let keeper = self.keeper.clone();
        let link = self.done(async move { keeper.set_link(&set).await }).await?;
        Ok(body::json(StatusCode::OK, &link))
    }

    pub(super) async fn cut_link(&self, a: &str, b: &str) -> Result<Response<Body>, Problem> {
        let (a, b) = (input::node(a)?, input::node(b)?);
        let keeper = self.keeper.clone();
        let link = self.done(async move { keeper.cut_link(a, b).await }).await?;
        Ok(body::json(StatusCode::OK, &link))
    }
}
