//! What the API says of itself: the specification and docs/manager-api.md, held against the table both ways.

use super::OPENAPI;
use super::table::ROUTES;
use crate::manager::happened::Kind;
use crate::rest::table::held::{assert_documented, assert_specified};

#[test]
fn the_specification_has_every_route_and_no_other() {
    assert_specified(&serde_json::from_str(OPENAPI).expect("JSON"), &ROUTES);
}

/// Where everything stops, or every place is taken, whatever is asked is not answered now.
#[test]
fn every_call_may_be_asked_at_the_wrong_moment() {
    let spec: serde_json::Value = serde_json::from_str(OPENAPI).expect("JSON");
    for route in &ROUTES {
        let operation = &spec["paths"][route.path][route.method.to_lowercase()];
        assert!(operation["responses"]["503"].is_object(), "{} {}", route.method, route.path);
    }
}

#[test]
fn the_documentation_has_every_route_and_no_other() {
    assert_documented(include_str!("../../../docs/manager-api.md"), &ROUTES);
}

#[test]
fn the_specification_and_the_documentation_have_every_kind_of_event() {
    let spec: serde_json::Value = serde_json::from_str(OPENAPI).expect("JSON");
    let kinds = &spec["components"]["schemas"]["Event"]["properties"]["type"]["enum"];
    let names: Vec<&str> = Kind::all().map(Kind::name).collect();
    assert_eq!(*kinds, serde_json::json!(names));
    let docs = include_str!("../../../docs/manager-api.md");
    for name in names {
        assert!(docs.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_table_answers_what_it_says() {
    for route in &ROUTES {
        let path = route.path.replace(['{', '}'], "");
        let found = super::TABLE.find(&path).unwrap_or_else(|| panic!("{path} is found"));
        assert!(found.allow().split(", ").any(|method| method == route.method), "{path}");
        let head = found.allow().contains("HEAD");
        let reads = ROUTES.iter().any(|r| r.path == route.path && r.method == "GET" && !r.endless);
        assert_eq!(head, reads, "{path}");
    }
}
