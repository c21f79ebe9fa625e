//! What goes on: when its network is renewed, when its manager dies, and when nobody reads it any more.

use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Signal, kill_process};

use crate::harness::process::{Pipe, finish};
use crate::harness::{Network, command};

/// A command that goes on, and its lines.
struct Stream {
    child: Child,
    lines: Pipe<ChildStdout>,
}

impl Stream {
    fn start(network: &Network, words: &[&str]) -> Stream {
        let mut command = command(network.folder.path(), words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let lines = Pipe::new(child.stdout.take().expect("a pipe"));
        Stream { child, lines }
    }

    /// Reads on to a line that holds `text`; it and those before it.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        self.lines.until(text, |line| line.contains(text))
    }

    /// What it ends with, and what it says then.
    #[track_caller]
    fn end(mut self) -> (Option<i32>, String) {
        self.lines.rest();
        let (status, _, error) = finish(&mut self.child);
        (status.code(), error)
    }
}

#[test]
fn what_is_followed_goes_on_with_a_new_network_and_ends_with_its_manager() {
    let network = Network::start(&["-a", "1"]);
    let mut logs = Stream::start(&network, &["logs", "-f", "--json"]);
    let mut events = Stream::start(&network, &["events", "--all", "--json"]);
    let mut told = Stream::start(&network, &["events", "--type", "start,block_mined"]);
    // It begins with what is next: nothing may happen before it is there.
    told.until("start");
    network.run(&["mine", "--data", "of the first"]).good();
    logs.until("mined");
    events.until(r#""type":"block_mined""#);
    told.until("block_mined");

    network.run(&["renew", "--yes"]).good();
    network.run(&["mine"]).good();
    let read = events.until(r#""type":"block_mined""#);
    let start = read.lines().find(|line| line.contains(r#""type":"start""#)).expect("another run is told");
    assert!(start.contains(r#""restarted":true"#), "{start}");
    let read = told.until("block_mined");
    assert!(read.starts_with("                - ") && read.contains("start         another run: "), "{read}");
    let read = logs.until("mined");
    assert!(!read.contains("of the first"), "{read}");

    let (manager, _) = network.pids();
    kill_process(manager, Signal::KILL).expect("it runs");
    for stream in [logs, events, told] {
        let (code, error) = stream.end();
        assert_eq!(code, Some(3), "{error}");
        assert!(error.starts_with("error: "), "{error}");
    }
}

#[test]
fn who_stops_reading_is_noticed_while_nothing_happens() {
    let network = Network::start(&["-a", "1"]);
    // What has not said anything yet has no line to be read.
    network.run(&["mine"]).good();
    let rows: [&[&str]; 3] = [&["logs", "-f"], &["events", "--all"], &["status", "--watch", "--json"]];
    for words in rows {
        let Stream { mut child, mut lines } = Stream::start(&network, words);
        lines.line();
        drop(lines);
        let (status, _, error) = finish(&mut child);
        assert_eq!((status.code(), error.as_str()), (Some(0), ""), "{words:?}");
    }
    network.run(&["down"]).good();
}
