"""Messages that nobody wants: out of turn, too many, unasked, or of no help."""

import os

import codec
from peer import OPEN, SILENT
from stage import BAD, Table
from test_noise import wrote


class Nuisance(Table):
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
                ("an Event", BAD, say("Event", codec.Event(0, codec.what("MiningSet", 0)))),
                ("a command of no manager", BAD, say("Manage", codec.Manage(1, b"", bytes(64)))),
                ("a Pong that nobody waits for", OPEN, say("Pong", codec.Ping(1), 5)),
                ("sixteen frames of an unknown kind", OPEN, unknown(16)),
                ("seventeen", BAD, unknown(17)),
                ("the next kind after the last", OPEN, lambda stage: wrote(stage.dial(), codec.frame(0x11, b""))),
                ("a hundred Pings at once", BAD, say("Ping", codec.Ping(1), 100)),
                ("a hundred Pongs at once", BAD, say("Pong", codec.Ping(1), 100)),
                ("ten GetPeers at once", OPEN, say("GetPeers", None, 10)),
                ("eleven", BAD, say("GetPeers", None, 11)),
                ("Peers that nobody asked for, twice", OPEN, say("Peers", [codec.address(1)], 2)),
                ("three times", BAD, say("Peers", [codec.address(1)], 3)),
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


# --- what is done


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
