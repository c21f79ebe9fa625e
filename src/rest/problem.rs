//! Errors as RFC 9457 problems: one shape for every one of them, for people and programs alike.

use hyper::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::rest::body::{Body, respond};

/// How a program says that it does nothing any more.
pub const STOPPING: &str = "the program is shutting down";

/// What went wrong, and whatever helps.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    is_refusal: bool,
}

/// Stands among an answer's extensions if its request was refused: why, for the log.
#[derive(Debug, Clone)]
pub(super) struct Refused(pub(super) String);

/// The JSON of a problem, its members in the order of RFC 9457.
#[derive(Serialize)]
struct Json<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A problem of this status; `detail` is for people: what, where, and what would be right.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), members: Map::new(), headers: Vec::new(), is_refusal: false }
    }

    /// 400: what was sent makes no sense.
    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 413: the body has more than `cap` bytes.
    pub fn too_large(cap: usize) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body may have at most {cap} bytes"))
            .with("limit", cap)
    }

    /// 500: a defect of ours; the log has it.
    pub fn internal() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "this program failed at it; its log says more")
    }

    /// 503: the program is stopping.
    pub fn stopping() -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, STOPPING)
    }

    /// 405: this path answers these methods only.
    pub fn method(allowed: &'static str) -> Problem {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path answers {allowed}"))
            .header(ALLOW, HeaderValue::from_static(allowed))
    }

    /// With a member of its own, for programs.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Problem {
        self.with("hint", hint.into())
    }

    /// Says when to come again, in seconds.
    #[must_use]
    pub fn retry_after(self, secs: u32) -> Problem {
        self.header(RETRY_AFTER, HeaderValue::from(secs))
    }

    /// With a header beside the body.
    #[must_use]
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// It is about who asked, and not about what: that is written down.
    #[must_use]
    pub(super) fn refusal(mut self) -> Problem {
        self.is_refusal = true;
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What it tells people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// As a response.
    pub fn into_response(self) -> Response<Body> {
        let json = Json {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            members: &self.members,
        };
        // Strings and numbers under text keys: there is no way for this to fail.
        let mut bytes = serde_json::to_vec(&json).unwrap_or_default();
        bytes.push(b'\n');
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut response = respond(self.status, content_type, bytes.into());
        response.headers_mut().extend(self.headers);
        if self.is_refusal {
            response.extensions_mut().insert(Refused(self.detail));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_problem_has_the_shape_of_rfc_9457() {
        let problem = Problem::method("GET, HEAD").hint("use GET").with("index", 3);
        let response = problem.into_response();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, HEAD");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(
            body,
            "{\"type\":\"about:blank\",\"title\":\"Method Not Allowed\",\"status\":405,\
             \"detail\":\"this path answers GET, HEAD\",\"hint\":\"use GET\",\"index\":3}\n"
        );
    }
}
