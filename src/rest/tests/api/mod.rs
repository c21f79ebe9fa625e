//! `/api/v1`: what it reads, changes, tells, and says of itself.

use super::*;
use crate::node::io::Command;

mod changes;
mod clock;
mod documents;
mod events;
mod reads;

/// Where a path of the API is.
fn v1(path: &str) -> String {
    format!("/api/v1{path}")
}

/// What a path of the API reads, which must be there.
async fn read(node: &Node, path: &str) -> Value {
    let answer = get(node.http, &v1(path)).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    answer.json()
}

/// The status of a path of the API that cannot be read; the problem says so, too.
async fn refused(node: &Node, path: &str) -> u16 {
    let answer = get(node.http, &v1(path)).await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}: {answer:?}");
    assert_eq!(answer.json()["status"], answer.status, "{path}");
    answer.status
}

async fn mine(node: &Node, count: usize) {
    for _ in 0..count {
        node.handle.command(Command::Mine(None)).await.expect("mined");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}
