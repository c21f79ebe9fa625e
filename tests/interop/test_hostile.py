"""What a stranger may try: each row is said to one node, which ends that connection in the way the document
names, or bears it. After each row an honest connection is served and the tip is the same."""

import os
import random
import time

import chain as chains
import codec
from peer import OPEN, SILENT, Peer, listen
from program import Case, Node
from test_sync import LAB, content
from test_values import vectors

BAD = "Misbehaviour"
UNKNOWN = bytes(31) + b"\1"


class Stage:
    """A node with a chain of ten blocks, and an honest peer that has the same."""

    def __init__(self, case, *flags):
        self.chain = chains.Chain(LAB).grow(10)
        self.node = Node(LAB, *flags)
        case.addCleanup(lambda: case.assertEqual(self.node.stop(), 0))
        self.honest = self.node.dial(self.chain).attend()
        self.node.wait_for_tip(self.chain.tip)

    def dial(self, **changes):
        return self.node.dial(self.chain, **changes)

    def take(self, block):
        """Gives the node a good block, whatever its size."""
        give(self, block).ping()
        self.chain.add(block)
        self.node.wait_for_tip(self.chain.tip)

    def calm(self):
        """The honest peer is served, and the tip is the same, for peers and for people."""
        before, tip = self.chain.hashes[-2:]
        headers = self.honest.ask("GetHeaders", codec.GetHeaders([before], None), "Headers")
        found = [chains.hash_of(header) for header in headers], self.node.tip
        if found != ([tip], tip):
            raise AssertionError("the tip is another one")

    def asked_for_headers(self):
        """A peer whose answer the node waits for."""
        peer = self.dial()
        peer.until("GetHeaders")
        return peer


class Hostile(Case):
    def play(self, rows):
        """Rows are (name, what becomes of the connection, what is done: it gets the stage and gives the peer)."""
        stage = Stage(self)
        for name, expected, act in rows:
            with self.subTest(name):
                peer = act(stage)
                self.assertEqual(peer.fate(ping=expected == OPEN), expected)
                stage.calm()
                peer.close()

    # --- bytes

    def test_what_must_be_refused(self):
        def row(vector):
            def act(stage):
                peer = stage.node.connect() if vector["phase"] == "handshake" else stage.dial()
                peer.write(bytes.fromhex(vector["stream"]))
                if vector["error"] == "UnexpectedEof":
                    peer.finish()
                return peer

            return vector["name"], SILENT, act

        self.play(map(row, vectors("rejected.json")))

    def test_no_message_comes_before_hello(self):
        def row(kind):
            def act(stage):
                peer = stage.node.connect()
                peer.write(codec.frame(kind, SAMPLES.get(kind, b"")))
                return peer

            return codec.KINDS[kind].name, SILENT, act

        def unknown(stage):
            peer = stage.node.connect()
            peer.write(codec.frame(0x7F, b"later versions may say more"))
            peer.greet()
            peer.take_hello()
            return peer

        self.play([row(kind) for kind in codec.KINDS if kind != 0x00] + [("an unknown kind is skipped", OPEN, unknown)])

    def test_noise(self):
        def first(data):
            def act(stage):
                peer = stage.node.connect()
                peer.write(data)
                return peer

            return act

        seed = random.getrandbits(32)
        noise = random.Random(seed).randbytes(4096)
        self.play(
            [
                (f"noise of seed {seed}", SILENT, first(b"\xff" + noise)),
                ("an HTTP request", SILENT, first(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")),
                ("a TLS greeting", SILENT, first(b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3" + noise)),
                ("an end at once", SILENT, lambda stage: ended(stage.node.connect())),
                ("a reset at once", OPEN, lambda stage: reset(stage, stage.node.connect())),
                ("an end when ready", SILENT, lambda stage: ended(stage.dial())),
                ("a reset inside a frame", OPEN, lambda stage: reset(stage, partly(stage.dial()))),
                ("twenty times four MiB", OPEN, junk),
            ]
        )

    def test_frames_may_be_cut_anywhere(self):
        def cut(sizes):
            def act(stage):
                peer = stage.dial()
                data = codec.pack("Ping", codec.Ping(1)) + codec.pack("GetHeaders", codec.GetHeaders([], None))
                at = 0
                for size in [*sizes, len(data)]:
                    peer.write(data[at : at + size])
                    at += size
                self.assertEqual(peer.until("Pong"), codec.Ping(1))
                self.assertEqual(len(peer.until("Headers")), 10)
                return peer

            return act

        self.play([("bytes one by one", OPEN, cut([1] * 31))] + [(f"after {n}", OPEN, cut([n])) for n in range(31)])

    # --- messages

    def test_messages_out_of_turn(self):
        def say(name, value, times=1):
            def act(stage):
                peer = stage.dial()
                peer.write(codec.pack(name, value) * times)
                return peer

            return act

        def unknown(times):
            def act(stage):
                peer = stage.dial()
                peer.write(codec.frame(0x7F, b"later versions say more") * times)
                return peer

            return act

        again = codec.Hello(1, 1, bytes(32), bytes(16), "Node", 0, bytes(32), "", bytes(32), 0, 0)
        ids = [os.urandom(32) for _ in range(1000)]
        told = codec.Variant("Content", codec.Content(1, b"nobody asked"))
        mint = codec.Variant("Coinbase", codec.Coinbase(1, bytes(16), 0, ""))
        self.play(
            [
                ("a second Hello", BAD, say("Hello", again)),
                ("a Report", BAD, say("Report", codec.Report(1, "Done"))),
                ("an Event", BAD, say("Event", codec.Variant("PeerReady", codec.PeerEvent(bytes(16))))),
                ("a command of no manager", BAD, say("Manage", codec.Manage(1, b"", bytes(64)))),
                ("a Pong that nobody waits for", OPEN, say("Pong", codec.Ping(1), 5)),
                ("sixteen frames of an unknown kind", OPEN, unknown(16)),
                ("seventeen", BAD, unknown(17)),
                ("a reserved kind", OPEN, lambda stage: wrote(stage.dial(), codec.frame(0x0C, b""))),
                ("a hundred Pings at once", BAD, say("Ping", codec.Ping(1), 100)),
                ("a hundred Pongs at once", BAD, say("Pong", codec.Ping(1), 100)),
                ("50,000 requests at once", BAD, say("GetTransactions", [], 50000)),
                ("50,000 announcements at once", BAD, say("HaveTransactions", ids, 50)),
                ("a thousand ids that nobody has", OPEN, say("HaveTransactions", ids)),
                ("a Block that was never asked for", BAD, lambda stage: unasked(stage)),
                ("Headers that nobody asked for, twice", OPEN, lambda stage: headers_unasked(stage, 2)),
                ("three times", BAD, lambda stage: headers_unasked(stage, 3)),
                ("transactions that nobody asked for, twice", OPEN, say("Transactions", [told], 2)),
                ("three times", BAD, say("Transactions", [told], 3)),
                ("a Coinbase as a transaction, three times", BAD, say("Transactions", [mint], 3)),
                ("a Bye", SILENT, say("Bye", codec.Bye("Requested", "", None))),
            ]
        )

    # --- headers and blocks

    def test_blocks_that_break_a_rule(self):
        """Each in every way that it can come: pushed, announced, among headers, and as the body of good headers."""
        rows = []
        for name, make in BAD_HEADERS.items():
            rows.append((f"{name}, pushed", BAD, lambda stage, make=make: push(stage, make(stage.chain))))
            rows.append((f"{name}, announced", BAD, lambda stage, make=make: announce(stage, make(stage.chain))))
            rows.append((f"{name}, as an answer", BAD, lambda stage, make=make: answer(stage, make(stage.chain))))
        for name, make in BAD_BODIES.items():
            rows.append((f"{name}, pushed", BAD, lambda stage, make=make: push(stage, make(stage.chain))))
            rows.append((f"{name}, asked for", BAD, lambda stage, make=make: give(stage, make(stage.chain))))
        rows.append(("a byte over the size, asked for", BAD, lambda stage: give(stage, sized(stage.chain, 1000001))))
        self.play(rows)

    def test_blocks_that_are_nobodys_fault(self):
        def future(stage):
            return stage.chain.make(seconds=int(time.time()) + 7200 + 3600)

        def orphan(stage, **changes):
            return stage.chain.make(previous=UNKNOWN, **changes)

        def stranger(stage, send):
            """Earns one GetHeaders each time, and no strike."""
            for _ in range(4):
                peer = send()
                while True:
                    locator = peer.until("GetHeaders").locator
                    if stage.chain.tip in locator:
                        break
                peer.send("Headers", [])
                peer.ping()
            return peer

        def known(stage):
            peer = stage.dial()
            tip = codec.Variant("Push", stage.chain.blocks[stage.chain.tip])
            peer.write(codec.pack("NewBlock", tip) * 1000)
            return peer

        def refused_elsewhere(stage):
            bad = other_height(10)(stage.chain)
            self.assertEqual(push(stage, bad).fate(ping=False), BAD)
            second = push(stage, bad)
            second.ping()
            child = stage.chain.fork(10)
            child.headers.append(bad.header)
            child.hashes.append(chains.hash_of(bad.header))
            second.send("NewBlock", codec.Variant("Push", child.make()))
            return second

        self.play(
            [
                ("from the future, pushed", OPEN, lambda stage: push(stage, future(stage))),
                ("from the future, announced", OPEN, lambda stage: announce(stage, future(stage))),
                ("from the future, as an answer", OPEN, lambda stage: answer(stage, future(stage))),
                ("no parent, pushed", OPEN, lambda stage: stranger(stage, lambda: push(stage, orphan(stage)))),
                ("no parent, announced", OPEN, lambda stage: stranger(stage, lambda: announce(stage, orphan(stage)))),
                ("no parent, as an answer", OPEN, lambda stage: answer(stage, orphan(stage))),
                ("the tip a thousand times", OPEN, known),
                ("genesis", OPEN, lambda stage: push(stage, chains.genesis(LAB))),
                ("what was refused before, and its child", OPEN, refused_elsewhere),
            ]
        )

    def test_headers_that_are_not_linked(self):
        def act(stage):
            other = stage.chain.fork(10).grow(3)
            peer = stage.asked_for_headers()
            peer.send("Headers", [other.headers[11], other.headers[13]])
            return peer

        self.play([("a gap", BAD, act)])

    def test_answers_that_help_nobody(self):
        def promise(stage, count):
            """A peer that told of a branch of so many good headers, and was asked for their blocks."""
            other = stage.chain.fork(10).grow(count)
            peer = stage.asked_for_headers()
            peer.send("Headers", other.headers[11:])
            return peer, peer.until("GetBlocks")

        def not_found(stage):
            peer, wanted = promise(stage, 3)
            for _ in range(3):
                peer.send("NotFound", wanted[:1])
            return peer

        def another(stage):
            peer, _ = promise(stage, 4)  # more work than what the row before left behind
            peer.send("Block", stage.chain.fork(10).make(note="another"))
            return peer

        self.play(
            [
                ("NotFound three times", BAD, not_found),
                ("another block than was asked for", BAD, another),
            ]
        )


class Branches(Case):
    """Hostile chains that need a node of their own."""

    def test_a_heavier_branch_with_a_bad_block_in_it(self):
        stage = Stage(self)
        branch = stage.chain.fork(5)
        branch.grow(20, "branch")
        bad = branch.make(coinbase=False)
        branch.add_header(bad.header)
        branch.blocks[branch.tip] = bad
        for _ in range(20):
            block = branch.make()
            branch.add_header(block.header)
            branch.blocks[branch.tip] = block
        giver = stage.node.dial(branch)
        self.assertEqual(giver.fate(ping=False), BAD)
        stage.honest.ping()
        # The good part has more work than what was there, and stays.
        stage.node.wait_for_tip(branch.hashes[25])
        again = stage.node.dial(branch)
        self.assertIn(again.fate(), (OPEN, BAD))
        self.assertEqual(stage.node.tip, branch.hashes[25])
        stage.honest.ping()

    def test_a_header_is_not_to_blame_for_a_body_that_it_does_not_commit_to(self):
        for name, change in [
            ("a repeated tail", lambda transactions: transactions + transactions[-1:]),
            ("another body", lambda transactions: transactions[:2]),
            ("another order", lambda transactions: [transactions[i] for i in (0, 2, 1)]),
            ("nothing", lambda transactions: []),
        ]:
            for how, send in [("pushed", push), ("asked for", give)]:
                with self.subTest(f"{name}, {how}"):
                    stage = Stage(self)
                    good = stage.chain.make([content("a"), content("b")])
                    liar = send(stage, good._replace(transactions=change(good.transactions)))
                    self.assertEqual(liar.fate(ping=False), BAD)
                    stage.calm()
                    stage.chain.add(good)
                    push(stage, good).ping()
                    stage.node.wait_for_tip(stage.chain.tip)

    def test_a_refused_block_is_not_forgiven_to_a_peer_that_the_node_chose(self):
        stage = Stage(self)
        bad = other_height(10)(stage.chain)
        self.assertEqual(push(stage, bad).fate(ping=False), BAD)
        listener, address = listen()
        with listener:
            stage.node.register(address)
            peer = Peer.accept(listener, stage.chain)
            peer.send("NewBlock", codec.Variant("Push", bad))
            self.assertEqual(peer.fate(ping=False), BAD)

    def test_blocks_at_their_limits_are_taken(self):
        stage = Stage(self)
        full = [codec.Variant("Content", codec.Content(number, b"")) for number in range(49000)]
        for name, make in [
            ("a byte below what is pushed", lambda: sized(stage.chain, 65535)),
            ("the greatest that is pushed", lambda: sized(stage.chain, 65536)),
            ("a byte above", lambda: sized(stage.chain, 65537)),
            ("the greatest block", lambda: sized(stage.chain, 1000000)),
            ("49,000 transactions", lambda: stage.chain.make(full)),
            ("a note of a hundred bytes, a version of the miner's", lambda: stage.chain.make(note="n" * 100, version=7)),
            ("the earliest time", lambda: stage.chain.make(seconds=stage.chain.earliest())),
            ("nearly two hours ahead", lambda: stage.chain.make(seconds=int(time.time()) + 7100)),
        ]:
            with self.subTest(name):
                stage.take(make())
                stage.calm()

    def test_a_push_over_the_senders_limit_is_taken_if_it_fits_the_cap(self):
        stage = Stage(self)
        greatest = sized(stage.chain, 65600 - 5)
        self.assertEqual(push(stage, sized(stage.chain, 65600 - 4)).fate(ping=False), SILENT)
        self.assertEqual(push(stage, greatest).fate(), OPEN)
        stage.node.wait_for_tip(chains.hash_of(greatest.header))

    def test_a_content_may_be_in_a_later_block_again(self):
        stage = Stage(self)
        told = content("twice")
        for _ in range(2):
            stage.take(stage.chain.make([told]))

    def test_low_work_costs_nothing(self):
        stage = Stage(self)
        stage.chain.grow(400)
        stage.honest.send("NewBlock", codec.Variant("Push", stage.chain.blocks[stage.chain.tip]))
        stage.node.wait_for_tip(stage.chain.tip)
        before = stage.node.memory()
        low = stage.chain.fork(0).grow(250, "low")

        pusher = push(stage, low.blocks[low.hashes[3]])
        self.assertEqual(pusher.fate(), OPEN, "a block that is far behind is ignored")
        pusher.close()
        flood = stage.asked_for_headers()
        flood.send("Headers", low.headers[1:])
        self.assertEqual(flood.fate(), OPEN)
        # Siblings of the tip, each with its proof of work: as many as the limits of announcements allow at once.
        siblings = stage.dial()
        parent = stage.chain.fork(stage.chain.height - 1)
        for number in range(5000):
            sibling = parent.seal([], seconds=parent.headers[-1].time, merkle_root=number.to_bytes(32, "big"))
            siblings.send("NewBlock", codec.Variant("Announce", sibling.header))
        siblings.attend()
        stage.calm()
        if before is not None:
            self.assertLess(stage.node.memory() - before, 16 << 20)


class Crowds(Case):
    """Many connections at once."""

    def test_a_claimed_length_costs_no_memory(self):
        stage = Stage(self)
        before = stage.node.memory()
        crowd = [stage.dial() for _ in range(200)]
        for peer in crowd:
            peer.until("GetHeaders")
            peer.send("Headers", [])
            peer.write((1000064).to_bytes(4, "big") + b"\x09\0")
        stage.honest.ping()
        if before is not None:
            self.assertLess(stage.node.memory() - before, len(crowd) * 64 << 10)
        for peer in crowd:
            peer.close()

    def test_who_never_speaks_makes_room_for_who_does(self):
        stage = Stage(self)
        crowd = [stage.node.connect() for _ in range(100)]
        stage.dial().ping()
        stage.honest.ping()
        self.assertEqual(crowd[0].fate(seconds=2, ping=False), SILENT)
        for peer in crowd:
            peer.close()

    def test_connections_have_a_cap(self):
        stage = Stage(self)
        crowd = [stage.dial() for _ in range(255)]
        late = stage.node.connect()
        late.greet()
        self.assertEqual(late.fate(ping=False), "TooManyPeers")
        stage.honest.ping()
        crowd.pop().close()
        for peer in crowd:
            peer.close()

    def test_who_asks_for_much_and_reads_nothing_costs_a_list_of_hashes(self):
        stage = Stage(self)
        stage.take(sized(stage.chain, 1000000))
        before = stage.node.memory()
        for name, asked, expected in [("256 blocks", 256, OPEN), ("1,024 blocks", 1024, SILENT)]:
            with self.subTest(name):
                greedy = stage.asked_for_headers()
                greedy.write(codec.pack("GetBlocks", [stage.chain.tip] * 16) * (asked // 16))
                for _ in range(20):
                    stage.calm()
                if before is not None:
                    self.assertLess(stage.node.memory() - before, 16 << 20)
                self.assertEqual(greedy.fate(ping=expected == OPEN), expected)
                greedy.close()

    def test_both_write_before_they_read(self):
        """Four MiB of requests that have as many bytes of answers: the client reads only when all are written."""
        stage = Stage(self)
        peer = stage.asked_for_headers()
        request = codec.pack("GetHeaders", codec.GetHeaders([UNKNOWN] * 64, None))
        peer.attend()
        for _ in range(2000):
            peer.write(request)
        for _ in range(2000):
            self.assertEqual(len(peer.until("Headers")), 10)
        peer.ping()
        stage.honest.ping()


# --- what is done

SAMPLES = {
    0x01: codec.Bye.put(codec.Bye("Requested", "", None)),
    0x02: bytes(8),
    0x03: bytes(8),
    0x06: codec.GetHeaders.put(codec.GetHeaders([], None)),
    0x07: bytes(8),
    0x08: bytes(8),
    0x0A: bytes(8),
    0x0B: b"\1\0\0\0" + bytes(80),
    0x0E: bytes(8),
    0x0F: bytes(8),
    0x10: bytes(8),
    0x41: codec.Report.put(codec.Report(1, "Done")),
    0x42: bytes(20),
}


def wrote(peer, data):
    peer.write(data)
    return peer


def ended(peer):
    peer.finish()
    return peer


def partly(peer):
    return wrote(peer, codec.pack("Ping", codec.Ping(1))[:7])


def reset(stage, peer):
    peer.reset()
    return stage.dial()


def junk(stage):
    """Connections that send four MiB of junk in a frame of that length."""
    for _ in range(20):
        wrote(stage.dial(), (4 << 20).to_bytes(4, "big") + os.urandom(1 << 12) * 1024).close()
    return stage.dial()


def unasked(stage):
    peer = stage.dial()
    peer.send("Block", stage.chain.make())
    return peer


def headers_unasked(stage, times):
    peer = stage.asked_for_headers()
    peer.send("Headers", [])
    peer.ping()
    peer.write(codec.pack("Headers", []) * times)
    return peer


def push(stage, block):
    peer = stage.dial()
    peer.send("NewBlock", codec.Variant("Push", block))
    return peer


def announce(stage, block):
    peer = stage.dial()
    peer.send("NewBlock", codec.Variant("Announce", block.header))
    return peer


def answer(stage, block):
    peer = stage.asked_for_headers()
    peer.send("Headers", [block.header])
    return peer


def give(stage, block):
    """Tells of the header and gives the block when it is asked for."""
    peer = answer(stage, block)
    peer.until("GetBlocks", lambda names: names == [chains.hash_of(block.header)])
    peer.send("Block", block)
    return peer


def sized(chain, size):
    """A block whose encoding has so many bytes."""
    contents, left = [], size - len(codec.Block.put(chain.make()))
    while left:
        data = min(left - 20, 65536)
        if 0 < left - 20 - data < 20:
            data -= 20
        contents.append(codec.Variant("Content", codec.Content(len(contents), bytes(data))))
        left -= 20 + data
    block = chain.make(contents)
    assert len(codec.Block.put(block)) == size
    return block


def with_transactions(make):
    """A block with other transactions than a Coinbase and contents; `make` gets the Coinbase and two contents."""
    return lambda chain: chain.seal(make(chain.make().transactions[0], content("a"), content("b")))


def other_height(height):
    def make(coinbase, a, b):
        return [codec.Variant("Coinbase", coinbase.value._replace(height=height))]

    return with_transactions(make)


BAD_HEADERS = {
    "a hash above its target": lambda chain: chain.make(good=False),
    "bits of zero": lambda chain: chain.make(bits=0),
    "bits whose mantissa is lost": lambda chain: chain.make(bits=0x01003456),
    "negative bits": lambda chain: chain.make(bits=0x04923456),
    "bits over 256": lambda chain: chain.make(bits=0x21010000),
    "bits with the greatest size": lambda chain: chain.make(bits=0xFF7FFFFF),
    "bits easier than the limit": lambda chain: chain.make(bits=0x2100FFFF),
    "bits harder than due": lambda chain: chain.make(bits=0x200FFFFF),
    "no parent, as if it were a genesis": lambda chain: chain.make(previous=bytes(32)),
    "a time before the median": lambda chain: chain.make(seconds=chain.earliest() - 1),
    "a time of zero": lambda chain: chain.make(seconds=0),
}
BAD_BODIES = {
    "no transactions": with_transactions(lambda coinbase, a, b: []),
    "no Coinbase": with_transactions(lambda coinbase, a, b: [a, b]),
    "a Coinbase in the second place": with_transactions(lambda coinbase, a, b: [a, coinbase]),
    "two Coinbases": with_transactions(
        lambda coinbase, a, b: [coinbase, coinbase._replace(value=coinbase.value._replace(extra_nonce=1))]
    ),
    "a transaction twice": with_transactions(lambda coinbase, a, b: [coinbase, a, b, a]),
    "a transaction twice, at the end": with_transactions(lambda coinbase, a, b: [coinbase, a, a]),
    "the height of genesis": other_height(0),
    "the height of the parent": other_height(10),
    "the greatest height": other_height(2**64 - 1),
}
