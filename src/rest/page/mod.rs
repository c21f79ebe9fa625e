//! The page that shows what happens: files of the program itself, the same of node and manager.
//!
//! `/` is the page, `/app/…` what it is made of. Plain HTML, CSS, JavaScript modules and SVG: no framework,
//! nothing generated and nothing from other hosts, which the policy tells the browser. It draws what `/api/v1`
//! tells, and asks the program that served it what it is. All its addresses are relative, so that a node's
//! page works as well where a manager relays it, below `/node/N/`.
//!
//! | file | concern |
//! |---|---|
//! | `index.html`, `page.css`, `icon.svg` | what is where, and how it looks |
//! | `main.js`, `dom.js` | puts the parts together; elements, made of text and never of markup |
//! | `api.js`, `stream.js`, `source.js` | calls; events without a gap; a network's answers, and a node's as a network of one |
//! | `model.js`, `lanes.js`, `words.js` | pure: the state that events make; where blocks stand; names and sentences |
//! | `glance.js` | the verdict, and the figures beside it |
//! | `network.js`, `layout.js`, `flights.js` | discs and links; where they are; blocks on their way |
//! | `tree.js`, `story.js` | the block tree; what happened, in sentences |
//! | `act.js`, `lasso.js`, `renew.js` | mining, sending, healing; drawing a cut; a new network |
//! | `cards.js`, `link.js`, `block.js`, `tamper.js`, `codec.js` | a node, a link, a block, and a changed block looked at closely; bytes |
//! | `miner.js`, `sha.js` | a new proof of work for a changed block, in a thread of its own; SHA-256 |
//! | `timeline.js`, `recording.js` | pausing and going back; events as a file |
//! | `lesson.js` | the shipped lessons, step by step |
//! | `lean.rs` | comments and blanks, which a browser does not read, are left out as this is compiled |

mod lean;

use std::sync::OnceLock;

use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY,
};
use hyper::{Method, Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::rest::body::{Body, respond};
use crate::rest::problem::Problem;
use lean::Syntax;

/// What the page may do: run and show what this server serves, and talk to it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// One file of the page.
struct File {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    /// Made when it is first asked for.
    tag: OnceLock<String>,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const fn file(path: &'static str, content_type: &'static str, bytes: &'static [u8]) -> File {
    File { path, content_type, bytes, tag: OnceLock::new() }
}

/// The lean form of a file beside this one, as it is compiled.
macro_rules! lean {
    ($name:literal, $syntax:expr) => {{
        const SOURCE: &[u8] = include_bytes!($name);
        const LENGTH: usize = lean::length(SOURCE, $syntax);
        const LEAN: [u8; LENGTH] = lean::lean(SOURCE, $syntax);
        &LEAN
    }};
}

macro_rules! script {
    ($name:literal) => {
        file(concat!("/app/", $name), SCRIPT, lean!($name, Syntax::Script))
    };
}

static FILES: [File; 30] = [
    file("/", HTML, lean!("index.html", Syntax::Markup)),
    file("/app/page.css", CSS, lean!("page.css", Syntax::Style)),
    file("/app/icon.svg", "image/svg+xml", include_bytes!("icon.svg")),
    script!("act.js"),
    script!("api.js"),
    script!("block.js"),
    script!("cards.js"),
    script!("codec.js"),
    script!("dom.js"),
    script!("flights.js"),
    script!("glance.js"),
    script!("lanes.js"),
    script!("lasso.js"),
    script!("layout.js"),
    script!("lesson.js"),
    script!("link.js"),
    script!("main.js"),
    script!("miner.js"),
    script!("model.js"),
    script!("network.js"),
    script!("recording.js"),
    script!("renew.js"),
    script!("sha.js"),
    script!("source.js"),
    script!("story.js"),
    script!("stream.js"),
    script!("tamper.js"),
    script!("timeline.js"),
    script!("tree.js"),
    script!("words.js"),
];

impl File {
    /// What the file is known by, as long as it is the same.
    fn tag(&self) -> &str {
        self.tag.get_or_init(|| {
            let digest = Sha256::digest(self.bytes);
            let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("\"{hex}\"")
        })
    }

    /// The file, or 304 for a browser that has it.
    fn respond(&self, headers: &HeaderMap) -> Response<Body> {
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut tags = known.flat_map(|value| value.split(','));
        let has_it = tags.any(|tag| tag.trim().trim_start_matches("W/") == self.tag());
        let mut response = match has_it {
            true => {
                let mut response = Response::new(Body::Whole(None));
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response
            }
            false => {
                let bytes = bytes::Bytes::from_static(self.bytes);
                let content_type = HeaderValue::from_static(self.content_type);
                respond(StatusCode::OK, content_type, Body::Whole(Some(bytes)))
            }
        };
        let headers = response.headers_mut();
        // To be asked for each time: after an update nobody sees half of the old page.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if let Ok(tag) = HeaderValue::from_str(self.tag()) {
            headers.insert(ETAG, tag);
        }
        response
    }
}

/// Answers a request for a file of the page; none if `path` is no such file.
pub fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Option<Result<Response<Body>, Problem>> {
    let file = FILES.iter().find(|file| file.path == path)?;
    Some(match *method {
        Method::GET | Method::HEAD => Ok(file.respond(headers)),
        _ => Err(Problem::method("GET, HEAD")),
    })
}

#[cfg(test)]
mod tests;
