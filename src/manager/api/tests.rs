//! What the API says of itself: the specification and docs/manager-api.md, held against the table both ways.

use std::collections::BTreeSet;

use serde_json::Value;

use super::OPENAPI;
use super::table::ROUTES;

fn spec() -> Value {
    serde_json::from_str(OPENAPI).expect("JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

#[test]
fn the_specification_has_every_route_and_no_other() {
    let spec = spec();
    let mut said = BTreeSet::new();
    for (path, operations) in spec["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            said.insert((method.to_uppercase(), path.clone(), text(&operation["operationId"]).to_owned()));
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let of_path: BTreeSet<&str> =
                parameters.filter(|p| p["in"] == "path").map(|p| text(&p["name"])).collect();
            let named: BTreeSet<&str> =
                path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
            assert_eq!(of_path, named, "{method} {path}: its place-holders");
        }
    }
    let table: BTreeSet<(String, String, String)> =
        ROUTES.iter().map(|route| (route.method.into(), route.path.into(), route.id.into())).collect();
    assert_eq!(said, table);
    assert_eq!(said.len(), ROUTES.len(), "no operation twice");
    assert_references(&spec, &spec);
}

/// Every `$ref` leads somewhere.
fn assert_references(spec: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(to) = members.get("$ref") {
                let to = text(to).strip_prefix('#').expect("within the document");
                assert!(spec.pointer(to).is_some(), "{to}");
            }
            members.values().for_each(|member| assert_references(spec, member));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_references(spec, item)),
        _ => {}
    }
}

#[test]
fn the_documentation_has_every_route_and_no_other() {
    let page = include_str!("../../../docs/manager-api.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let said: BTreeSet<String> =
        rows.map(|(call, _)| call.to_owned()).filter(|call| call.contains(" /")).collect();
    let table: BTreeSet<String> =
        ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(said, table);
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
