//! What users and managers ask for. Both want the same things; they differ in how they are answered.

use std::collections::BTreeSet;

use super::connections::{Connection, Phase};
use super::io::{Answer, Command, CommandId, ConnId, Giver, Origin, Output, Place};
use super::told::count;
use super::*;
use crate::chain::CheckedBranch;
use crate::encoding::{Blob, Text};
use crate::limits::MAX_CONTENT_BYTES;
use crate::mempool::Source;
use crate::peer::Disconnect;
use crate::wire::manage::{self, Binding, Introduction, Manage, Report};
use crate::wire::message::Message;

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Somebody beside us: HTTP.
    Edge(CommandId),
    /// The manager, over the wire.
    Manager {
        /// Its connection.
        conn: ConnId,
        /// The command's sequence.
        sequence: u64,
    },
}

impl Node {
    pub(super) fn command(&mut self, caller: Caller, command: Command) {
        if self.stopping {
            let is_wanted = matches!(command, Command::Shutdown);
            return self.reply(caller, if is_wanted { Answer::ShuttingDown } else { Answer::Stopping });
        }
        match command {
            Command::Register(introductions) => self.register(caller, &introductions),
            Command::Mine(content) => self.mine_one(caller, content),
            Command::SetMining(hashrate) => {
                self.set_mining(hashrate);
                self.reply(caller, Answer::MiningSet);
            }
            Command::Submit(data) => self.submit(caller, data),
            Command::AskPeers => {
                let asked = self.ask_everybody();
                self.reply(caller, Answer::Asked(asked));
            }
            Command::Replace(Ok(branch)) => self.replace(caller, &branch),
            Command::Replace(Err(bad)) => {
                self.refused((bad.hash, bad.previous), bad.rule, None, false);
                self.reply(caller, Answer::Refused(bad));
            }
            Command::Connect(address) => self.connect(caller, address),
            Command::Disconnect(place) => self.disconnect(caller, place),
            Command::Forgive(host) => self.forgive(caller, host),
            Command::SetFaults(faults) => self.set_faults(caller, &faults),
            Command::Forget(nodes) => self.forget(caller, &nodes),
            Command::Shutdown => self.shut_down(caller),
        }
    }

    fn register(&mut self, caller: Caller, introductions: &[Introduction]) {
        let mut places = Vec::with_capacity(introductions.len());
        for Introduction { peer, .. } in introductions {
            match address::reachable(peer.address) {
                Ok(place) => places.push(place),
                Err(why) => {
                    return self.reply(caller, Answer::NotRegistered { address: peer.address, why });
                }
            }
        }
        // All of them or none: whoever is told that they were added need not ask which.
        let to_dial = introductions.iter().zip(&places).filter(|(introduction, _)| introduction.dial);
        let new: BTreeSet<SocketAddr> = to_dial
            .filter(|(introduction, place)| self.is_new_manual(place, introduction.peer.node))
            .map(|(_, place)| *place)
            .collect();
        let room = self.addresses.room_for_manual();
        if new.len() > room {
            return self.reply(caller, Answer::TooManyAddresses { room });
        }
        for (Introduction { peer, dial }, place) in introductions.iter().zip(places) {
            if let Some(node) = peer.node {
                self.learn_told(node, place);
            }
            if *dial {
                self.stay_connected(place, peer.node);
            }
        }
        let known = self.addresses.book.names().into_keys().collect();
        self.reply(caller, Answer::Registered(known));
    }

    fn connect(&mut self, caller: Caller, address: SocketAddr) {
        let answer = match address::reachable(address) {
            Err(why) => Answer::NotRegistered { address, why },
            Ok(place) if self.is_own(&place) => Answer::OwnAddress,
            Ok(place) => {
                self.stay_connected(place, None);
                match self.addresses.is_manual(&place) {
                    true => Answer::Connecting,
                    false => Answer::TooManyAddresses { room: 0 },
                }
            }
        };
        self.reply(caller, answer);
    }

    /// Lets go of a peer: its connection, and the wish to have one.
    fn disconnect(&mut self, caller: Caller, place: Place) {
        let is_it = |(conn, connection): &(ConnId, &Connection)| match place {
            Place::Conn(wanted) => *conn == wanted,
            Place::Address(address) => connection.address == address,
        };
        let found = self.ready().find(is_it).map(|(conn, connection)| {
            (conn, connection.address, connection.remote().map(|remote| remote.hello.node))
        });
        let forgotten = match (place, found) {
            (_, Some((_, address, node))) => self.forget_manual(&address, node),
            (Place::Address(address), None) => self.forget_manual(&address, None),
            (Place::Conn(_), None) => false,
        };
        if let Some((conn, ..)) = found {
            self.close(conn, Disconnect::Requested);
        }
        let known = forgotten || found.is_some();
        self.reply(caller, if known { Answer::Disconnected } else { Answer::NoSuchPeer });
    }

    /// Lets go of these nodes: their connections, the wish to have any, and where they are.
    fn forget(&mut self, caller: Caller, nodes: &[NodeId]) {
        let mut forgotten = 0;
        for node in nodes {
            let was_manual = self.forget_manual_node(node);
            let was_known = self.addresses.book.forget_node(node);
            let conn = self.ready_to(node);
            if let Some(conn) = conn {
                self.close(conn, Disconnect::Requested);
            }
            forgotten += usize::from(was_manual || was_known || conn.is_some());
        }
        self.reply(caller, Answer::Forgotten(forgotten));
    }

    fn submit(&mut self, caller: Caller, data: Blob<MAX_CONTENT_BYTES>) {
        let content = self.content(data);
        let id = content.id();
        match self.pool.insert(id, content.into(), Source::Local) {
            Ok(()) => {
                self.announce_pool();
                self.pool_changed();
                self.commit_pool();
                self.reply_when_stored(caller, Answer::Submitted(id));
            }
            Err(refusal) => self.reply(caller, Answer::NotSubmitted(refusal)),
        }
    }

    /// Adopts a whole chain if it has strictly more work than ours, as one change.
    fn replace(&mut self, caller: Caller, branch: &CheckedBranch) {
        let (ours, offered) = (self.chain.tip(), branch.tip());
        if offered.work <= ours.work {
            return self.reply(caller, Answer::NotReplaced { ours, offered });
        }
        // Known blocks at the start are skipped, so that storage is not given them again.
        let blocks = branch.blocks();
        let known = blocks.partition_point(|b| self.chain.get(&b.hash()).is_some_and(|e| e.has_body));
        self.import(&blocks[known..], Giver { origin: Origin::Imported, node: None });
        let ours = self.chain.tip();
        if ours.hash == offered.hash {
            self.reply_when_stored(caller, Answer::Replaced(offered));
        } else {
            self.reply(caller, Answer::NotReplaced { ours, offered });
        }
    }

    fn shut_down(&mut self, caller: Caller) {
        self.stopping = true;
        self.stop_mining();
        self.reply(caller, Answer::ShuttingDown);
        self.close_all(&Disconnect::ShuttingDown);
        self.stop_when_stored();
    }

    pub(super) fn reply(&mut self, caller: Caller, answer: Answer) {
        match caller {
            Caller::Edge(id) => self.out.push(Output::Reply(id, answer)),
            Caller::Manager { conn, sequence } => {
                let outcome = outcome(answer);
                self.report(conn, sequence, outcome);
            }
        }
    }

    pub(super) fn report(&mut self, conn: ConnId, sequence: u64, outcome: manage::Outcome) {
        if self.connections.contains_key(&conn) {
            self.send(conn, Message::Report(Report { sequence, outcome }));
        }
    }

    /// A signed command arrived.
    pub(super) fn manage(&mut self, conn: ConnId, manage: &Manage) {
        let Some(key) = self.config.manager else { return };
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Phase::Manager(managing) = &mut connection.phase else { return };
        let binding = Binding {
            network: self.identity.network,
            node: self.identity.node,
            challenge: connection.challenge,
        };
        let command = match binding.open(&key, managing.sequence + 1, manage) {
            Ok(command) => command,
            Err(refusal) => return self.close(conn, Disconnect::NotAuthorised(refusal)),
        };
        managing.sequence += 1;
        if managing.sequence == 1 {
            self.manager_accepted(conn);
        }
        self.obey(conn, manage.sequence, command);
    }

    fn obey(&mut self, conn: ConnId, sequence: u64, command: manage::Command) {
        use manage::Command as C;
        let command = match command {
            C::Status => {
                let status = self.status();
                return self.out.push(Output::Status(conn, sequence, status));
            }
            C::Subscribe => return self.subscribe(conn, sequence),
            C::CancelMining { sequence: call } => {
                self.cancel_mining(Caller::Manager { conn, sequence: call });
                return self.report(conn, sequence, manage::Outcome::Done);
            }
            C::Register(introductions) => Command::Register(introductions.into_vec()),
            C::Mine { content } => Command::Mine(content),
            C::SetMining { hashrate } => Command::SetMining(hashrate),
            C::Submit { content } => Command::Submit(content),
            C::SetFaults { faults } => Command::SetFaults(faults.into_vec()),
            C::Forget { nodes } => Command::Forget(nodes.into_vec()),
            C::Shutdown => Command::Shutdown,
        };
        self.command(Caller::Manager { conn, sequence }, command);
    }

    fn status(&self) -> manage::Status {
        let memory = self.chain.tip();
        manage::Status {
            height: self.committed.height,
            tip: self.committed.hash,
            peers: count(self.ready().count()),
            pool: count(self.pool.len()),
            hashrate: self.mining.background(),
            pool_bytes: self.pool.bytes() as u64,
            hashes: 0,
            uptime: self.now.elapsed.as_secs(),
            memory_height: memory.height,
            memory_tip: memory.hash,
        }
    }
}

/// An answer, as the wire says it.
fn outcome(answer: Answer) -> manage::Outcome {
    use manage::Outcome::{Done, Failed, Mined, Submitted};
    let failed = |why: String| Failed(Text::clipped(&why));
    match answer {
        Answer::Registered(_) | Answer::MiningSet | Answer::Asked(_) | Answer::Replaced(_) => Done,
        Answer::Connecting
        | Answer::Disconnected
        | Answer::Forgotten(_)
        | Answer::FaultsSet
        | Answer::Forgiven => Done,
        Answer::BadFaults(why) => failed(why),
        Answer::OwnAddress => failed("that is this node itself".to_owned()),
        Answer::TooManyAddresses { room } => {
            failed(format!("too many addresses to stay connected to: there is room for {room} more"))
        }
        Answer::NoSuchPeer => failed("there is no such peer".to_owned()),
        Answer::NoSuchBan => failed("no such host is kept out".to_owned()),
        Answer::ShuttingDown => Done,
        Answer::Stopping => failed(manage::STOPPING.to_owned()),
        Answer::NotStored(why) => failed(why),
        Answer::NotRegistered { address, why } => failed(format!("{address}: {why}")),
        Answer::Mined(mined) => Mined(mined),
        Answer::Submitted(id) => Submitted(id),
        Answer::Cancelled => failed(manage::CANCELLED.to_owned()),
        Answer::MiningQueueFull => failed(manage::BUSY.to_owned()),
        Answer::WrongClock { wait: Some(wait), .. } => failed(format!(
            "the chain's time is ahead of this machine's clock, and for {} s no block can be mined: set the \
             clock",
            wait.as_secs() + 1
        )),
        Answer::WrongClock { wait: None, .. } => {
            failed("this machine's clock is past all times that a block can have: set the clock".to_owned())
        }
        Answer::NotSubmitted(refusal) => failed(refusal.to_string()),
        Answer::Refused(bad) => failed(bad.to_string()),
        Answer::NotReplaced { ours, offered } => {
            failed(format!("the chain has work {}, ours {}", offered.work, ours.work))
        }
    }
}
