"""Bytes that are no frames, frames that are no messages, and messages before their turn: each row is said to one
node, which ends that connection in the way the document names, or bears it. After each an honest peer is served and
the tip is the same."""

import os
import random

import codec
from peer import OPEN, SILENT
from stage import Table
from test_values import vectors


class Noise(Table):
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

        def unknown_and_large(stage):
            peer = stage.node.connect()
            peer.write(codec.frame(0x7F, b"") + codec.frame(0x7F, bytes(1024)))
            peer.greet()
            return peer

        rows = [row(kind) for kind in codec.KINDS if kind != 0x00]
        rows.append(("an unknown kind is skipped", OPEN, unknown))
        rows.append(("and ends nothing: the next must be small, too", SILENT, unknown_and_large))
        self.play(rows)

    def test_strangers_that_speak_otherwise(self):
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


# --- what is done

SAMPLES = {
    0x01: codec.Bye.put(codec.Bye("Requested", "", None)),
    0x02: bytes(8),
    0x03: bytes(8),
    0x05: bytes(8),
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
