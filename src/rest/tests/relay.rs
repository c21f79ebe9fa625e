//! Requests passed on to another server, which may be slow, or say nothing.

use super::*;
use crate::rest::gates::Gates;
use crate::rest::problem::Problem;
use crate::rest::relay::relay_within;
use crate::rest::server;

/// A server that passes everything on to the one at `to`, and waits so long for the beginning of an answer.
async fn before(to: SocketAddr, patience: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let bound = listener.local_addr().expect("an address");
    let answer = move |request: hyper::Request<hyper::body::Incoming>| async move {
        let path = request.uri().clone();
        let answer = relay_within(patience, request, to, path, "").await;
        answer.unwrap_or_else(|why| Problem::bad_request(why.to_string()).into_response())
    };
    tokio::spawn(server::serve(listener, Gates { bound }, answer, core::future::pending()));
    bound
}

#[tokio::test]
async fn a_server_that_takes_a_request_and_says_nothing_is_not_waited_for() {
    // Its system takes connections for it.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let http = before(silent.local_addr().expect("an address"), Duration::from_millis(300)).await;
    for (method, body) in [("GET", ""), ("POST", "{}")] {
        let answer = call(http, method, "/node/id", body).await;
        assert!(answer.body.contains("it does not answer within"), "{method}: {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_takes_as_long_as_it_takes() {
    let node = node(1).await;
    // More than it can take until the answer has begun.
    let patience = Duration::from_secs(60);
    let http = before(node.http, patience).await;
    let mut stream = TcpStream::connect(http).await.expect("a connection");
    let asked = request("GET", "/api/v1/events", "", "");
    stream.write_all(asked.as_bytes()).await.expect("a request");
    let mut heard = Vec::new();
    let begun = async {
        while !String::from_utf8_lossy(&heard).contains("event: start") {
            assert!(stream.read_buf(&mut heard).await.expect("an answer") > 0, "it was cut off");
        }
    };
    timeout(SOON, begun).await.expect("it begins");
    tokio::time::pause();
    tokio::time::advance(2 * patience).await;
    tokio::time::resume();
    assert_eq!(get(node.http, "/mine").await.status, 200);
    let last = get(node.http, "/node/id").await.json()["tip"].to_string();
    let rest = async {
        while !String::from_utf8_lossy(&heard).contains(&last) {
            assert!(stream.read_buf(&mut heard).await.expect("it goes on") > 0, "it was cut off");
        }
    };
    timeout(SOON, rest).await.expect("it tells of the last block");
}
