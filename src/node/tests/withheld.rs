//! Headers with the most work, whose bodies nobody gives: what is fetched meanwhile.

use core::time::Duration;

use super::sync::Server;
use super::*;
use crate::encoding::List;
use crate::limits::DOWNLOAD_WINDOW;
use crate::node::io::{ConnId, Direction, Input};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::wire::message::{Message, NewBlock};

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

/// Row 40 of docs/hostile.md: a crowd that tells of a block before all others, each under its own name, and gives it not.
/// Whom we called, and who gave blocks before, is asked in half a second; somebody unknown after a few.
#[test]
fn a_crowd_that_tells_of_the_tip_first_and_withholds_it_costs_little_time() {
    let mut miner = Alice::new(9, Params::regtest());
    let hashes = miner.mine(2);
    let block = |at: usize| miner.stored.get(&hashes[at]).expect("mined").block().clone();
    // (whether the honest one was called by us, gave the block before; how many the crowd is; after how many
    // milliseconds at the latest the block is here)
    for (called, gave, crowd, limit) in
        [(true, false, 20, 500), (false, true, 20, 500), (false, false, 1, 2000), (false, false, 8, 4500)]
    {
        let mut alice = Alice::new(1, Params::regtest());
        alice.now = miner.now;
        let direction = if called { Direction::Outbound } else { Direction::Inbound };
        let honest = alice.connected(alice::address(2), direction);
        let hello = bob(2, &alice.params);
        alice.received(honest, Message::Hello(hello));
        let other = alice.meet(3);
        let giver = if gave { honest } else { other };
        alice.received(giver, Message::NewBlock(NewBlock::Push(block(0))));
        alice.input(Input::Closed(other, Disconnect::Ended));
        alice.said(honest);
        for n in 0..crowd {
            let conn = alice.meet(100 + n);
            alice.received(conn, Message::NewBlock(NewBlock::Announce(block(1).header)));
        }
        alice.received(honest, Message::NewBlock(NewBlock::Announce(block(1).header)));
        let mut asked = 0;
        let begun = alice.now.elapsed;
        loop {
            for said in alice.said(honest) {
                if matches!(said, Message::GetBlocks(_)) {
                    asked += 1;
                    alice.received(honest, Message::Block(block(1)));
                }
            }
            if alice.now.elapsed >= begun + Duration::from_millis(limit) {
                break;
            }
            alice.elapse(Duration::from_millis(50));
        }
        assert_eq!((alice.tip(), asked), (hashes[1], 1), "called: {called}, gave: {gave}, crowd of {crowd}");
        assert!(alice.closed.is_empty(), "{:?}", alice.closed);
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
