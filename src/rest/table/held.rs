//! What a table is held against, both ways, by the tests of whoever has one: a specification and a page of
//! documentation.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeSet;

use serde_json::Value;

use super::Route;

/// The text that `value` is.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

/// The OpenAPI document `spec` has every route and no other, with its place-holders, and refers to nothing that
/// is not there.
pub(crate) fn assert_specified<O>(spec: &Value, routes: &[Route<O>]) {
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
        routes.iter().map(|route| (route.method.into(), route.path.into(), route.id.into())).collect();
    assert_eq!(said, table);
    assert_eq!(said.len(), routes.len(), "no operation twice");
    assert_references(spec, spec);
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

/// The tables of `page` have a row for every route, and for no other.
pub(crate) fn assert_documented<O>(page: &str, routes: &[Route<O>]) {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let said: BTreeSet<String> =
        rows.map(|(call, _)| call.to_owned()).filter(|call| call.contains(" /")).collect();
    let table: BTreeSet<String> =
        routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(said, table);
}
