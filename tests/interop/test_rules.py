"""Blocks that break a rule of section 11, one by one, in every way that a block can come; and blocks that may
look like it."""

import time

import chain as chains
import codec
from peer import OPEN
from stage import BAD, LAB, MOVING, UNKNOWN, Table, announce, answer, content, give, push, sized


class Rules(Table):
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

    def test_blocks_that_break_a_rule_where_the_target_moves(self):
        # The next block has new bits: its window took ten seconds instead of twenty.
        now = int(time.time())
        chain = chains.Chain(MOVING).grow(21, seconds=lambda height: now - 100 + min(height, 3 + height // 3))
        self.assertNotEqual(chain.due_bits(), MOVING.start)
        self.play(
            [
                ("the parent's bits", BAD, lambda stage: announce(stage, stage.chain.make(bits=MOVING.start))),
                ("harder than due", BAD, lambda stage: announce(stage, stage.chain.make(bits=0x200FFFFF))),
                ("the time of the median", BAD, lambda stage: announce(stage, early(stage))),
                ("a time too far ahead", OPEN, lambda stage: announce(stage, late(stage))),
            ],
            chain,
        )

    def test_blocks_that_are_nobodys_fault(self):
        def orphan(stage, **changes):
            return stage.chain.make(previous=UNKNOWN, **changes)

        def stranger(stage, variant, body):
            """Each earns one question, and no strike."""
            peer = stage.asked_for_headers()
            peer.send("Headers", [])
            for count in range(1, 5):
                peer.send("NewBlock", codec.Variant(variant, body(orphan(stage))))
                peer.ping()
                self.assertEqual([message.name for message in peer.asked].count("GetHeaders"), count)
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
                ("from the future, pushed", OPEN, lambda stage: push(stage, late(stage))),
                ("from the future, announced", OPEN, lambda stage: announce(stage, late(stage))),
                ("from the future, as an answer", OPEN, lambda stage: answer(stage, late(stage))),
                ("no parent, pushed", OPEN, lambda stage: stranger(stage, "Push", lambda block: block)),
                ("no parent, announced", OPEN, lambda stage: stranger(stage, "Announce", lambda block: block.header)),
                ("no parent, as an answer", OPEN, lambda stage: answer(stage, orphan(stage))),
                ("the tip a thousand times", OPEN, known),
                ("genesis", OPEN, lambda stage: push(stage, chains.genesis(LAB))),
                ("what was refused before, and its child", OPEN, refused_elsewhere),
            ]
        )


# --- what is done


def early(stage):
    return stage.chain.make(seconds=stage.chain.earliest() - 1)


def late(stage):
    """A block that is too far ahead, for as long as a test may take."""
    return stage.chain.make(seconds=int(time.time()) + chains.most_ahead(stage.chain.rules) + 600)


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
