"""Catching up, in both directions: section 6 of docs/protocol.md, and the rules of consensus on real chains."""

import time

import chain as chains
import codec
from peer import Peer, listen, sync
from program import Case
from stage import LAB, MOVING, content


class FromTheNode(Case):
    def test_a_chain_of_fixed_difficulty(self):
        node = self.node(LAB)
        for text in ("a", "b" * 60000, "é"):
            node.call("POST", "/transactions", {"content": text})
            node.mine(10)
        chain = sync(node.dial())
        self.assertEqual(chain.height, 30)
        self.assertEqual(chain.hashes, node.hashes())
        texts = [t.value.data for b in chain.blocks.values() for t in b.transactions if t.name == "Content"]
        self.assertEqual(sorted(texts), [b"a", b"b" * 60000, "é".encode()])

    def test_a_chain_whose_difficulty_moves(self):
        node = self.node(MOVING)
        node.mine(44)
        chain = sync(node.dial())
        self.assertEqual(chain.hashes, node.hashes())
        bits = [header.bits for header in chain.headers]
        self.assertEqual(set(bits[:22]), {MOVING.start})
        self.assertLess(chains.target_of(bits[22]), chains.target_of(bits[21]), "it was mined faster than wanted")
        self.assertLess(chains.target_of(bits[42]), chains.target_of(bits[41]))

    def test_a_chain_of_more_than_one_message_of_headers(self):
        ours = chains.Chain(LAB).grow(2100)
        node = self.node(LAB)
        node.dial(ours).attend()
        node.wait_for_tip(ours.tip)
        self.assertEqual(sync(node.dial()).hashes, ours.hashes)

    def test_what_a_locator_and_a_stop_ask_for(self):
        ours = chains.Chain(LAB).grow(40)
        off = ours.fork(20).grow(1, note="off the chain")
        node = self.node(LAB)
        node.dial(ours).attend()
        node.wait_for_tip(ours.tip)
        peer, name = node.dial(), ours.hashes
        unknown = bytes(31) + b"\1"
        for case, locator, stop, first, last in [
            ("nothing known", [], None, 1, 40),
            ("genesis", [name[0]], None, 1, 40),
            ("a hash that nobody knows", [unknown], None, 1, 40),
            ("the first that is on the chain", [unknown, name[30], name[10]], None, 31, 40),
            ("the order of the locator, not of the chain", [name[10], name[30]], None, 11, 40),
            ("the tip", [name[40]], None, 41, 40),
            ("64 hashes", [unknown] * 63 + [name[39]], None, 40, 40),
            ("up to one", [name[10]], name[12], 11, 12),
            ("up to the next", [name[10]], name[11], 11, 11),
            ("up to the tip", [name[10]], name[40], 11, 40),
            ("up to what comes before", [name[10]], name[5], 11, 40),
            ("up to what nobody knows", [name[10]], unknown, 11, 40),
            ("up to what is off the chain", [name[10]], off.tip, 11, 40),
        ]:
            with self.subTest(case):
                headers = peer.ask("GetHeaders", codec.GetHeaders(locator, stop), "Headers")
                self.assertEqual([chains.hash_of(header) for header in headers], name[first : last + 1])

    def test_blocks_come_in_the_order_asked_for_and_what_is_lacking_is_named(self):
        ours = chains.Chain(LAB).grow(5)
        node = self.node(LAB)
        node.dial(ours).attend()
        node.wait_for_tip(ours.tip)
        peer, name, lacking = node.dial(), ours.hashes, [bytes([n]) * 32 for n in (1, 2)]
        peer.send("GetBlocks", [name[3], lacking[0], name[1], name[5], lacking[1], name[0]])
        messages = [peer.until_any("Block", "NotFound") for _ in range(5)]
        blocks = [chains.hash_of(message.value.header) for message in messages if message.name == "Block"]
        self.assertEqual(blocks, [name[3], name[1], name[5], name[0]])
        self.assertEqual([message.value for message in messages if message.name == "NotFound"], [lacking])


class ToTheNode(Case):
    def test_a_node_that_dials_us_takes_our_chain(self):
        ours = chains.Chain(LAB).grow(300)
        listener, address = listen()
        with listener:
            node = self.node(LAB, "--peer", address)
            peer = Peer.accept(listener, ours).attend()
            node.wait_for_tip(ours.tip)
            requests = [message.name for message in peer.asked]
            self.assertLessEqual(requests.count("GetHeaders"), 3)
            asked = [name for message in peer.asked if message.name == "GetBlocks" for name in message.value]
            self.assertEqual(sorted(asked), sorted(ours.hashes[1:]), "each body once")
            peer.close()

    def test_a_chain_with_more_work_wins_at_any_depth(self):
        for depth in (1, 100, 2100):
            with self.subTest(f"{depth} blocks"):
                common = chains.Chain(LAB).grow(3)
                old, new = common.fork(3).grow(depth, "old"), common.fork(3).grow(depth + 1, "new")
                node = self.node(LAB)
                node.dial(old).attend()
                node.wait_for_tip(old.tip)
                node.dial(new).attend()
                node.wait_for_tip(new.tip)

    def test_contents_of_a_chain_that_lost_wait_again(self):
        common = chains.Chain(LAB).grow(3)
        told = content("not lost")
        old = common.fork(3)
        old.add(old.make([told]))
        node = self.node(LAB)
        node.dial(old).attend()
        node.wait_for_tip(old.tip)
        new = common.fork(3).grow(2, "new")
        peer = node.dial(new)
        peer.until("HaveTransactions", lambda ids: chains.id_of(told) in ids)
        node.wait_for_tip(new.tip)
        self.assertEqual(node.get("/transactions/" + codec.HASH.show(chains.id_of(told)))["state"], "pool")

    def test_of_two_chains_with_the_same_work_the_first_stays_until_one_grows(self):
        common = chains.Chain(LAB).grow(3)
        first, second = common.fork(3).grow(2, "first"), common.fork(3).grow(2, "second")
        node = self.node(LAB)
        node.dial(first).attend()
        node.wait_for_tip(first.tip)
        peer = node.dial(second)
        peer.until("GetHeaders")
        peer.send("Headers", second.headers[1:])
        peer.ping()
        self.assertEqual(node.tip, first.tip)
        second.grow(1, "third")
        peer.send("NewBlock", codec.Variant("Push", second.blocks[second.tip]))
        peer.attend()
        node.wait_for_tip(second.tip)

    def test_a_longer_chain_with_less_work_is_not_adopted(self):
        now = int(time.time())
        base = chains.Chain(MOVING).grow(1, seconds=lambda height: now - 5000)
        # A window of eight seconds makes it harder; windows of twenty and more leave it at the start's.
        fast = base.fork(1).grow(40, "fast", lambda height: now - 5000 + min(height, 3 + height // 4))
        slow = base.fork(1).grow(60, "slow", lambda height: now - 5000 + 20 * height)
        self.assertGreater(fast.work, slow.work)
        self.assertGreater(slow.height, fast.height)
        node = self.node(MOVING)
        node.dial(fast).attend()
        node.wait_for_tip(fast.tip)
        peer = node.dial(slow)
        peer.until("GetHeaders")
        peer.send("Headers", slow.headers[1:])
        peer.send("NewBlock", codec.Variant("Push", slow.blocks[slow.tip]))
        peer.ping()
        self.assertEqual(node.tip, fast.tip)
        while slow.work <= fast.work:
            slow.grow(1, "slow", lambda height: now - 5000 + 20 * height)
        peer.send("NewBlock", codec.Variant("Push", slow.blocks[slow.tip]))
        peer.attend()
        node.wait_for_tip(slow.tip)

    def test_a_sync_that_is_cut_off_goes_on_with_another_peer(self):
        ours = chains.Chain(LAB).grow(600)
        node = self.node(LAB)
        first = node.dial(ours)
        for _ in range(5):
            blocks = first.until("GetBlocks")
            first.serve(codec.Message("GetBlocks", blocks))
        first.ping()
        kept = set(node.hashes())
        first.reset()
        second = node.dial(ours).attend()
        node.wait_for_tip(ours.tip)
        asked = {name for message in second.asked if message.name == "GetBlocks" for name in message.value}
        self.assertGreater(len(kept), 1)
        self.assertEqual(asked & kept, set(), "what was here is not asked for again")

    def test_a_block_that_its_teller_withholds_is_fetched_elsewhere(self):
        ours = chains.Chain(LAB).grow(3)
        node = self.node(LAB)
        honest = node.dial(ours).attend()
        node.wait_for_tip(ours.tip)
        other = ours.fork(3)
        withholder = node.dial(other)
        withholder.until("GetHeaders")
        other.add(other.make())
        withholder.send("NewBlock", codec.Variant("Announce", other.headers[-1]))
        self.assertEqual(withholder.until("GetBlocks"), [other.tip])
        ours.add(other.blocks[other.tip])
        honest.send("NewBlock", codec.Variant("Announce", ours.headers[-1]))
        node.wait_for_tip(ours.tip)

    def test_a_block_from_the_future_is_taken_at_its_time(self):
        ours = chains.Chain(MOVING).grow(3)
        node = self.node(MOVING)
        node.dial(ours).attend()
        node.wait_for_tip(ours.tip)
        early = ours.make(seconds=int(time.time()) + chains.most_ahead(MOVING) + 3)
        peer = node.dial()
        peer.send("NewBlock", codec.Variant("Push", early))
        peer.ping()
        self.assertEqual(node.tip, ours.tip)
        node.wait_for_tip(chains.hash_of(early.header))
        self.assertGreaterEqual(time.time() + chains.most_ahead(MOVING), early.header.time)
        peer.ping()
