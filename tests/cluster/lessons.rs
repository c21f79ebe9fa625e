//! The shipped lessons, run step by step over the API, as the page runs them.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::{Network, call, done, read, request, until};

fn lessons(address: &str) -> Vec<Value> {
    read(address, "/lessons")["lessons"].as_array().expect("a list").clone()
}

fn step(address: &str, lesson: &Value, line: &Value) -> (u16, Value) {
    let name = lesson["name"].as_str().expect("a name");
    call(address, &format!("/lessons/{name}/steps/{line}"), &json!({}))
}

/// Those of the lesson's steps, the last of them too, that can be run and whose text begins so.
fn lines<'a>(lesson: &'a Value, begin: &'a str) -> impl Iterator<Item = &'a Value> {
    let steps = lesson["steps"].as_array().expect("steps").iter();
    steps.filter(move |step| step["text"].as_str().is_some_and(|text| text.starts_with(begin)))
}

fn renew(address: &str, wanted: &Value) {
    done(address, "/restart", wanted);
    until("the new network is ready", || request("GET", address, "/readyz").0 == 200);
}

#[test]
fn every_lesson_holds_step_by_step() {
    let network = Network::start(&["-a", "1", "--ephemeral"]);
    let address = network.http();
    for lesson in lessons(&address) {
        for one in lesson["steps"].as_array().expect("steps") {
            let shown = format!("{} {one}", lesson["name"]);
            match one["kind"].as_str().expect("a kind") {
                "say" => assert_eq!(step(&address, &lesson, &one["line"]).0, 409, "{shown}"),
                "up" => {
                    assert_eq!(step(&address, &lesson, &one["line"]).0, 409, "{shown}");
                    renew(&address, &one["renew"]);
                }
                kind => {
                    let (status, came) = step(&address, &lesson, &one["line"]);
                    assert_eq!(status, 200, "{shown}: {came}");
                    assert_eq!(
                        (&came["ok"], &came["error"]),
                        (&json!(true), &Value::Null),
                        "{shown}: {came}"
                    );
                    let said = came["said"].as_str().expect("text");
                    assert!(!said.contains('\u{1b}'), "no colours: {said}");
                    let talks = kind == "command" || one["text"].as_str().expect("text").contains("fails");
                    assert!(!said.is_empty() || !talks, "{shown} says nothing");
                    assert!(came["seconds"].as_f64().expect("a number") < 30.0);
                }
            }
        }
    }
    // What a lesson remembers keeps nobody from the end.
    done(&address, "/shutdown", &json!({}));
    assert_eq!(network.end().status.code(), Some(0));
}

#[test]
fn a_step_that_fails_says_why() {
    let network = Network::start(&["-a", "2", "--ephemeral"]);
    let address = network.http();
    let all = lessons(&address);
    let named = |name: &str| all.iter().find(|lesson| lesson["name"] == name).expect("a lesson");
    let late = named("late-joiner");
    let kill = lines(late, "kill D").next().expect("a step");
    let (status, came) = step(&address, late, &kill["line"]);
    assert_eq!((status, &came["ok"]), (200, &json!(false)), "{came}");
    assert!(came["error"].as_str().expect("why").contains("there is no node"), "{came}");

    let missing = json!({"name": "no-such-lesson"});
    for (lesson, line) in [(&missing, json!(1)), (late, json!(1_000)), (late, json!(4)), (late, json!("x"))] {
        assert_eq!(step(&address, lesson, &line).0, 404, "{lesson} {line}");
    }

    // An expectation that takes too long is given up by whoever asked; only then is it the next one's turn.
    let height = lines(late, "expect height 50").next().expect("a step");
    let mut socket = TcpStream::connect(&address).expect("somebody listens");
    let path = format!("/api/v1/lessons/late-joiner/steps/{}", height["line"]);
    write!(socket, "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")
        .expect("a request");
    until("it is being waited for", || step(&address, late, &kill["line"]).0 == 409);
    drop(socket);
    until("it is given up", || step(&address, late, &kill["line"]).0 == 200);
}

#[test]
fn what_is_expected_since_the_last_time_is_remembered_on_one_network() {
    let network = Network::start(&["-a", "2", "--ephemeral"]);
    let address = network.http();
    let all = lessons(&address);
    let fork = all.iter().find(|lesson| lesson["name"] == "fork-and-reorg").expect("a lesson");
    let run = |begin: &str, nth: usize| {
        let line =
            lines(fork, begin).filter(|one| one["kind"] != "say").nth(nth).expect("a step")["line"].clone();
        let (status, came) = step(&address, fork, &line);
        assert_eq!(status, 200, "{begin}: {came}");
        came["ok"].as_bool().expect("yes or no")
    };
    // The reorg comes of calls of others; the lesson has begun before.
    assert!(run("mine A --data \"both", 0));
    done(&address, "/partition", &json!({"halves": true}));
    done(&address, "/mine", &json!({"node": 0}));
    done(&address, "/mine", &json!({"node": 1, "count": 2}));
    done(&address, "/heal", &json!({}));
    assert!(run("expect reorg depth 1", 0));
    // Another lesson, or its first line, begins anew.
    assert!(run("mine A --data \"both", 0));
}
