"""Many connections, and much on one: what they cost."""

import codec
from peer import OPEN, SILENT
from program import Case
from stage import UNKNOWN, Stage, sized


class Crowds(Case):
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
        for name, asked, expected in [("512 blocks", 512, OPEN), ("8,192 blocks", 8192, SILENT)]:
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
