"""What takes its time, all at once: silence and slowness, before and after the handshake. What takes half a minute
and more is run with --long."""

import threading
import time

import chain as chains
import codec
import program
from peer import OPEN, SILENT, Closed, Peer, listen
from peer import hello as greeting
from program import Case
from stage import LAB, Stage, sized
from test_manage import KEY, Manager


def drip(peer, data, seconds, pause):
    """Sends bytes one by one for a time, or until the connection is over."""
    until = time.monotonic() + seconds

    def run():
        for byte in data:
            if time.monotonic() > until:
                return
            peer.write(bytes([byte]))
            time.sleep(pause)

    threading.Thread(target=run, daemon=True).start()
    return peer


class Waits(Case):
    def together(self, rows):
        """Rows are (name, what becomes of it, the least and the most seconds it takes, the connection). The most is
        generous: a busy machine is late, and never early."""
        began, ends = time.monotonic(), {}

        def run(name, peer, most):
            ends[name] = peer.fate(seconds=most, ping=False), time.monotonic() - began

        threads = [threading.Thread(target=run, args=(row[0], row[4], row[3])) for row in rows]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name, expected, least, most, _ in rows:
            with self.subTest(name):
                fate, seconds = ends[name]
                self.assertEqual(fate, expected)
                self.assertGreater(seconds, least)

    def test_handshakes_that_take_too_long(self):
        stage = Stage(self, "--manager-key", KEY)
        hello = codec.pack("Hello", greeting(LAB))
        half = stage.node.connect()
        half.write(hello[:80])
        listener, address = listen()
        stage.node.register(address)
        dialled = Peer(listener.accept()[0], stage.chain)
        dialled.take_hello()
        listener.close()
        self.together(
            [
                ("not a byte", SILENT, 4, 30, stage.node.connect()),
                ("half a Hello", SILENT, 4, 30, half),
                ("a byte a second", SILENT, 4, 30, drip(stage.node.connect(), hello, 30, 1)),
                ("no answer to the node's Hello", SILENT, 4, 30, dialled),
                ("a manager that commands nothing", "Timeout", 4, 30, Manager(stage.node).peer),
            ]
        )
        stage.calm()

    def test_connections_that_go_to_sleep(self):
        if not program.LONG:
            self.skipTest("takes two minutes: --long")
        stage = Stage(self)
        mute = stage.dial()
        mute.until("GetHeaders")
        mute.serve = lambda message: False  # answers nothing at all, Pings included
        slow = stage.dial()
        drip(slow, codec.pack("GetHeaders", codec.GetHeaders([bytes(32)] * 64, None)), 90, 0.1)
        self.together(
            [
                ("a frame at ten bytes a second", SILENT, 25, 90, slow),
                ("nothing, and no Pong", "Timeout", 100, 180, mute),
            ]
        )
        stage.calm()

    def test_a_peer_that_reads_nothing(self):
        if not program.LONG:
            self.skipTest("takes half a minute: --long")
        stage = Stage(self)
        stage.take(sized(stage.chain, 1000000))
        deaf = stage.asked_for_headers()
        deaf.write(codec.pack("GetBlocks", [stage.chain.tip] * 16) * 16)
        time.sleep(40)  # WRITE_TIMEOUT and a little more
        blocks = 0
        with self.assertRaises((Closed, codec.Refused)):  # at the end of a frame, or inside one
            while True:
                deaf.until("Block")
                blocks += 1
        self.assertLess(blocks, 256)
        stage.calm()

    def test_a_silent_peer_holds_up_a_sync_for_half_a_minute(self):
        if not program.LONG:
            self.skipTest("takes half a minute: --long")
        node = self.node(LAB)
        silent = node.dial()
        silent.until("GetHeaders")
        ours = chains.Chain(LAB).grow(20)
        honest = node.dial(ours).attend()
        honest.ping()
        until = time.monotonic() + 90
        while node.tip != ours.tip and time.monotonic() < until:
            time.sleep(1)
        self.assertEqual(node.tip, ours.tip)
        self.assertEqual(silent.fate(), OPEN)
        try:
            honest.ping()
        except Closed as end:
            self.fail(end)
