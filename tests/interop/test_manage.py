"""Commanding a node: section 8 of docs/protocol.md, with a key of our own."""

import os
import time

import chain as chains
import codec
import ed25519
from peer import SILENT, Closed, Peer, listen
from program import Case
from stage import LAB

SECRET = bytes(range(32))
KEY = ed25519.public(SECRET).hex()
REFUSED = "NotAuthorised"


class Manager:
    """A connection that commands a node."""

    def __init__(self, node, secret=SECRET):
        self.peer, self.secret, self.sequence = node.dial(role="Manager", best_work=bytes(32)), secret, 0

    def signed(self, encoded, **changes):
        """The next command, an encoded one, as a Manage; `changes` replaces what is signed."""
        self.sequence += 1
        theirs = self.peer.theirs
        parts = {
            "tag": b"p2pnode-manage-v1",
            "network": theirs.network,
            "node": theirs.node,
            "challenge": theirs.challenge,
            "sequence": self.sequence.to_bytes(8, "little"),
            "command": encoded,
            **changes,
        }
        return codec.Manage(self.sequence, encoded, ed25519.sign(self.secret, b"".join(parts.values())))

    def send(self, command):
        self.peer.send("Manage", self.signed(codec.COMMAND.put(command)))
        return self.sequence

    def do(self, command):
        """The outcome of a command."""
        sequence = self.send(command)
        return self.peer.until("Report", lambda report: report.sequence == sequence).outcome

    def event(self, name):
        """The next event of this name."""
        return self.peer.until("Event", lambda event: event.what.name == name).what.value


def command(name, *fields):
    kind = dict(codec.COMMAND.variants)[name]
    return codec.Variant(name, kind(*fields))


class Commands(Case):
    def test_every_command(self):
        node = self.node(LAB, "--manager-key", KEY)
        manager = Manager(node)
        before = manager.do("Status").value
        genesis = chains.hash_of(chains.genesis(LAB).header)
        self.assertEqual((before.height, before.tip, before.peers, before.pool), (0, genesis, 0, 0))

        submitted = manager.do(command("Submit", b"submitted"))
        self.assertEqual(submitted.name, "Submitted")
        self.assertEqual(manager.do("Status").value.pool, 1)
        mined = manager.do(command("Mine", b"mined")).value
        self.assertEqual((mined.height, mined.hash), (1, node.tip))

        peer = node.dial()
        block = peer.ask("GetBlocks", [mined.hash], "Block")
        self.assertEqual([t.value.data for t in block.transactions[1:]], [b"mined", b"submitted"])
        self.assertEqual(chains.id_of(block.transactions[2]), submitted.value)

        self.assertEqual(manager.do("Subscribe"), "Done")
        self.assertEqual(manager.event("PeerReady").node, peer.ours.node)
        self.assertEqual(manager.event("TipChanged")[:2], (mined.hash, 1))
        mined = manager.do(command("Mine", None)).value
        self.assertEqual(manager.event("TipChanged")[:2], (mined.hash, 2))
        peer.close()
        self.assertEqual(manager.event("PeerGone").node, peer.ours.node)

        self.assertEqual(manager.do(command("SetMining", 1000)), "Done")
        self.assertEqual(manager.do("Status").value.hashrate, 1000)
        manager.event("TipChanged")
        self.assertEqual(manager.do(command("SetMining", 0)), "Done")

        listener, address = listen()
        with listener:
            where = codec.address(listener.getsockname()[1])
            register = codec.Variant("Register", [codec.Introduction(None, where, True)])
            self.assertEqual(manager.do(register), "Done")
            dialled = Peer.accept(listener, chains.Chain(LAB))
            self.assertEqual(manager.event("PeerReady").node, dialled.ours.node)
            dialled.close()

        sequence = manager.send("Shutdown")
        manager.peer.until("Report", lambda report: report == codec.Report(sequence, "Done"))
        with self.assertRaises(Closed) as caught:
            manager.peer.until("nothing")
        self.assertEqual(caught.exception.bye.reason, "ShuttingDown")

    def test_a_reorganisation_is_told_as_one(self):
        node = self.node(LAB, "--manager-key", KEY)
        manager = Manager(node)
        manager.do("Subscribe")
        old, new = chains.Chain(LAB).grow(3), chains.Chain(LAB).grow(5)
        node.dial(old).attend()
        manager.peer.until("Event", lambda event: event.what.name == "TipChanged" and event.what.value.tip == old.tip)
        node.dial(new).attend()
        heights, reverted = [], 0
        while not heights or heights[-1] < 5:
            changed = manager.event("TipChanged")
            heights.append(changed.height)
            reverted += changed.reverted
        self.assertEqual(reverted, 3)
        self.assertEqual(changed.tip, new.tip)

    def test_who_subscribes_is_told_how_things_stand(self):
        node = self.node(LAB, "--manager-key", KEY)
        branches = [chains.Chain(LAB).grow(2), chains.Chain(LAB).grow(3)]
        before = time.time_ns() // 1000
        for branch in branches:
            node.dial(branch).attend()
            node.wait_for_tip(branch.tip)
        manager = Manager(node)
        manager.do(command("Submit", b"waits"))
        sequence = manager.send("Subscribe")
        told = []
        while not told or told[-1].what.name != "FaultsSet":
            told.append(manager.peer.until("Event"))
        names = [event.what.name for event in told]
        self.assertEqual(sequence, 2)
        self.assertEqual(names[:2], ["PeerReady"] * 2)
        self.assertEqual(names[-4:], ["TipChanged", "PoolChanged", "MiningSet", "FaultsSet"])
        seen = [event for event in told if event.what.name == "BlockSeen"]
        self.assertEqual(names[2:-4], ["BlockSeen"] * len(seen))
        heights = [event.what.value.height for event in seen]
        self.assertEqual(heights, [0, 1, 1, 2, 2, 3])
        hashes = {event.what.value.hash for event in seen[1:]}
        self.assertEqual(hashes, {name for branch in branches for name in branch.hashes[1:]})
        after = time.time_ns() // 1000
        self.assertTrue(all(before <= event.at <= after for event in seen[1:]), told)
        pool = told[-3].what.value
        self.assertEqual((pool.count, pool.came.count), (1, 1))

    def test_faults_of_links(self):
        node = self.node(LAB, "--manager-key", KEY)
        manager = Manager(node)
        peer = node.dial()

        def fault(node=peer.ours.node, cut=False, latency=0, jitter=0, loss=0):
            return codec.Fault(node, cut, latency, jitter, loss)

        for name, expected, faults in [
            ("none", True, []),
            ("the most there may be", True, [fault(latency=60_000_000, jitter=60_000_000, loss=900_000)]),
            ("a latency over its bound", False, [fault(latency=60_000_001)]),
            ("a jitter over the latency", False, [fault(latency=5, jitter=6)]),
            ("a loss over its bound", False, [fault(loss=900_001)]),
            ("a node twice", False, [fault(), fault(cut=True)]),
            ("the node itself", False, [fault(node=manager.peer.theirs.node)]),
            ("none again", True, []),
        ]:
            with self.subTest(name):
                outcome = manager.do(command("SetFaults", faults))
                self.assertEqual(outcome == "Done", expected, outcome)
        # What is late comes late, and in its order; and at once when the link is mended.
        manager.do(command("SetFaults", [fault(latency=300_000)]))
        began = time.monotonic()
        for nonce in (1, 2):
            peer.send("Ping", codec.Ping(nonce))
        self.assertEqual([peer.until("Pong").nonce for _ in range(2)], [1, 2])
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        manager.do(command("SetFaults", [fault(latency=60_000_000)]))
        peer.send("Ping", codec.Ping(3))
        manager.do(command("SetFaults", []))
        self.assertEqual(peer.until("Pong").nonce, 3)
        # A cut closes, and refuses until it is mended.
        manager.do(command("SetFaults", [fault(cut=True)]))
        self.assertEqual(peer.fate(ping=False), "Cut")
        with self.assertRaises(Closed) as caught:
            node.dial(node=peer.ours.node)
        self.assertEqual(caught.exception.bye.reason, "Cut")
        manager.do(command("SetFaults", []))
        node.dial(node=peer.ours.node).ping()

    def test_who_is_forgotten_is_let_go(self):
        node = self.node(LAB, "--manager-key", KEY)
        manager, peer = Manager(node), node.dial()
        self.assertEqual(manager.do(command("Forget", [peer.ours.node, bytes(16)])), "Done")
        self.assertEqual(peer.fate(ping=False), "Requested")

    def test_a_mining_call_that_is_cancelled_fails_and_makes_no_block(self):
        node = self.node(chains.lab(60), "--manager-key", KEY)
        manager = Manager(node)
        call = manager.send(command("Mine", b"nobody waits for this"))
        cancel = manager.send(command("CancelMining", call))
        reports = [manager.peer.until("Report") for _ in range(2)]
        self.assertEqual([report.sequence for report in reports], [call, cancel])
        self.assertEqual((reports[0].outcome.name, reports[1].outcome), ("Failed", "Done"))
        self.assertEqual(manager.do(command("CancelMining", call)), "Done")

    def test_the_oldest_of_five_managers_goes(self):
        node = self.node(LAB, "--manager-key", KEY)
        managers = []
        for _ in range(5):
            managers.append(Manager(node))
            self.assertEqual(managers[-1].do("Status").name, "Status")
        self.assertEqual(managers[0].peer.fate(ping=False), "Duplicate")
        for manager in managers[1:]:
            self.assertEqual(manager.do("Status").name, "Status")


class Hostile(Case):
    def test_commands_that_must_not_be_obeyed(self):
        node = self.node(LAB, "--manager-key", KEY)
        status, shutdown = codec.COMMAND.put("Status"), codec.COMMAND.put("Shutdown")
        recorded = Manager(node).signed(shutdown)

        def say(first=None, **changes):
            def act(manager):
                if first is not None:
                    manager.sequence = first - 1
                manager.peer.send("Manage", manager.signed(shutdown, **changes))

            return act

        def raw(value):
            return lambda manager: manager.peer.send("Manage", value)

        def twice(manager):
            value = manager.signed(status)
            manager.peer.send("Manage", value)
            manager.peer.until("Report")
            manager.peer.send("Manage", value)

        def other_key(manager):
            manager.secret = os.urandom(32)
            manager.peer.send("Manage", manager.signed(shutdown))

        def not_canonical(manager):
            value = manager.signed(shutdown)
            s = int.from_bytes(value.signature[32:], "little") + ed25519.ORDER
            manager.peer.send("Manage", value._replace(signature=value.signature[:32] + s.to_bytes(32, "little")))

        def undecodable(manager):
            manager.peer.send("Manage", manager.signed(b"\xff\xff\xff\xff"))

        def longer(manager):
            manager.peer.send("Manage", manager.signed(status + b"\0"))

        def message(name, value):
            return lambda manager: manager.peer.send(name, value)

        for name, expected, act in [
            ("recorded on another connection", REFUSED, raw(recorded)),
            ("for another network", REFUSED, say(network=chains.network_id(chains.lab()))),
            ("for another node", REFUSED, say(node=bytes(16))),
            ("for another challenge", REFUSED, say(challenge=bytes(32))),
            ("for another sequence", REFUSED, say(sequence=(2).to_bytes(8, "little"))),
            ("for another command", REFUSED, say(command=status)),
            ("for another use", REFUSED, say(tag=b"p2pnode-manage-v2")),
            ("of another key", REFUSED, other_key),
            ("the sequence 0 first", REFUSED, say(first=0)),
            ("the sequence 2 first", REFUSED, say(first=2)),
            ("the greatest sequence first", REFUSED, say(first=2**64 - 1)),
            ("the same twice", REFUSED, twice),
            ("no signature", REFUSED, raw(codec.Manage(1, shutdown, bytes(64)))),
            ("a signature that is not canonical", REFUSED, not_canonical),
            ("a command that does not exist", REFUSED, undecodable),
            ("a command and a byte", REFUSED, longer),
            ("a request", "Misbehaviour", message("GetHeaders", codec.GetHeaders([], None))),
            ("an announcement", "Misbehaviour", message("HaveTransactions", [])),
            ("a second Hello", "Misbehaviour", lambda manager: manager.peer.send("Hello", manager.peer.ours)),
            ("a Bye", SILENT, message("Bye", codec.Bye("Requested", "", None))),
        ]:
            with self.subTest(name):
                manager = Manager(node)
                act(manager)
                self.assertEqual(manager.peer.fate(ping=False), expected)
                self.assertEqual(Manager(node).do("Status").name, "Status")
