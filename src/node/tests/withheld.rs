//! Headers with the most work, whose bodies nobody gives: what is fetched meanwhile.

use super::sync::Server;
use super::*;
use crate::encoding::List;
use crate::limits::DOWNLOAD_WINDOW;
use crate::node::io::{ConnId, Input};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::wire::message::Message;

/// Somebody who has the headers of a chain and gives no body of them, over one connection after the other.
struct Withholder<'a> {
    chain: &'a Alice,
    conn: Option<ConnId>,
    /// The name that it uses next.
    name: u8,
}

impl Withholder<'_> {
    fn new(chain: &Alice, name: u8) -> Withholder<'_> {
        Withholder { chain, conn: None, name }
    }

    /// Calls anew, as somebody else, and ends the old connection once the new one has shown what it has.
    fn renew(&mut self, alice: &mut Alice) {
        self.name += 1;
        let conn = alice.meet(self.name);
        while self.answer(alice, conn) {}
        if let Some(old) = self.conn.replace(conn) {
            alice.input(Input::Closed(old, Disconnect::Ended));
        }
    }

    /// Answers questions for headers, and none for blocks; whether there was one.
    fn answer(&self, alice: &mut Alice, conn: ConnId) -> bool {
        let mut answered = false;
        for said in alice.said(conn) {
            if let Message::GetHeaders(question) = said {
                let headers = self.chain.node.chain.headers_after(&question.locator, None, 2000);
                alice.received(conn, Message::Headers(List::clipped(headers)));
                answered = true;
            }
        }
        answered
    }
}

/// Everything that `from` has, given to `to`.
fn teach(to: &mut Alice, from: &Alice) {
    to.now = from.now;
    let conn = to.meet(77);
    let mut server = Server::new(from);
    while server.step(to, conn) {}
    to.input(Input::Closed(conn, Disconnect::Ended));
    assert_eq!(to.tip(), from.tip());
}

/// Row 40 of docs/hostile.md: who withholds the bodies of the best headers and calls anew each second, so that it has
/// never withheld them for long, keeps nobody from the next best branch: no newcomer, however long that branch, and no
/// node whose own branch the withheld headers extend.
#[test]
fn who_withholds_blocks_and_calls_anew_each_second_keeps_nobody_from_another_branch() {
    let long = DOWNLOAD_WINDOW as usize + 100;
    // (our own blocks, the honest branch's, how many withheld headers there are on ours, whether somebody else
    // withholds the honest branch's in the same way; after how many seconds at the latest it is here)
    let rows =
        [(0, 40, 41, false, 4), (3, 40, 38, false, 4), (0, long, 1200, false, 4), (0, long, 1200, true, 15)];
    for (ours, theirs, withheld, both, limit) in rows {
        let mut miner = Alice::new(9, Params::regtest());
        miner.mine(theirs);
        let mut alice = Alice::new(1, Params::regtest());
        alice.mine(ours);
        let mut other = Alice::new(8, Params::regtest());
        teach(&mut other, &alice);
        other.mine(withheld);
        alice.now.wall = miner.now.wall.max(other.now.wall);

        let mut withholders = vec![Withholder::new(&other, 100)];
        withholders.extend(both.then(|| Withholder::new(&miner, 200)));
        withholders.iter_mut().for_each(|withholder| withholder.renew(&mut alice));
        let honest = alice.meet(2);
        let mut server = Server::new(&miner);
        for _ in 0..limit {
            while server.step(&mut alice, honest) {}
            alice.elapse(secs(1));
            withholders.iter_mut().for_each(|withholder| withholder.renew(&mut alice));
        }
        while server.step(&mut alice, honest) {}
        assert_eq!(alice.tip(), miner.tip(), "{ours} of ours, {theirs} to fetch, after {limit} s");
        assert_eq!(server.given, theirs, "and none of them twice");
        assert!(alice.closed.is_empty(), "{:?}", alice.closed);
    }
}
