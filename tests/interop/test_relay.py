"""Telling each other of what is new: section 7 of docs/protocol.md."""

import chain as chains
import codec
from program import Case
from stage import LAB, content


class Relay(Case):
    def test_a_content_from_a_peer_is_mined_and_proven(self):
        node = self.node(LAB)
        peer, other = node.dial(), node.dial()
        told = [content(f"content {number}") for number in range(5)]
        peer.pool = {chains.id_of(transaction): transaction for transaction in told}
        peer.send("HaveTransactions", list(peer.pool))
        asked = []
        while len(asked) < 5:
            ids = peer.until("GetTransactions")
            asked += ids
            peer.send("Transactions", [peer.pool[name] for name in ids])
        self.assertEqual(sorted(asked), sorted(peer.pool))
        # The node tells others, who may ask for them, and not back to whom it has them from.
        heard = []
        while len(heard) < 5:
            heard += other.until("HaveTransactions")
        self.assertEqual(sorted(heard), sorted(peer.pool))
        got = other.ask("GetTransactions", heard, "Transactions")
        self.assertEqual({chains.id_of(transaction) for transaction in got}, set(heard))

        node.mine()
        block = peer.until("NewBlock").value
        ids = [chains.id_of(transaction) for transaction in block.transactions]
        self.assertEqual(len(ids), 6)
        for name in peer.pool:
            index = ids.index(name)
            self.assertEqual(chains.climb(name, index, chains.branch(ids, index)), block.header.merkle_root)
        self.assertNotIn("HaveTransactions", [message.name for message in drain(peer)])

    def test_a_pool_is_told_to_a_peer_that_comes_later(self):
        node = self.node(LAB)
        name = node.call("POST", "/transactions", {"content": "early"})["id"]
        peer = node.dial()
        ids = peer.until("HaveTransactions")
        self.assertEqual([codec.HASH.show(found) for found in ids], [name])
        (transaction,) = peer.ask("GetTransactions", ids + [bytes(32)], "Transactions")
        self.assertEqual(transaction.value.data, b"early")

    def test_small_blocks_are_pushed_and_large_ones_announced(self):
        node = self.node(LAB)
        peer, chain = node.dial(), chains.Chain(LAB)
        node.mine()
        small = peer.until("NewBlock")
        self.assertEqual(small.name, "Push")
        chain.add(small.value)
        for _ in range(2):
            node.call("POST", "/transactions", {"content": "x" * 60000})
        node.mine()
        large = peer.until("NewBlock")
        self.assertEqual(large.name, "Announce")
        chain.add_header(large.value)
        chain.add_body(peer.ask("GetBlocks", [chain.tip], "Block"))

    def test_a_pushed_block_goes_on_to_others_and_not_back(self):
        node = self.node(LAB)
        giver, other, ours = node.dial(), node.dial(), chains.Chain(LAB)
        for _ in range(3):
            block = ours.add(ours.make())
            giver.send("NewBlock", codec.Variant("Push", block))
            self.assertEqual(other.until("NewBlock"), codec.Variant("Push", block))
        self.assertNotIn("NewBlock", [message.name for message in drain(giver)])
        node.wait_for_tip(ours.tip)

    def test_an_announced_block_is_asked_for(self):
        node = self.node(LAB)
        peer = node.dial()
        peer.until("GetHeaders")
        peer.send("Headers", [])
        block = peer.chain.add(peer.chain.make([content("x" * 65000) for _ in range(2)]))
        peer.send("NewBlock", codec.Variant("Announce", block.header))
        self.assertEqual(peer.until("GetBlocks"), [peer.chain.tip])
        peer.send("Block", block)
        peer.ping()
        node.wait_for_tip(peer.chain.tip)


def drain(peer):
    """All that came until a Ping is answered."""
    nonce = 0xD2A1
    peer.send("Ping", codec.Ping(nonce))
    messages = []
    while not (messages and messages[-1] == codec.Message("Pong", codec.Ping(nonce))):
        messages.append(peer.receive())
        peer.serve(messages[-1])
    return messages
