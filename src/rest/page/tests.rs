//! What is served, and how much of it there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hyper::header::CONTENT_TYPE;

use super::*;

fn ask(path: &str, headers: &HeaderMap) -> Response<Body> {
    answer(&Method::GET, path, headers).expect("a file").expect("an answer")
}

#[test]
fn every_file_of_the_folder_is_served_and_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rest/page");
    let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").file_name());
    let there: BTreeSet<String> =
        names.map(|name| name.into_string().expect("a name")).filter(|name| !name.ends_with(".rs")).collect();
    let served: BTreeSet<String> =
        FILES.iter().map(|file| file.path.strip_prefix("/app/").unwrap_or("index.html").to_owned()).collect();
    assert_eq!(served, there);
    let docs = include_str!("mod.rs");
    for name in there {
        assert!(docs.contains(&format!("`{name}`")), "{name} is not in the table above");
    }
}

/// A module that is not served would leave the page dead.
#[test]
fn every_module_that_is_imported_is_served() {
    let mut imported = 0;
    for file in &FILES {
        let text = core::str::from_utf8(file.bytes).expect("text");
        for begin in ["from\"./", "new URL(\"./"] {
            for after in text.split(begin).skip(1) {
                let path = format!("/app/{}", after.split('"').next().expect("a name"));
                assert!(FILES.iter().any(|file| file.path == path), "{} names {path}", file.path);
                imported += 1;
            }
        }
    }
    assert!(imported > 0, "the modules import each other");
}

#[test]
fn the_page_is_small() {
    let bytes: usize = FILES.iter().map(|file| file.bytes.len()).sum();
    assert!(bytes <= 100 * 1024, "{bytes} bytes");
}

#[test]
fn nothing_comes_from_elsewhere_and_no_text_becomes_markup() {
    // The names of HTML's and SVG's elements are addresses that nobody asks for.
    let names = ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"];
    for file in &FILES {
        let text = core::str::from_utf8(file.bytes).expect("text");
        let text = names.iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
        for bad in
            ["http://", "https://", "innerHTML", "insertAdjacentHTML", "document.write", "eval(", " style="]
        {
            assert!(!text.contains(bad), "{}: {bad}", file.path);
        }
    }
}

#[test]
fn a_browser_that_has_a_file_is_told_so() {
    for file in &FILES {
        let first = ask(file.path, &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[CONTENT_SECURITY_POLICY], POLICY);
        assert_eq!(first.headers()[CONTENT_TYPE], file.content_type);
        let tag = first.headers()[ETAG].to_str().expect("text").to_owned();
        for (known, status) in [
            (tag.clone(), StatusCode::NOT_MODIFIED),
            (format!("\"other\", W/{tag}"), StatusCode::NOT_MODIFIED),
            ("\"other\"".to_owned(), StatusCode::OK),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_str(&known).expect("a header"));
            assert_eq!(ask(file.path, &headers).status(), status, "{known}");
        }
    }
}

#[test]
fn files_are_read_only() {
    let refused = answer(&Method::POST, "/", &HeaderMap::new()).expect("a file").expect_err("a POST");
    assert_eq!(refused.into_response().status(), StatusCode::METHOD_NOT_ALLOWED);
    for path in ["/app", "/app/", "/app/main.js/", "/app/../api", "/index.html", ""] {
        assert!(answer(&Method::GET, path, &HeaderMap::new()).is_none(), "{path}");
    }
}
