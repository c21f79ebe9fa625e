//! Events: told in order, told again after a broken connection, told to be lost; and nobody waits for who
//! does not read.

use tokio::net::TcpSocket;

use super::*;
use crate::limits::{MAX_EVENT_READERS, MAX_EVENTS};
use crate::net::events::From;

/// One event of a stream.
#[derive(Debug, Clone)]
struct Told {
    id: String,
    name: String,
    data: Value,
}

impl Told {
    /// The numbers that it accounts for.
    fn seqs(&self) -> Option<(u64, u64)> {
        let number = |key: &str| self.data[key].as_u64();
        match self.name.as_str() {
            "start" => None,
            "lost" => Some((number("first").expect("first"), number("last").expect("last"))),
            _ => Some((number("seq").expect("seq"), number("seq").expect("seq"))),
        }
    }
}

/// Somebody who reads events.
struct Listener {
    socket: TcpStream,
    bytes: Vec<u8>,
}

impl Listener {
    async fn open(http: SocketAddr, last: Option<&str>) -> Listener {
        let socket = TcpStream::connect(http).await.expect("a connection");
        let mut listener = Listener { socket, bytes: Vec::new() };
        let more = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        listener.ask(&more).await;
        listener
    }

    async fn ask(&mut self, more: &str) {
        let request = request("GET", "/api/v1/events", more, "");
        self.socket.write_all(request.as_bytes()).await.expect("the request is taken");
    }

    /// All that has come, as far as it is whole.
    fn told(&self) -> Vec<Told> {
        let text = String::from_utf8_lossy(&self.bytes);
        let Some((head, mut chunks)) = text.split_once("\r\n\r\n") else { return Vec::new() };
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
        let mut stream = String::new();
        while let Some((length, rest)) = chunks.split_once("\r\n") {
            let length = usize::from_str_radix(length, 16).expect("a chunk's length");
            let Some(chunk) = rest.get(..length) else { break };
            stream.push_str(chunk);
            chunks = rest.get(length + 2..).unwrap_or_default();
        }
        let whole = stream.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        whole.split("\n\n").filter_map(event).collect()
    }

    /// Reads until there are `count` events, the start included.
    async fn until(&mut self, count: usize) -> Vec<Told> {
        let read = async {
            while self.told().len() < count {
                let read = self.socket.read_buf(&mut self.bytes).await.expect("the stream goes on");
                assert!(read > 0, "the stream ended: {:?}", self.told());
            }
        };
        timeout(SOON, read).await.expect("the events come");
        self.told()
    }

    /// Reads until the node closes.
    async fn rest(&mut self) -> Vec<Told> {
        // A reset is as good an end as any.
        let _ = timeout(SOON, self.socket.read_to_end(&mut self.bytes)).await.expect("an end");
        self.told()
    }
}

fn event(text: &str) -> Option<Told> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = serde_json::from_str(field("data")?).expect("JSON");
    Some(Told {
        id: field("id").expect("an id").to_owned(),
        name: field("event").expect("a name").to_owned(),
        data,
    })
}

/// Every number from `next` on is told, or told to be lost; the next one comes back.
fn account(told: &[Told], mut next: u64) -> u64 {
    for event in told {
        if let Some((first, last)) = event.seqs() {
            assert_eq!(first, next, "{event:?}");
            assert!(event.id.ends_with(&format!(".{last}")), "{event:?}");
            next = last + 1;
        }
    }
    next
}

#[tokio::test]
async fn what_happens_is_told_in_order_and_goes_on_after_a_break() {
    let node = node(1).await;
    let mut listener = Listener::open(node.http, None).await;
    let start = listener.until(1).await.remove(0);
    assert_eq!((start.name.as_str(), &start.data["next"]), ("start", &1.into()));
    mine(&node, 2).await;
    let told = listener.until(7).await;
    let names: Vec<&str> = told.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["start", "block", "block_mined", "tip", "block", "block_mined", "tip"]);
    assert_eq!((&told[3].data["height"], &told[3].data["hash"]), (&1.into(), &told[1].data["hash"]));
    assert_eq!((&told[1].data["origin"], &told[1].data["type"]), (&"mined".into(), &"block".into()));
    assert_eq!(told[1].data.get("content"), Some(&Value::Null), "there is none");
    assert_eq!(account(&told, 1), 7);
    drop(listener);
    mine(&node, 1).await;
    // As if the connection had broken after the fourth.
    let mut again = Listener::open(node.http, Some(&told[4].id)).await;
    let told = again.until(6).await;
    assert_eq!((told[0].data["next"].clone(), told[0].data["restarted"].clone()), (5.into(), false.into()));
    assert_eq!(account(&told, 5), 10);
    // A start that this node does not remember: another run.
    let mut other = Listener::open(node.http, Some("1.99")).await;
    let told = other.until(10).await;
    assert_eq!((&told[0].data["restarted"], account(&told, 1)), (&true.into(), 10));
    let run = text(&Value::from(again.told()[0].id.clone())).split('.').next().expect("a run").to_owned();
    for bad in [format!("{run}.99"), "x".to_owned(), String::new()] {
        let more = format!("Last-Event-ID: {bad}\r\n");
        let bytes = raw(node.http, request("GET", "/api/v1/events", &more, "").as_bytes()).await;
        assert_eq!(Answer::parse(&bytes).expect("an answer").status, 400, "{bad}");
    }
    assert_eq!(refused(&node, "/events?after=x").await, 400);
    // The end of the node is the end of the stream.
    node.handle.command(Command::Shutdown).await.expect("it stops");
    account(&again.rest().await, 5);
}

#[tokio::test]
async fn what_is_no_longer_kept_is_told_to_be_lost() {
    let node = node(1).await;
    let mut listener = Listener::open(node.http, None).await;
    let start = listener.until(1).await.remove(0).id;
    drop(listener);
    let happened = MAX_EVENTS as u64 + 100;
    for n in 1..=happened {
        let _ = node.handle.command(Command::SetMining(n % 2 + 1)).await;
    }
    let _ = node.handle.command(Command::SetMining(0)).await;
    let last = node.handle.events().last();
    let mut again = Listener::open(node.http, Some(&start)).await;
    let told = again.until(2 + MAX_EVENTS).await;
    assert_eq!((told[1].name.as_str(), &told[1].data["first"]), ("lost", &1.into()));
    assert!(account(&told, 1) > last);
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_nobody_waits() {
    let settings = Settings { timeout: Duration::from_millis(300), ..Settings::recommended() };
    let node = node_with(1, Params::regtest(), settings).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let socket = socket.connect(node.http).await.expect("a connection");
    let mut deaf = Listener { socket, bytes: Vec::new() };
    deaf.ask("").await;
    deaf.until(1).await;
    let events = node.handle.events();
    let mut others = Vec::new();
    let fill = async {
        // The one place that the deaf reader has is not to be had, until it is cut off.
        while others.len() < MAX_EVENT_READERS {
            match events.read(From::Now) {
                Ok(reader) => others.push(reader),
                Err(_) => {
                    for n in 0..100 {
                        let _ = node.handle.command(Command::SetMining(n % 2)).await;
                    }
                }
            }
            assert_eq!(get(node.http, "/node/id").await.status, 200, "others are served");
        }
    };
    timeout(6 * SOON, fill).await.expect("it is cut off");
    let told = deaf.rest().await;
    let next = told[0].data["next"].as_u64().expect("a number");
    let reached = account(&told, next);
    assert!(next < reached && reached <= events.last(), "it was cut off, at {reached}");
    let full = get(node.http, &v1("/events")).await;
    assert_eq!((full.status, full.header("retry-after")), (503, Some("10")));
    others.pop();
    Listener::open(node.http, None).await.until(1).await;
}
