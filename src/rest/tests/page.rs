//! The page, as a browser asks for it.

use super::*;

async fn ask(http: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let browser = format!("User-Agent: Mozilla/5.0\r\n{headers}");
    let bytes = raw(http, request(method, path, &browser, "").as_bytes()).await;
    Answer::parse(&bytes).unwrap_or_else(|| panic!("{method} {path}: {:?}", String::from_utf8_lossy(&bytes)))
}

#[tokio::test]
async fn who_types_the_address_gets_the_page_and_pages_of_other_sites_do_not() {
    let node = node(1).await;
    for (site, status) in [("none", 200), ("same-origin", 200), ("cross-site", 403), ("same-site", 403)] {
        for path in ["/", "/app/main.js"] {
            let answer = ask(node.http, "GET", path, &format!("Sec-Fetch-Site: {site}\r\n")).await;
            assert_eq!(answer.status, status, "{path} {site}");
        }
    }
}

#[tokio::test]
async fn the_page_may_do_what_its_policy_says_and_is_asked_for_again_each_time() {
    let node = node(1).await;
    let page = get(node.http, "/").await;
    assert!(page.body.starts_with("<!doctype html>"), "{page:?}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let tag = format!("Sec-Fetch-Site: none\r\nIf-None-Match: {}\r\n", page.header("etag").expect("a tag"));
    let again = ask(node.http, "GET", "/", &tag).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let head = ask(node.http, "HEAD", "/", "Sec-Fetch-Site: none\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), Some(page.body.len().to_string().as_str()));
    assert_eq!(ask(node.http, "POST", "/", "Sec-Fetch-Site: none\r\n").await.status, 405);
    assert_eq!(get(node.http, "/app/other.js").await.status, 404);
}
