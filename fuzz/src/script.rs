//! Bytes made into things that may happen to a node.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use arbitrary::{Arbitrary, Result, Unstructured};
use p2pnode::chain::{CheckedBlock, CheckedBranch};
use p2pnode::encoding::{List, Text};
use p2pnode::miner::Search;
use p2pnode::node::io::{Command, CommandId, ConnId, Direction, Input};
use p2pnode::params::NetworkId;
use p2pnode::peer::{Disconnect, Identity};
use p2pnode::time::UnixTime;
use p2pnode::types::{BlockHash, Header, NodeId, Transaction, TxId, Work};
use p2pnode::wire::manage::{self, Binding, Fault, Introduction, Manage};
use p2pnode::wire::message::{Bye, ByeReason, GetHeaders, NewBlock, PeerAddress, Ping, Role};
use p2pnode::wire::{Kind, Message};

use super::edge::{Edge, NODE, manager};
use super::pool::Pool;

/// What happens next is read from the bytes.
pub struct Script<'a, 'b> {
    pub u: &'b mut Unstructured<'a>,
    pub pool: &'static Pool,
    /// Commands so far.
    pub asked: Vec<CommandId>,
}

impl Script<'_, '_> {
    fn index(&mut self, count: usize) -> Result<usize> {
        Ok(usize::from(u8::arbitrary(self.u)?) % count.max(1))
    }

    /// A few hosts of both families, one of them in two forms.
    pub fn address(&mut self) -> Result<SocketAddr> {
        const ADDRESSES: [&str; 8] = [
            "10.0.0.1:6000",
            "10.0.0.2:6000",
            "10.0.0.3:6000",
            "[::ffff:10.0.0.3]:6000",
            "127.0.0.1:6001",
            "[2001:db8::1]:6000",
            "8.8.8.8:6000",
            "0.0.0.0:0",
        ];
        let at = self.index(ADDRESSES.len())?;
        Ok(ADDRESSES[at].parse().expect("an address"))
    }

    /// One of the open connections, newest first.
    pub fn link(&mut self, edge: &Edge) -> Result<ConnId> {
        let at = self.index(edge.links.len())?;
        // Of no connection at all, if there is none: that is ignored.
        Ok(edge.links.keys().rev().nth(at).copied().unwrap_or(ConnId(u64::MAX)))
    }

    /// Somebody calls.
    pub fn connect(&mut self, edge: &mut Edge) -> Result<()> {
        let address = self.address()?;
        edge.connected(address, Direction::Inbound);
        Ok(())
    }

    /// A dial that was asked for succeeds or fails.
    pub fn dial(&mut self, edge: &mut Edge) -> Result<()> {
        let succeeds = bool::arbitrary(self.u)?;
        let Some(address) = edge.dials.pop_front() else { return Ok(()) };
        if succeeds {
            edge.connected(address, Direction::Outbound);
        } else {
            edge.input(Input::DialFailed { address, error: "refused".to_owned() });
        }
        Ok(())
    }

    /// Mostly a good Hello, of one of a few nodes.
    pub fn hello(&mut self) -> Result<Message> {
        let node = NodeId([u8::arbitrary(self.u)? % 6; 16]);
        let (role, listen_port) = match u8::arbitrary(self.u)? % 10 {
            0 => (Role::Manager, 0),
            port => (Role::Node, u16::from(port) % 3 * 6000),
        };
        let network = self.pool.params.network();
        let hello = Identity { network, node, role, listen_port }.hello(
            [3; 32],
            (Work::ZERO, u64::arbitrary(self.u)?),
            UnixTime::default(),
        );
        let mut hello = hello;
        match u8::arbitrary(self.u)? {
            0 => hello.network = NetworkId([0; 32]),
            1 => (hello.min_version, hello.max_version) = (u16::arbitrary(self.u)?, u16::arbitrary(self.u)?),
            2 => hello.agent = Text::clipped(&String::arbitrary(self.u)?),
            _ => {}
        }
        Ok(Message::Hello(hello))
    }

    fn hash(&mut self) -> Result<BlockHash> {
        let at = u8::arbitrary(self.u)?;
        Ok(if at == u8::MAX { BlockHash(self.u.arbitrary()?) } else { self.pool.block(at).hash() })
    }

    fn hashes<const MAX: usize>(&mut self) -> Result<List<BlockHash, MAX>> {
        let count = self.index(MAX + 1)?;
        Ok(List::clipped((0..count).map(|_| self.hash()).collect::<Result<Vec<_>>>()?))
    }

    fn ids<const MAX: usize>(&mut self) -> Result<List<TxId, MAX>> {
        let count = self.index(12)?;
        let one = |script: &mut Self| match script.index(12)? {
            at if at < script.pool.contents.len() => Ok(script.pool.contents[at].id()),
            _ => Ok(TxId(script.u.arbitrary()?)),
        };
        Ok(List::clipped((0..count).map(|_| one(self)).collect::<Result<Vec<_>>>()?))
    }

    fn headers(&mut self) -> Result<Message> {
        let (from, count) = (self.index(self.pool.blocks.len())?, self.index(20)?);
        let blocks = self.pool.blocks[from..].iter().take(count);
        Ok(Message::Headers(List::clipped(blocks.map(|block| block.header))))
    }

    /// Any message, most of them of the pool's blocks.
    pub fn message(&mut self) -> Result<Message> {
        Ok(match u8::arbitrary(self.u)? % 22 {
            0..=2 => self.headers()?,
            3..=5 => Message::Block(self.pool.block(self.u.arbitrary()?).clone()),
            6..=8 => Message::NewBlock(NewBlock::Push(self.pool.block(self.u.arbitrary()?).clone())),
            9 => Message::NewBlock(NewBlock::Announce(self.pool.block(self.u.arbitrary()?).header)),
            10 => Message::GetHeaders(GetHeaders {
                locator: self.hashes()?,
                stop: if bool::arbitrary(self.u)? { Some(self.hash()?) } else { None },
            }),
            11 => Message::GetBlocks(self.hashes()?),
            12 => Message::NotFound(self.hashes()?),
            13 => Message::HaveTransactions(self.ids()?),
            14 => Message::GetTransactions(self.ids()?),
            15 => self.transactions()?,
            16 => Message::Ping(Ping { nonce: self.u.arbitrary()? }),
            17 => Message::Pong(Ping { nonce: self.u.arbitrary()? }),
            18 => self.hello()?,
            19 => Message::GetPeers,
            20 => {
                let count = self.index(12)?;
                Message::Peers(List::clipped((0..count).map(|_| self.address()).collect::<Result<Vec<_>>>()?))
            }
            _ => self.raw()?,
        })
    }

    fn transactions(&mut self) -> Result<Message> {
        let (from, count) = (self.index(self.pool.contents.len())?, self.index(4)?);
        let mut list: Vec<Transaction> = self.pool.contents[from..].iter().take(count).cloned().collect();
        if u8::arbitrary(self.u)? == 0 {
            list.extend(self.pool.blocks[1].transactions.first().cloned());
        }
        Ok(Message::Transactions(List::clipped(list)))
    }

    /// Whatever some bytes say, as any kind; a Bye if they say nothing.
    pub fn raw(&mut self) -> Result<Message> {
        let kind = Kind::ALL[self.index(Kind::ALL.len())?];
        let length = self.index(200)?.min(self.u.len());
        let body = self.u.bytes(length)?;
        let bye = || Bye { reason: ByeReason::Requested, detail: Text::default(), rules: None };
        Ok(Message::decode_body(kind, body).unwrap_or_else(|_| Message::Bye(bye())))
    }

    /// The manager's next command on a connection, its signature good or not.
    pub fn signed(&mut self, edge: &mut Edge, conn: ConnId) -> Result<()> {
        let Some(challenge) = edge.links.get(&conn).and_then(|link| link.challenge) else { return Ok(()) };
        let binding = Binding { network: edge.params.network(), node: NODE, challenge };
        let command = match u8::arbitrary(self.u)? % 11 {
            0 => manage::Command::Status,
            1 => manage::Command::Subscribe,
            2 => manage::Command::Mine { content: None },
            3 => manage::Command::SetMining { hashrate: self.u.arbitrary()? },
            4 => manage::Command::Submit { content: self.content()? },
            5 => manage::Command::Register(List::clipped([self.introduction()?])),
            6 => manage::Command::Mine { content: Some(self.content()?) },
            7 => manage::Command::SetFaults { faults: List::clipped([self.fault()?, self.fault()?]) },
            8 => manage::Command::Forget { nodes: List::clipped([NodeId([self.u.arbitrary()?; 16])]) },
            9 => manage::Command::CancelMining { sequence: u64::from(u8::arbitrary(self.u)? % 4) },
            _ => {
                let signature = [self.u.arbitrary()?; 64];
                let manage =
                    Manage { sequence: 1, command: Vec::new().try_into().expect("short"), signature };
                edge.received(conn, Message::Manage(manage));
                return Ok(());
            }
        };
        let sequence = u64::from(u8::arbitrary(self.u)? % 4);
        edge.received(conn, Message::Manage(binding.sign(&manager(), sequence, &command)));
        Ok(())
    }

    fn content<const MAX: usize>(&mut self) -> Result<p2pnode::encoding::Blob<MAX>> {
        let length = self.index(64)?;
        Ok(vec![7; length].try_into().expect("short"))
    }

    fn introduction(&mut self) -> Result<Introduction> {
        let node = u8::arbitrary(self.u)? % 8;
        let peer = PeerAddress { node: (node > 0).then_some(NodeId([node; 16])), address: self.address()? };
        Ok(Introduction { peer, dial: self.u.arbitrary()? })
    }

    fn fault(&mut self) -> Result<Fault> {
        let node = NodeId([u8::arbitrary(self.u)? % 8; 16]);
        let [latency_micros, jitter_micros, loss_ppm] = self.u.arbitrary()?;
        Ok(Fault { node, cut: self.u.arbitrary()?, latency_micros, jitter_micros, loss_ppm })
    }

    /// Somebody beside the node wants something, or does not want it any more.
    pub fn command(&mut self, edge: &mut Edge) -> Result<()> {
        let command = match u8::arbitrary(self.u)? {
            0..40 => Command::Mine(None),
            40..60 => Command::Mine(Some(self.content()?)),
            60..80 => Command::Submit(self.content()?),
            80..100 => Command::SetMining(self.u.arbitrary()?),
            100..120 => Command::AskPeers,
            120..160 => Command::Register(vec![self.introduction()?]),
            160..200 => {
                let line = self.pool.line(self.u.arbitrary()?);
                let branch = CheckedBranch::check(line, &self.pool.params, edge.now.wall);
                // From before the blocks' time there is no such branch.
                let Ok(branch) = branch else { return Ok(()) };
                Command::Replace(Ok(branch))
            }
            255 => Command::Shutdown,
            _ => {
                let at = self.index(self.asked.len())?;
                if let Some(id) = self.asked.get(at) {
                    edge.cancel(*id);
                }
                return Ok(());
            }
        };
        self.asked.push(edge.command(command));
        Ok(())
    }

    /// The miner finds what it was told to, or something that is no longer wanted.
    pub fn find(&mut self, edge: &mut Edge) -> Result<()> {
        let stale = u8::arbitrary(self.u)? == 0;
        let Some(job) = edge.job.clone() else { return Ok(()) };
        let time = u32::try_from(edge.now.wall.secs()).unwrap_or(u32::MAX);
        let header = job.template.header(1, time);
        let searched = Search::new(&header).run(0, 1 << 16);
        let Some(nonce) = searched.nonce else { return Ok(()) };
        let block = job.template.block(Header { nonce, ..header }, 1);
        let block = CheckedBlock::check(Arc::new(block), &edge.params).expect("our own template is good");
        let job = if stale { job.id.wrapping_sub(1) } else { job.id };
        edge.input(Input::Mined { job, block, tries: searched.hashes });
        Ok(())
    }

    /// Time passes: often a little, sometimes hours. Timers may ring late, and the wall may jump.
    pub fn elapse(&mut self, edge: &mut Edge) -> Result<()> {
        let millis = match u8::arbitrary(self.u)? {
            0..100 => u64::from(u8::arbitrary(self.u)?),
            100..200 => u64::from(u16::arbitrary(self.u)?),
            200..250 => 100 * u64::from(u16::arbitrary(self.u)?),
            _ => {
                edge.now.wall = UnixTime::from_secs(u64::from(u32::arbitrary(self.u)?));
                return Ok(());
            }
        };
        let rings = usize::from(u8::arbitrary(self.u)?);
        edge.elapse(Duration::from_millis(millis), rings);
        Ok(())
    }

    pub fn closed(&mut self, edge: &mut Edge) -> Result<()> {
        let conn = self.link(edge)?;
        let ends =
            [Disconnect::Ended, Disconnect::SlowFrame, Disconnect::SendQueueFull, Disconnect::WriteTimeout];
        let why = self.u.choose(&ends)?.clone();
        edge.input(Input::Closed(conn, why));
        Ok(())
    }
}
