//! Every error, as application/problem+json (RFC 9457).

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::rest::body::Body;

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    more: Map<String, Value>,
    allow: Option<String>,
    retry_after: Option<u32>,
}

impl Problem {
    /// A status and a sentence for people: what is wrong, where, and what to do.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), more: Map::new(), allow: None, retry_after: None }
    }

    /// 400.
    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 503: the program is stopping.
    pub fn stopping() -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the program is shutting down")
    }

    /// 405, with the methods that are allowed.
    pub fn method(allowed: &str) -> Problem {
        let detail = format!("this path answers {allowed}");
        Problem { allow: Some(allowed.to_owned()), ..Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    /// Adds a member for programs.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Says when to come again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, secs: u32) -> Problem {
        self.retry_after = Some(secs);
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// As a response.
    pub fn into_response(self) -> Response<Body> {
        let mut json = Map::new();
        json.insert("type".to_owned(), "about:blank".into());
        json.insert("title".to_owned(), self.status.canonical_reason().unwrap_or("Error").into());
        json.insert("status".to_owned(), self.status.as_u16().into());
        json.insert("detail".to_owned(), self.detail.into());
        json.extend(self.more);
        let mut response = Response::new(Body::from(format!("{}\n", Value::Object(json))));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        if let Some(secs) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}
