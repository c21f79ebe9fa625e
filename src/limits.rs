//! Every size, count and timeout, once, as a plain number with its reason.
//!
//! Whoever needs a limit names it from here; how limits relate is asserted at the end, so that a change
//! that breaks a relation does not compile.

use core::time::Duration;

// --- Blocks and transactions (consensus: changing one makes another network) ---

/// Largest encoded block, in bytes: just under 1 MiB, where a store that rounds up to a power of two would
/// need twice the space.
pub const MAX_BLOCK_BYTES: usize = 1_000_000;

/// Largest content, in bytes: a page of text or a small picture, a fifteenth of a block.
pub const MAX_CONTENT_BYTES: usize = 64 * 1024;

/// Largest note of a miner, in bytes: Bitcoin's own bound for what a coinbase may carry.
pub const MAX_NOTE_BYTES: usize = 100;

/// Most transactions in a block: what fits [`MAX_BLOCK_BYTES`] at [`MIN_TRANSACTION_BYTES`] each.
pub const MAX_BLOCK_TRANSACTIONS: usize = MAX_BLOCK_BYTES / MIN_TRANSACTION_BYTES;

/// Short ids of a compact block at most: all transactions but the coinbase.
pub const MAX_SHORT_IDS: usize = MAX_BLOCK_TRANSACTIONS - 1;

/// Smallest encoded transaction, in bytes: an empty content (tag 4, nonce 8, count 8).
pub const MIN_TRANSACTION_BYTES: usize = 20;

/// How far ahead of our clock a block's time may be, in seconds: Bitcoin's two hours.
pub const MAX_FUTURE_SECS: u64 = 2 * 60 * 60;

/// The least that bound shrinks to on a network with a short block time, in seconds: clocks that are set
/// by hand differ by less.
pub const MIN_FUTURE_SECS: u64 = 15;

/// How many ancestors' times make the median that a block's time is held against (Bitcoin's 11).
pub const MEDIAN_TIME_SPAN: usize = 11;

/// Longest block time a network may ask for, in seconds: a day.
pub const MAX_BLOCK_TIME_SECS: u32 = 24 * 60 * 60;

/// Most leading zero bits a network may start with: more than any miner of this project can do.
pub const MAX_DIFFICULTY: u32 = 64;

/// Longest network name, in bytes.
pub const MAX_NETWORK_NAME_BYTES: usize = 32;

// --- Frames ---

/// Bytes of a frame before its body: the length (4) and the kind (1).
pub const FRAME_HEADER_BYTES: usize = 5;

/// Largest frame content (kind and body) before the handshake is done, in bytes: a Hello is at most 275 with its kind.
pub const MAX_HANDSHAKE_FRAME_BYTES: usize = 1024;

/// Largest frame content of a kind we do not know, in bytes: a later version may say a little more to us.
pub const MAX_UNKNOWN_FRAME_BYTES: usize = 64 * 1024;

/// Frames of unknown kinds that one connection may send; one more closes it.
pub const MAX_UNKNOWN_FRAMES: u32 = 16;

/// What surrounds a block in the frames that carry one, in bytes: kind and variant, rounded up.
pub const BLOCK_FRAME_OVERHEAD_BYTES: usize = 64;

/// Largest user agent, in bytes.
pub const MAX_AGENT_BYTES: usize = 64;

/// Largest explanation in a Bye or a report, in bytes: a sentence or two.
pub const MAX_DETAIL_BYTES: usize = 200;

/// Most headers in one message: Bitcoin's 2,000, 160 KB.
pub const MAX_HEADERS: usize = 2000;

/// Most hashes in a locator: ten and then doubling steps reach back 2^54 blocks.
pub const MAX_LOCATOR: usize = 64;

/// Most blocks asked for in one message.
pub const MAX_GET_BLOCKS: usize = 16;

/// Most transaction ids in one message.
pub const MAX_TRANSACTION_IDS: usize = 1000;

/// Most bytes of transactions in one message: one block's worth.
pub const MAX_TRANSACTIONS_BYTES: usize = MAX_BLOCK_BYTES;

/// Most addresses in one Peers message: as many as one source may put into the book
/// ([`MAX_KNOWN_PER_SOURCE`]); more would only be dropped.
pub const MAX_PEERS: usize = MAX_KNOWN_PER_SOURCE;

/// Most peers named in one Register command.
pub const MAX_REGISTER: usize = 1000;

/// Largest encoded management command, in bytes: a Register of [`MAX_REGISTER`] peers, or a content.
pub const MAX_COMMAND_BYTES: usize = 128 * 1024;

/// Characters of a content that are told of a block, in bytes: a line of a screen.
pub const MAX_EXCERPT_BYTES: usize = 80;

/// Largest name of a consensus rule in an event, in bytes.
pub const MAX_RULE_NAME_BYTES: usize = 40;

/// Transactions that one event names to a manager: as many as people read.
pub const MAX_TOLD_IDS: usize = 16;

/// How far below the tip the blocks are that a manager is told of when it subscribes, in heights.
pub const TOLD_HEIGHTS: u64 = 256;

/// Blocks that a managed node remembers for that, of all branches, some 250 bytes each; the lowest goes first.
pub const MAX_TOLD_BLOCKS: usize = 1024;

/// Longest latency that a fault may give a link, in microseconds: a minute, after which whatever waits for an
/// answer has given up.
pub const MAX_FAULT_LATENCY_MICROS: u32 = 60_000_000;

/// Largest loss that a fault may give a link, in millionths: nine of ten segments.
pub const MAX_FAULT_LOSS_PPM: u32 = 900_000;

// --- Connections ---

/// Time from connect to a finished handshake, in all.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the host of a peer that is named by it is looked up, while the node is not connected to it: as a peer's
/// redials, and less than name servers keep their answers.
pub const NAME_PERIOD: Duration = Duration::from_secs(10);

/// Between two attempts to look up the host of a node whose network is joined, within [`DIAL_TIMEOUT`].
pub const LOOKUP_PAUSE: Duration = Duration::from_millis(500);

/// Time for TCP to connect.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Quiet time after which a connection is pinged.
pub const PING_INTERVAL: Duration = Duration::from_secs(60);

/// Time without a single byte, while a ping is owed, after which a connection is dead.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(60);

/// How often the core is told that a long message is still arriving, so that a slow link is not taken for a
/// dead one: at the least rate a block takes a quarter of an hour.
pub const ARRIVING_PERIOD: Duration = Duration::from_secs(10);

/// Time a ready connection has to answer a ping when another claims to come from the same node.
pub const CONTENDER_TIMEOUT: Duration = Duration::from_secs(2);

/// After an answer to a ping, time in which a ready connection is there, whoever claims its place: it is asked no more
/// often, whose pings are counted at the other end.
pub const CONTENDER_PAUSE: Duration = Duration::from_secs(1);

/// How much later than the other a connection may begin and still count as the other half of a
/// simultaneous open: a little more than the slowest round trip.
pub const SIMULTANEOUS_WINDOW: Duration = Duration::from_secs(2);

/// A frame must arrive at this rate on average, in bytes a second, once it has taken [`SLOW_FRAME_AFTER`].
pub const MIN_FRAME_BYTES_PER_SEC: u64 = 1024;

/// Time that a frame may take before its rate counts.
pub const SLOW_FRAME_AFTER: Duration = Duration::from_secs(30);

/// Time that a peer may leave our bytes unread before it is closed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes waiting to be written to one peer; more closes it. Two blocks and a bit. Blocks and transactions that it
/// asked for wait where they are, and count little.
pub const MAX_SEND_QUEUE_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of a closed connection that are read and forgotten, so that its other end reads what was said last: what a
/// flood had on its way in the buffers of two machines. Whoever goes on beyond is reset.
pub const MAX_DISCARDED_BYTES: usize = 8 * 1024 * 1024;

/// Closed connections that are read like that at the same time, each for a second at most. Beyond, a close is a close:
/// a crowd of those that are sent away costs few sockets more than it has open.
pub const MAX_LINGERING: usize = 64;

/// Messages of one connection that wait for the core; its socket is not read beyond.
pub const MAX_RECEIVED_WAITING: usize = 8;

/// Connections that the system may have accepted for us while we look elsewhere. With the usual 128, a crowd
/// of callers makes it drop everybody's, and who was dropped tries again after a second, then three, then
/// seven.
pub const LISTEN_BACKLOG: u32 = 4096;

/// Connections that have not finished their handshake; the oldest goes when another comes.
pub const MAX_PENDING_HANDSHAKES: usize = 64;

/// Connections that other nodes opened to us.
pub const MAX_INBOUND: usize = 256;

/// Of those, from one host (an IPv4 address, an IPv6 /64), loopback aside: a class room behind one router, and
/// a mesh of one machine's nodes.
pub const MAX_INBOUND_PER_HOST: usize = 32;

/// Of those, from one group (an IPv4 /16, an IPv6 /32), loopback aside: a quarter, so that whoever has one
/// network does not have all places.
pub const MAX_INBOUND_PER_GROUP: usize = MAX_INBOUND / 4;

/// Connections that a node opens by itself if it is not told otherwise: Bitcoin's eight. One honest among
/// them is enough to learn of the best chain.
pub const DEFAULT_OUTBOUND: usize = 8;

/// Most that it may be told to open: with all others, still within the 1,024 files of a usual process.
pub const MAX_OUTBOUND: usize = 64;

/// Connections that a valid signature of the manager's key opened: its own, and a tool or two beside it.
pub const MAX_MANAGERS: usize = 4;

/// Addresses a node was told to stay connected to.
pub const MAX_MANUAL_PEERS: usize = 256;

/// Addresses of other nodes that a node remembers.
pub const MAX_KNOWN_NODES: usize = 1000;

/// Of those, in one group (an IPv4 /16, an IPv6 /32), loopback and those named by an operator or a manager
/// aside: no network can fill the book.
pub const MAX_KNOWN_PER_GROUP: usize = 64;

/// Of those, by word of peers in one group, loopback aside: an eighth.
pub const MAX_KNOWN_PER_SOURCE: usize = 128;

/// Dials in a row that nobody answered after which an address leaves the book: a quarter of an hour, with
/// pauses that double from [`MIN_RETRY_PAUSE`].
pub const MAX_DIAL_FAILURES: u32 = 5;

/// Pause before an address of the book is dialled again.
pub const MIN_RETRY_PAUSE: Duration = Duration::from_secs(60);

/// How often a node looks whether it has the connections it wants, and tries an address that it has only
/// heard of.
pub const OUTBOUND_PERIOD: Duration = Duration::from_secs(10);

/// Time before a peer is asked for addresses again, while they are needed.
pub const ASK_PEERS_PERIOD: Duration = Duration::from_secs(60);

/// How old the last handshake with an address may be for others to be told of it.
pub const MAX_REACHED_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the address of a peer that misbehaved is neither let in nor dialled.
pub const BAN_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Addresses remembered for that; beyond, the one that would be forgiven first is.
pub const MAX_BANS: usize = 1000;

/// First pause before a manual peer is dialled again; it doubles up to [`MAX_REDIAL_PAUSE`].
pub const MIN_REDIAL_PAUSE: Duration = Duration::from_millis(500);

/// Longest pause before a manual peer is dialled again.
pub const MAX_REDIAL_PAUSE: Duration = Duration::from_secs(30);

/// First pause before a manual peer is dialled again that says the link is cut: it is told of the mending a
/// moment after us. It doubles like the others, so that the link is up again soon after the later of the two.
pub const MIN_CUT_PAUSE: Duration = Duration::from_millis(50);

/// Pause before dialling somebody again who is there, but did not stay [`STEADY_LINK`]: at most so long.
pub const MAX_MET_PAUSE: Duration = Duration::from_secs(5);

/// Time after which a link has shown that it holds, so that it is dialled again at once when it ends.
pub const STEADY_LINK: Duration = Duration::from_secs(10);

/// Lines of the log about connections that come and go and about refused blocks of theirs, at once: more than a start has, with as many peers as there may
/// be.
pub const CALLER_LINES: u32 = 1000;

/// After which one more is written: at most some 10 MB a day, whoever calls.
pub const CALLER_LINE_EVERY: Duration = Duration::from_secs(1);

/// Refusals that are forgiven to their givers and told of all the same, at once and of all connections; more than people
/// read.
pub const FORGIVEN_TOLD: u32 = 16;

/// After which one more is told of.
pub const FORGIVEN_TOLD_EVERY: Duration = Duration::from_secs(10);

/// Of how many refused blocks it is remembered that they were told of: the newer half at least. Many times what can be
/// told in an hour.
pub const MAX_FORGIVEN: usize = 1000;

/// Pings a connection may send in a second, with as many saved up at the start.
pub const MAX_PINGS_PER_SEC: u32 = 10;

/// Time in which a connection earns one question for addresses; an honest one asks once in
/// [`ASK_PEERS_PERIOD`].
pub const GET_PEERS_EVERY: Duration = Duration::from_secs(10);

/// Questions for addresses a connection may save up.
pub const MAX_GET_PEERS_BURST: u32 = 10;

/// Time in which a connection earns that one address new to us is looked at; the rest of its message is
/// ignored. It begins with [`MAX_PEERS`].
pub const NEW_PEER_EVERY: Duration = Duration::from_secs(1);

/// Requests (headers, blocks, transactions) a connection may make in a second, on average: sixteen blocks
/// each, a fast sync over loopback makes some four thousand.
pub const MAX_REQUESTS_PER_SEC: u32 = 10_000;

/// Requests a connection may save up.
pub const MAX_REQUEST_BURST: u32 = 20_000;

/// Announcements (blocks, transactions) a connection may make in a second, on average.
pub const MAX_ANNOUNCEMENTS_PER_SEC: u32 = 2000;

/// Announcements a connection may save up.
pub const MAX_ANNOUNCEMENT_BURST: u32 = 20_000;

/// Announcements that this node makes on a connection in a second, on average: half of what it may, because those of
/// ten seconds in which nothing got through arrive at once.
pub const ANNOUNCEMENTS_PER_SEC: u32 = MAX_ANNOUNCEMENTS_PER_SEC / 2;

/// And at once.
pub const ANNOUNCEMENT_BURST: u32 = MAX_ANNOUNCEMENT_BURST / 2;

/// After which what was too much to be announced at once is announced.
pub const ANNOUNCE_AGAIN: Duration = Duration::from_millis(100);

/// Strikes (an empty answer, a wrong one) that close a connection.
pub const MAX_STRIKES: u32 = 3;

// --- Sync and relay ---

/// Time without progress after which another peer is asked for headers.
pub const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that a newcomer has for the block at the tip once somebody has it who was called or gave blocks before. More than
/// an honest one takes, mostly, so that little comes twice.
pub const NEWCOMER_TIMEOUT: Duration = Duration::from_millis(500);

/// A block told in short is asked for beside a newcomer at once, of somebody who was called or gave blocks before, if at
/// most one of so many of its transactions is missing.
pub const BESIDE_SHARE: usize = 8;

/// How often the time that a newcomer has for the block at the tip is halved, if others had theirs: a crowd of callers
/// that tell of it and do not give it costs the time of two, and an eighth of a second for each beyond a few.
pub const MAX_HASTE: u32 = 4;

/// Time a requested block may take before it is asked for elsewhere; doubles for each stall in a row.
pub const BLOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// What that time doubles up to.
pub const MAX_BLOCK_TIMEOUT: Duration = Duration::from_secs(64);

/// How far ahead of the last connected block bodies are asked for.
pub const DOWNLOAD_WINDOW: u64 = 1024;

/// How many headers ahead of the tip, which is on their way, make a node keep its tip to itself, because it is catching
/// up: others have had each of these blocks.
pub const CATCHING_UP_BLOCKS: u64 = 16;

/// Bodies in flight from one peer, at least.
pub const MIN_IN_FLIGHT: usize = 16;

/// Bodies in flight from one peer, at most.
pub const MAX_IN_FLIGHT: usize = 512;

/// Bytes in flight from one peer, by the size that recent blocks had; and as many of transactions.
pub const IN_FLIGHT_BYTES: usize = 256 * 1024;

/// Headers known ahead of the last connected body; no more are asked for until bodies follow.
pub const MAX_HEADERS_AHEAD: usize = 100_000;

/// Headers and bodies kept off the best chain, some 15 MB; beyond, the branch with the least work goes
/// first. It bounds how deep a fork can be healed.
pub const MAX_SIDE_ENTRIES: usize = 100_000;

/// Bodies kept off the best chain, in bytes, beyond which none is taken that nobody asked for: a pushed one is as good as
/// announced then, and asked for once its branch has the most work. Those that were asked for, or were on that chain
/// before, count and are not bounded by it: each cost the work of a block.
pub const MAX_SIDE_BYTES: usize = 64 * 1024 * 1024;

/// Messages of headers of one peer's branch that are weighed before any is kept, when it has much less work
/// than our chain: as many headers as the tree would keep of it. What is remembered is a hash of each, 1.6 KB
/// a peer.
pub const MAX_CANDIDATE_MESSAGES: usize = MAX_SIDE_ENTRIES / MAX_HEADERS;

/// Rest for each header of a branch that was weighed and too light, before its peer is asked again about what
/// we do not know: a thousand times what weighing one takes, 10 seconds for a full message.
pub const WEIGHING_REST: Duration = Duration::from_millis(5);

/// Largest block that may be pushed whole to peers.
pub const MAX_PUSH_BYTES: usize = 64 * 1024;

/// Largest block that we push to every peer, where peers do not hold its contents: sixteen of them weigh less
/// than the time that asking takes. ADR 8 has the figures of this and the next two.
pub const FLOOD_BYTES: usize = 4 * 1024;

/// Largest block that we push to some peers, while the others hear of its header.
pub const PUSH_BYTES: usize = MAX_PUSH_BYTES;

/// How many peers that is.
pub const PUSH_FAN_OUT: usize = 4;

/// Bytes of a compact block beside its short ids: variant, header, number, the largest coinbase, a count.
pub const COMPACT_BLOCK_BYTES: usize = 4 + 80 + 8 + (4 + 8 + 16 + 8 + 8 + MAX_NOTE_BYTES) + 8;

/// Bytes that stand for a transaction in a compact block (BIP 152).
pub const SHORT_ID_BYTES: usize = 6;

/// Blocks that are put together at the same time from compact ones; the oldest goes for another.
pub const MAX_PARTIAL_BLOCKS: usize = 16;

/// Blocks from the future that wait for their time.
pub const MAX_FUTURE_BLOCKS: usize = 16;

/// How often it is looked, at most, whether one of them has become present. A timer for each would let
/// whoever sends them fill the memory with timers.
pub const FUTURE_POLL: Duration = Duration::from_secs(1);

/// Recent bodies that the core keeps in memory, in bytes.
pub const BODY_CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of blocks on their way to the store beyond which no more are asked for: a slow disk must slow a
/// sync, not fill the memory.
pub const MAX_UNSTORED_BYTES: usize = 16 * 1024 * 1024;

/// Blocks remembered per connection as known to the other side, of which the newer half is always there:
/// only tips are told, and telling an old one again costs a message. With 256 connections some 4 MB.
pub const MAX_KNOWN_BLOCKS: usize = 256;

/// Transactions remembered per connection as known to the other side; the newer half is always there.
pub const MAX_KNOWN_TRANSACTIONS: usize = 4096;

/// Transactions in flight from one peer, at most, and as many as are [`IN_FLIGHT_BYTES`] by the size of those that came
/// last: so the answer to the last of them is not late on a link that is not slow, and a peer that names what it does
/// not deliver is asked for little.
pub const MAX_WANTED: usize = 256;

/// The same before any came: they may be large.
pub const WANTED_AT_FIRST: usize = 16;

/// Ids that a connection named which are remembered until they can be asked for: as many as its pool may hold, 32 bytes
/// each.
pub const MAX_NAMED: usize = MAX_POOL_COUNT;

/// Time a requested transaction may take before another peer is asked.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

// --- The store ---

/// Bytes of blocks that one transaction of the store gathers while a sync hands over many: enough that the
/// flush at its end costs little a block, and little beside [`MAX_UNSTORED_BYTES`].
pub const MAX_COMMIT_BYTES: usize = 4 * 1024 * 1024;

/// Bytes that must be free in the store's file system for a commit to be begun: what an orderly stop
/// writes, and the pages that a commit touches.
pub const MIN_FREE_BYTES: u64 = 2 * 1024 * 1024;

/// What the store's library may keep of its file in memory, in bytes: the pages that every commit touches;
/// the newest bodies are in the core's own cache.
pub const STORE_CACHE_BYTES: usize = 1024 * 1024;

/// Smallest block, in bytes, of which the store keeps a checksum: one more row costs as much as hashing a block
/// of a few KiB again each time that it is read.
pub const MIN_CHECKSUM_BYTES: usize = 16 * 1024;

/// Ids whose place is kept in memory only until the index takes them up, 16 bytes each: the index is
/// written when the store is idle, and at the latest then. The more at once, the longer are its runs.
pub const MAX_UNINDEXED: usize = 128 * 1024;

/// Largest commit that is written down in the journal first, in bytes of its blocks and transactions: of a larger
/// one the tables' own price is the smaller part.
pub const MAX_JOURNALED_BYTES: usize = 256 * 1024;

/// Bytes of the journal after which the tables take it up: two thousand blocks at the tip, which cost a start some
/// 10 ms, and each of them a few microseconds in the tables.
pub const JOURNAL_BYTES: u64 = 512 * 1024;

/// Files that a process must be allowed to have open, at the least: a node has some twenty before it knows anybody, and
/// one that runs out of them can neither store nor speak.
pub const MIN_OPEN_FILES: u64 = 32;

/// By how much the journal's file grows, in bytes: a flush within a file is faster than one that makes it longer.
pub const JOURNAL_STEP_BYTES: u64 = 64 * 1024;

/// A longer file is no journal, in bytes, and no more of it is read: sixteen times what one comes to.
pub const MAX_JOURNAL_FILE_BYTES: u64 = 16 * (JOURNAL_BYTES + MAX_JOURNALED_BYTES as u64);

/// Time without a commit after which the store is idle, and writes what the index lacks: longer than the gaps of
/// a sync, so that those are no reason for many short runs.
pub const INDEX_REST: Duration = Duration::from_millis(250);

/// Ids that the index takes up as a run; fewer become a row each, as at the tip: a run costs every look-up a chunk.
pub const MIN_RUN: usize = 4 * 1024;

/// Places in a chunk of a run: as many as fit a page of 4 KiB with its own 24 bytes of key and the library's.
pub const CHUNK_PLACES: usize = 250;

/// Runs that are merged into one of the next level: there are fewer of each level, but for a moment.
pub const RUNS_MERGED: usize = 8;

/// Bytes that must be free in the store's file system for runs to be merged: the largest merge, the runs that it
/// leaves behind until its commit is done, and as much again. On a disk that is nearly full look-ups read more.
pub const MIN_FREE_TO_MERGE_BYTES: u64 = 512 * 1024 * 1024;

/// The level whose runs are merged no more. They have up to 64 * [`MAX_UNINDEXED`] ids, 134 MB: to merge eight of
/// them would keep commits waiting for seconds.
pub const MAX_RUN_LEVEL: u64 = 2;

/// Findings that a look over a folder says in words: more help nobody, and a file of garbage has any number.
pub const MAX_FINDINGS: usize = 100;

/// Numbers in a row that a look over a damaged file tries before it gives up on what comes after: a few
/// pages' worth of headers.
pub const MAX_UNREADABLE: usize = 256;

/// Bytes of a damaged file that are searched for blocks at a time: some more than the longest block, which is
/// read beside them.
pub const SALVAGE_BYTES: usize = 4 * 1024 * 1024;

/// Newest blocks that are read and held against their hashes at the start: where a crash would have left
/// its marks.
pub const VERIFIED_AT_START: usize = 16;

// --- Chain files ---

/// Largest encoded rules at the beginning of a chain file, in bytes: those of today take 61 at most.
pub const MAX_CHAIN_FILE_RULES_BYTES: usize = 256;

// --- Pool ---

/// Most bytes of transactions waiting for a block: eight full blocks.
pub const MAX_POOL_BYTES: usize = 8 * MAX_BLOCK_BYTES;

/// Most transactions waiting for a block.
pub const MAX_POOL_COUNT: usize = 20_000;

/// One giver, a host or on this machine a node, may fill one part in this many of the pool's bytes.
pub const POOL_SHARES: usize = 8;

/// How many recent blocks' transaction ids the pool and our miner refuse to repeat.
pub const RECENT_BLOCKS: usize = 144;

// --- Mining ---

/// Explicit mining calls that wait for their turn; one more is told to come back.
pub const MAX_MINING_QUEUE: usize = 16;

/// Longest explicit mining may take when the caller names no time.
pub const DEFAULT_MINING_TIMEOUT: Duration = Duration::from_secs(600);

/// Longest that a mining call waits for this machine's clock to come up to the chain's time: a network with
/// short block times may be a little ahead of it. Whoever would wait longer is told to set the clock.
pub const MAX_CLOCK_WAIT: Duration = Duration::from_secs(10);

/// How often a miner that waits for the clock looks at it, and whoever knows that it is wrong: somebody may
/// set it.
pub const CLOCK_POLL: Duration = Duration::from_secs(1);

/// By what part of the time that a block may be ahead this machine's clock may differ from its peers' before
/// that is said: a half, so that it is known before blocks have to wait for it.
pub const CLOCK_OFFSET_PART: u64 = 2;

/// Hashes between two looks at whether the job is still wanted: a fraction of a millisecond on any machine
/// of this century, and far more than the look costs.
pub const MINING_BATCH: u64 = 1024;

/// How often a capped miner wakes: seldom enough to cost nothing, often enough to look steady.
pub const MINING_SLICE: Duration = Duration::from_millis(10);

/// How seldom it wakes at most, for a slow rate: a thousand nodes on one machine must not spend it on waking.
pub const MAX_MINING_SLICE: Duration = Duration::from_millis(50);

/// How much less urgent than all else here a mining thread is, as `nice` counts: of a core that another thread
/// wants, too, it gets a quarter. docs/performance.md has what blocks gain by it on their way.
pub const MINER_NICENESS: i32 = 5;

/// What a capped miner makes up for after it was kept from mining: a busy machine's hiccups, not a suspend.
pub const MAX_MINING_BACKLOG: Duration = Duration::from_millis(250);

/// Most hashes that one mining thread takes on at once from a capped rate, so that others find some, too.
pub const MAX_MINING_GRANT: u64 = 65_536;

/// Grants in a row with hashes written off after which a capped miner's threads are too few, and more
/// join: a stall writes off once, whoever cannot keep up does so every time.
pub const MINING_HELP_AFTER: u32 = 8;

/// How old the time in a header may get while its nonces are tried.
pub const MINING_TIME_REFRESH: Duration = Duration::from_secs(1);

/// How long one kernel is measured before the next has its turn: some dozen batches, and less than a busy
/// system leaves a thread on its core, so that many turns are not disturbed at all.
pub const BENCH_TURN: Duration = Duration::from_millis(2);

/// Longest measurement of the kernels, in seconds: far more than it takes.
pub const MAX_BENCH_SECS: u64 = 600;

// --- The edge ---

/// Inputs that wait for the core, of all connections.
pub const DRIVER_QUEUE: usize = 1024;

/// Blocks from this size on are checked on another thread, in bytes.
pub const CHECK_ELSEWHERE_BYTES: usize = 32 * 1024;

/// Large blocks of one connection that are checked at the same time: while one is handed on and the next read,
/// there is another to check.
pub const MAX_CHECKS: usize = 3;

/// Time an orderly stop may take before the process ends anyway.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Time a node whose manager has gone may take to stop by itself.
pub const LIFELINE_TIMEOUT: Duration = Duration::from_millis(1500);

// --- HTTP ---

/// HTTP connections at once; the one idle longest goes for a newcomer.
pub const MAX_HTTP_CONNECTIONS: usize = 256;

/// Newcomers at once who are told that there is no place, and heard out for a moment so that they read it; others
/// are cut off.
pub const MAX_HTTP_TURNED_AWAY: usize = 64;

/// Bytes of a request's line and headers.
pub const MAX_HTTP_HEADER_BYTES: usize = 8 * 1024;

/// Time for a request's headers, and for its body, to arrive; and for a reader to take what waits for it.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(10);

/// A request's body may take longer than that if it arrives at this rate, in bytes a second.
pub const MIN_HTTP_BODY_BYTES_PER_SEC: u64 = 64 * 1024;

/// Bytes of a request's body, but for a chain. A content fits however it is escaped: a byte is six in JSON at
/// worst (`\u0001`), and seven once that is in a JSON string, as the original's clients send it.
pub const MAX_HTTP_BODY_BYTES: usize = 512 * 1024;

/// Bytes of a chain offered to /chain/replace: some sixty thousand empty blocks.
pub const MAX_HTTP_CHAIN_BYTES: usize = 64 * 1024 * 1024;

/// Blocks read at a time while a chain is streamed.
pub const CHAIN_PAGE: usize = 128;

/// Blocks in one page of the API, at most: each is read from the store, and they may be large.
pub const MAX_BLOCKS_PAGE: usize = 100;

/// Blocks in one look at the tree, at most: some 400 KB of JSON.
pub const MAX_TREE_BLOCKS: usize = 1000;

/// Branch ends that one answer lists, at most.
pub const MAX_TIPS: usize = 1000;

/// Blocks that one call may have mined.
pub const MAX_MINED_AT_ONCE: u64 = 1000;

/// Recent blocks of which a node remembers when and from whom they came, some 100 bytes each.
pub const MAX_ARRIVALS: usize = 1024;

/// Events that a node keeps for whoever lost its connection, some 200 bytes each, a few KB at worst.
pub const MAX_EVENTS: usize = 1024;

/// Transactions that one event names.
pub const MAX_EVENT_IDS: usize = 32;

/// Readers of events at once: each holds one of [`MAX_HTTP_CONNECTIONS`].
pub const MAX_EVENT_READERS: usize = 64;

/// Followers of the manager's logs at once: each holds one of [`MAX_HTTP_CONNECTIONS`] as well.
pub const MAX_LOG_FOLLOWERS: usize = 64;

/// Quiet time after which a reader of events is sent a comment, so that it and whatever is in between
/// knows that the node is there.
pub const EVENT_HEARTBEAT: Duration = Duration::from_secs(15);

/// Time in which a server of this machine takes a connection that a request is passed on to it by.
pub const RELAY_TIMEOUT: Duration = Duration::from_secs(5);

/// Time in which it begins to answer once it has the request, where nothing is to be mined: more than reading a
/// body ([`HTTP_TIMEOUT`]) and whatever it does then take a server that is well.
pub const RELAY_ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

// --- The manager ---

/// Most nodes one manager starts.
pub const MAX_NODES: usize = 1000;

/// Nodes up to which every node is linked with every other.
pub const MAX_MESH: usize = 32;

/// Links that each node of a larger network begins.
pub const RANDOM_LINKS: usize = 8;

/// Shortest and longest time between blocks that nodes mine in turn: a node needs some of it, and a day is for
/// ever.
pub const MIN_MINING_INTERVAL: Duration = Duration::from_millis(10);
/// See [`MIN_MINING_INTERVAL`].
pub const MAX_MINING_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the manager waits, when it mines whatever waits in a pool, for a block that it asked for to empty
/// the other pools, and after a block that did not come.
pub const AUTO_MINING_REST: Duration = Duration::from_millis(500);

/// How long healing waits for links and for agreement: what is not agreed on by then takes its time.
pub const HEAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a verdict has to stand to be told: a block under way is no news.
pub const VERDICT_SETTLES: Duration = Duration::from_millis(100);

/// How often a verdict is looked at when nothing happens, which may be what it is about.
pub const VERDICT_PERIOD: Duration = Duration::from_secs(1);

/// Bytes of all logs together that one request for them reads.
pub const LOGS_BYTES: u64 = 8 * 1024 * 1024;

/// Most lines of logs in one answer.
pub const MAX_LOG_LINES: usize = 10_000;

/// How often logs are looked at by whoever follows them: soon enough for people.
pub const LOGS_POLL: Duration = Duration::from_millis(200);

/// Pause before the manager connects anew to a node that it does not hear any more.
pub const CONTROL_RETRY: Duration = Duration::from_millis(500);

/// Hashes a second that the manager shares over its mining nodes: with the lab's difficulty of 2^20, a
/// block every nine seconds, which a laptop does not notice.
pub const DEFAULT_NETWORK_HASHRATE: u64 = 120_000;

/// Time for a child to print its ready line.
pub const CHILD_READY_TIMEOUT: Duration = Duration::from_secs(20);

/// Time for all expected links to be up after the introductions.
pub const LINKS_TIMEOUT: Duration = Duration::from_secs(20);

/// Time for a node to answer its manager, mining aside: it answers at once or is not well.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for a mined block to become every node's tip.
pub const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that a node which was asked to shut down has before it is sent SIGTERM.
pub const TERMINATE_AFTER: Duration = Duration::from_secs(5);

/// Time after which it is sent SIGKILL.
pub const KILL_AFTER: Duration = Duration::from_secs(8);

/// Time that processes of a network which died have to let go of its logs, ports and folders: several times
/// [`LIFELINE_TIMEOUT`], within which they end.
pub const PREDECESSOR_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked whether they have; a lock does not tell when it is free.
pub const PREDECESSOR_POLL: Duration = Duration::from_millis(20);

/// Pause before a node that died is started again; it doubles with each start in a row.
pub const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// Starts in a row after which a node that dies again stays dead: 15.5 seconds of pauses in all.
pub const MAX_RESTARTS: u32 = 5;

/// A node that ran for so long has not died in a row.
pub const RESTART_FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// What nodes tell the manager and it has not yet looked at, of all nodes.
pub const MANAGER_QUEUE: usize = 4096;

/// Of that, what is entered into its state at a time.
pub const TOLD_AT_ONCE: usize = 256;

/// Rounds of mining that one call may ask for.
pub const MAX_ROUNDS: u32 = 100_000;

/// Blocks that the manager knows of, newest by height, some 400 bytes each and a bit for each node.
pub const MAX_KEPT_BLOCKS: usize = 20_000;

/// Of those, the newest that were seen on their way, of which it also knows which node had them when.
pub const MAX_FOLLOWED_BLOCKS: usize = 1000;

/// Blocks that broke a rule that the manager knows of besides, the newest that nodes told of: anybody can make
/// many, so they are no reason to forget others.
pub const MAX_REFUSED_BLOCKS: usize = 1000;

/// Blocks over which the manager says how fast they spread, if nobody says how many.
pub const PROPAGATION_BLOCKS: usize = 20;

/// Events that a manager keeps for readers who come back, some 300 bytes each: a few seconds of a hundred nodes
/// that are busy, hours of six that are not.
pub const MAX_MANAGER_EVENTS: usize = 16_384;

/// Blocks whose way to every node the manager follows at once; the oldest goes.
pub const MAX_SIGHTINGS: usize = 64;

/// Bytes of a child's ready line.
pub const MAX_READY_LINE_BYTES: usize = 16 * 1024;

/// Bytes read from the end of a log to show its last lines.
pub const LOG_TAIL_BYTES: u64 = 16 * 1024;

/// Lines of a dead child's log that are shown.
pub const LAST_LOG_LINES: usize = 20;

// --- The command line ---

/// Time for a connection to the manager, which is on this machine.
pub const API_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes of an API's specification that a client reads to learn whose it is: several times those of ours.
pub const MAX_SPECIFICATION_BYTES: usize = 1024 * 1024;

/// Time for the manager to answer what it can answer from what it knows.
pub const API_TIMEOUT: Duration = Duration::from_secs(15);

/// Time for the manager to answer what its nodes have to do first: longer than any of its own deadlines.
pub const API_CHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Pauses before a reader of events calls again a manager that does not answer; then it has gone.
pub const EVENT_RECONNECT: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_millis(1000),
];

/// Bytes of a line of a stream that are read before its end has to come: several times the longest event.
pub const MAX_EVENT_LINE_BYTES: usize = 256 * 1024;

/// How often the network is asked anew while something is waited for that its events did not tell in full.
pub const REFRESH_PERIOD: Duration = Duration::from_secs(1);

/// How often it is asked anew although no event came.
pub const IDLE_REFRESH_PERIOD: Duration = Duration::from_secs(5);

/// Time for which who only reads is kept waiting for a network that takes another's place: usually it is there
/// in a second.
pub const RENEW_PATIENCE: Duration = Duration::from_secs(10);

/// Time for a new network to be there in place of another: more than the end of all nodes ([`DOWN_TIMEOUT`]), their
/// start ([`CHILD_READY_TIMEOUT`]) and that of their links ([`LINKS_TIMEOUT`]).
pub const RENEW_TIMEOUT: Duration = Duration::from_secs(180);

/// Time for every process of a network to end after its manager was told so: more than it takes itself,
/// with SIGKILL at the end ([`KILL_AFTER`]).
pub const DOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// How often it is looked whether they have: the end of somebody else's child is not told.
pub const DOWN_POLL: Duration = Duration::from_millis(10);

/// Time that an expectation of a scenario has if it does not say.
pub const EXPECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a scenario's file, and of a configuration's.
pub const MAX_SCRIPT_BYTES: u64 = 1024 * 1024;

// --- The simulator ---

/// Most nodes that one simulation has: some 9 GB of them, and some 30 GB in a long run.
pub const MAX_SIMULATED_NODES: usize = 100_000;

/// Most blocks that one simulation finds.
pub const MAX_SIMULATED_BLOCKS: u64 = 1_000_000;

/// Most bytes of content that a simulated miner puts into a block: what fits beside the header, the
/// coinbase and the frames of sixteen contents.
pub const MAX_SIMULATED_CONTENT: usize = MAX_BLOCK_BYTES - 1000;

/// Longest time that a setting of a simulation may name, in seconds: ten days.
pub const MAX_SIMULATED_SECS: u64 = 10 * 24 * 60 * 60;

/// Longest that a simulation may be expected to last, in seconds of its own: fifty years. A header's time ends 82
/// years after a simulation begins (2106), and its nanoseconds in 64 bits after 584: chance has room.
pub const MAX_SIMULATION_SECS: u64 = 50 * 365 * 24 * 60 * 60;

/// Bytes that one TCP segment carries over Ethernet: what is lost is lost by the segment.
pub const SEGMENT_BYTES: usize = 1460;

/// Time after the round trip for which TCP waits before it sends a segment again; it doubles each time.
/// (Linux' least: TCP_RTO_MIN.)
pub const RETRANSMIT_AFTER: Duration = Duration::from_millis(200);

/// What that time doubles up to (Linux' most: TCP_RTO_MAX).
pub const MAX_RETRANSMIT_PAUSE: Duration = Duration::from_secs(120);

/// Segments behind a lost one that make TCP send it again a round trip later (RFC 5681, section 3.2).
pub const FAST_RETRANSMIT_SEGMENTS: usize = 3;

/// The nodes of a simulation start within this time, or a hub's waiting room would overflow.
pub const SIMULATED_START: Duration = Duration::from_secs(10);

/// Time of a simulation for its links to be up before the first block, and for everybody to agree after
/// the last one.
pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a node of a simulation that left stays away, on average.
pub const MEAN_ABSENCE: Duration = Duration::from_secs(60);

// --- How they relate ---

const _: () = {
    assert!(MAX_BLOCK_BYTES < 1 << 20);
    assert!(MAX_CONTENT_BYTES + 200 < MAX_BLOCK_BYTES, "a content fits a block with its coinbase");
    assert!(FLOOD_BYTES <= PUSH_BYTES && PUSH_BYTES <= MAX_PUSH_BYTES);
    assert!(MAX_PUSH_BYTES < MAX_BLOCK_BYTES);
    assert!(MAX_PUSH_BYTES < COMPACT_BLOCK_BYTES + SHORT_ID_BYTES * MAX_BLOCK_TRANSACTIONS);
    assert!(MAX_HANDSHAKE_FRAME_BYTES < MAX_UNKNOWN_FRAME_BYTES);
    assert!(MAX_UNKNOWN_FRAME_BYTES < MAX_BLOCK_BYTES);
    assert!(2 * (MAX_BLOCK_BYTES + BLOCK_FRAME_OVERHEAD_BYTES) <= MAX_SEND_QUEUE_BYTES);
    assert!(MIN_IN_FLIGHT <= MAX_IN_FLIGHT && MAX_IN_FLIGHT as u64 <= DOWNLOAD_WINDOW);
    assert!(MAX_HEADERS_AHEAD as u64 >= DOWNLOAD_WINDOW + MAX_HEADERS as u64);
    assert!(WANTED_AT_FIRST <= MAX_WANTED && MAX_WANTED <= MAX_TRANSACTION_IDS);
    assert!(MAX_POOL_BYTES / POOL_SHARES >= MAX_BLOCK_BYTES, "one peer's share fills a block");
    assert!(MAX_COMMAND_BYTES > MAX_CONTENT_BYTES + 64);
    assert!(MAX_COMMAND_BYTES > MAX_REGISTER * 64, "a Register of so many peers fits a command");
    assert!(MAX_COMMAND_BYTES > MAX_NODES * 64, "a fault for every node fits a command");
    assert!(
        MAX_SEND_QUEUE_BYTES > MAX_TOLD_BLOCKS * 1024,
        "what a subscriber is told at once fits its queue"
    );
    assert!(MAX_TOLD_IDS <= MAX_EVENT_IDS);
    assert!(MAX_MESH <= MAX_INBOUND_PER_HOST && MAX_MESH <= MAX_MANUAL_PEERS);
    assert!(MAX_INBOUND_PER_HOST <= MAX_INBOUND_PER_GROUP && MAX_INBOUND_PER_GROUP < MAX_INBOUND);
    assert!(DEFAULT_OUTBOUND <= MAX_OUTBOUND);
    assert!(
        ARRIVING_PERIOD.as_secs() < PONG_TIMEOUT.as_secs()
            && ARRIVING_PERIOD.as_secs() < PING_INTERVAL.as_secs()
    );
    assert!(MAX_KNOWN_PER_GROUP <= MAX_KNOWN_PER_SOURCE && MAX_KNOWN_PER_SOURCE < MAX_KNOWN_NODES);
    assert!(ASK_PEERS_PERIOD.as_secs() > GET_PEERS_EVERY.as_secs(), "an honest asker is never too eager");
    assert!(OUTBOUND_PERIOD.as_secs() > SIMULTANEOUS_WINDOW.as_secs(), "a probe is no simultaneous open");
    assert!(
        2 * (MAX_EVENT_READERS + MAX_LOG_FOLLOWERS) <= MAX_HTTP_CONNECTIONS,
        "readers of events and followers of logs leave room for others"
    );
    assert!(MAX_HTTP_BODY_BYTES > 7 * MAX_CONTENT_BYTES, "a content fits, escaped or as base64");
    assert!(TERMINATE_AFTER.as_millis() >= STOP_TIMEOUT.as_millis(), "a stop in order is not cut short");
    assert!(KILL_AFTER.as_millis() > TERMINATE_AFTER.as_millis());
    assert!(DOWN_TIMEOUT.as_millis() > 2 * KILL_AFTER.as_millis(), "a manager may finish before");
    assert!(
        RENEW_TIMEOUT.as_secs()
            > DOWN_TIMEOUT.as_secs() + CHILD_READY_TIMEOUT.as_secs() + LINKS_TIMEOUT.as_secs()
    );
    assert!(API_CHANGE_TIMEOUT.as_secs() > AGREEMENT_TIMEOUT.as_secs() + CONTROL_TIMEOUT.as_secs());
    assert!(MAX_SIMULATED_CONTENT.div_ceil(MAX_CONTENT_BYTES) * MIN_TRANSACTION_BYTES + 300 < 1000);
    assert!(MAX_NODES <= MAX_REGISTER + 1, "one command introduces every other node");
    assert!(LIFELINE_TIMEOUT.as_millis() < 2000, "nothing is left two seconds after the manager's end");
    assert!(SALVAGE_BYTES > MAX_BLOCK_BYTES, "what is read twice is the smaller part");
    assert!(MAX_CHECKS > 0 && MAX_CHECKS < MAX_RECEIVED_WAITING);
    assert!(MAX_COMMIT_BYTES >= MAX_BLOCK_BYTES && MAX_UNSTORED_BYTES > 2 * MAX_COMMIT_BYTES);
    assert!(BLOCK_TIMEOUT.as_secs() < HEADERS_TIMEOUT.as_secs());
    assert!(
        HANDSHAKE_TIMEOUT.as_secs() < MIN_FUTURE_SECS / CLOCK_OFFSET_PART,
        "a Hello that is late makes no clock wrong"
    );
    assert!(MINING_SLICE.as_millis() <= MAX_MINING_SLICE.as_millis());
    assert!(MAX_MINING_SLICE.as_millis() < MAX_MINING_BACKLOG.as_millis(), "a slice is never written off");
    assert!(MINING_BATCH <= MAX_MINING_GRANT);
    assert!(
        PREDECESSOR_TIMEOUT.as_millis() >= 2 * LIFELINE_TIMEOUT.as_millis(),
        "whoever is to end has ended"
    );
};
