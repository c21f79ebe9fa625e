//! What the API says of itself: the specification, docs/api.md and the metrics, held against the routes.

use std::collections::BTreeSet;

use super::*;
use crate::rest::api::ROUTES;
use crate::rest::table::held::{assert_documented, assert_specified};

#[tokio::test]
async fn the_specification_has_every_route_and_no_other() {
    let node = node(1).await;
    let spec = read(&node, "/openapi.json").await;
    assert_specified(&spec, &ROUTES);
    for (path, operations) in spec["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let changes = method != "get";
            assert_eq!(operation.get("security").is_some(), changes, "{method} {path}: the cookie");
        }
    }
}

#[test]
fn the_documentation_has_every_route_and_no_other() {
    assert_documented(include_str!("../../../../docs/api.md"), &ROUTES);
}

#[tokio::test]
async fn a_path_answers_the_methods_that_it_says_and_no_other() {
    let node = node(1).await;
    for route in &ROUTES {
        let path = route.path.replace("{id}", "0").replace("{transaction}", "0");
        let answer = call(node.http, "PATCH", &path, "").await;
        let allow = answer.header("allow").expect("Allow").to_owned();
        assert_eq!(answer.status, 405, "{path}");
        assert!(allow.split(", ").any(|method| method == route.method), "{path}: {allow}");
        let head = allow.split(", ").any(|method| method == "HEAD");
        let endless = route.path.ends_with("/events");
        assert!(head || endless || !allow.contains("GET"), "{path}: {allow}");
    }
}

#[tokio::test]
async fn metrics_are_what_prometheus_reads() {
    let node = node(1).await;
    mine(&node, 3).await;
    for path in ["/metrics", "/api/v1/metrics"] {
        let answer = get(node.http, path).await;
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let mut typed = BTreeSet::new();
        for line in answer.body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.split(' ');
                if words.next() == Some("TYPE") {
                    assert!(typed.insert(words.next().expect("a name").to_owned()), "{line}: twice");
                    assert!(["counter", "gauge"].contains(&words.next().expect("a type")), "{line}");
                }
                continue;
            }
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
            let name = sample.split('{').next().expect("a name");
            assert!(typed.contains(name), "{line}: of no type");
            assert_eq!(sample.contains('{'), sample.ends_with('}'), "{line}");
        }
        assert!(answer.body.contains("p2pnode_height{tip=\"committed\"} 3\n"), "{}", answer.body);
        assert!(answer.body.contains("p2pnode_events_total{type=\"tip\"} 3\n"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_node_is_well_and_ready_at_both_places() {
    let node = node(1).await;
    for (path, body) in
        [("healthz", "{\"status\":\"ok\"}\n"), ("readyz", "{\"height\":0,\"status\":\"ready\"}\n")]
    {
        for place in [format!("/{path}"), v1(&format!("/{path}"))] {
            let answer = get(node.http, &place).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, body), "{place}");
        }
    }
}
