"""Hostile chains, and blocks at their limits: each on a node of its own."""

import time

import chain as chains
import codec
from peer import OPEN, SILENT, Peer, listen
from program import Case
from stage import BAD, Stage, content, give, push, sized
from test_rules import other_height


class Branches(Case):
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
        # Another one who calls with it may not have heard.
        again = stage.node.dial(branch)
        again.until("GetHeaders")
        again.send("Headers", branch.headers[1:])
        self.assertEqual(again.fate(), OPEN)
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
            ("a note of a hundred bytes", lambda: stage.chain.make(note="n" * 100)),
            ("a version of the miner's", lambda: stage.chain.make(version=2**32 - 1)),
            ("the earliest time", lambda: stage.chain.make(seconds=stage.chain.earliest())),
            ("nearly two hours ahead", lambda: stage.chain.make(seconds=int(time.time()) + 7100)),
        ]:
            with self.subTest(name):
                stage.take(make())
                stage.calm()

    def test_a_push_over_the_senders_limit_is_taken_if_it_fits_the_cap(self):
        stage = Stage(self)
        cap = codec.KINDS[codec.KIND_OF["NewBlock"]].cap
        greatest = sized(stage.chain, cap - 5)
        self.assertEqual(push(stage, sized(stage.chain, cap - 4)).fate(ping=False), SILENT)
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
