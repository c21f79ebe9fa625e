"""Where hostile peers are met: a node with an honest peer beside them, and the ways in which blocks come to it."""

import os

import chain as chains
import codec
from peer import OPEN
from program import Case, Node

LAB = chains.lab(1)
MOVING = chains.lab(1, 1)  # twenty seconds a window
BAD = "Misbehaviour"
UNKNOWN = bytes(31) + b"\1"


class Stage:
    """A node with a chain, of ten blocks if none is given, and an honest peer that has the same."""

    def __init__(self, case, *flags, chain=None):
        self.chain = chain or chains.Chain(LAB).grow(10)
        self.node = Node(self.chain.rules, *flags)
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


class Table(Case):
    """Tests that are tables of what is done to one node, and what becomes of the connection."""

    def play(self, rows, chain=None):
        """Rows are (name, what becomes of the connection, what is done: it gets the stage and gives the peer)."""
        stage = Stage(self, chain=chain)
        for name, expected, act in rows:
            with self.subTest(name):
                peer = act(stage)
                self.assertEqual(peer.fate(ping=expected == OPEN), expected)
                stage.calm()
                peer.close()


# --- the ways of a block

def content(text):
    return codec.Variant("Content", codec.Content(int.from_bytes(os.urandom(8), "little"), text.encode()))


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
