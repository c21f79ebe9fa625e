"""A chain goes from the client to a node's folder and back, as a file."""

import pathlib
import subprocess
import tempfile
import unittest

import chain as chains
import chainfile
import program
from encoding import Reader
from stage import MOVING, content


class ChainFile(unittest.TestCase):
    def run_node(self, *arguments):
        done = subprocess.run([program.BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    def test_there_and_back(self):
        ours = chains.Chain(MOVING).grow(25)
        ours.add(ours.make([content("in a file")]))
        data = chainfile.put(chainfile.File(MOVING, [ours.blocks[name] for name in ours.hashes[1:]]))
        with tempfile.TemporaryDirectory() as folder:
            there, back = pathlib.Path(folder) / "there", pathlib.Path(folder) / "back"
            there.write_bytes(data)
            self.assertEqual(self.run_node("import", there, f"{folder}/node")[0], 0)
            self.assertEqual(self.run_node("export", f"{folder}/node", "--output", back)[0], 0)
            self.assertEqual(back.read_bytes(), data, "the same chain is the same bytes, whoever writes them")
            read = chainfile.take(Reader(back.read_bytes()))
            again = chains.Chain(read.rules)
            for block in read.blocks:
                again.add(block)
            self.assertEqual(again.hashes, ours.hashes)

    def test_what_is_not_so_is_refused(self):
        ours = chains.Chain(MOVING).grow(5)
        blocks = [ours.blocks[name] for name in ours.hashes[1:]]
        good = chainfile.put(chainfile.File(MOVING, blocks))
        broken = ours.make(coinbase=False)
        with tempfile.TemporaryDirectory() as folder:
            for name, data in [
                ("nothing", b""),
                ("another version", good.replace(b"chain 1", b"chain 2", 1)),
                ("a byte less", good[:-1]),
                ("a byte more", good + b"\0"),
                ("a flipped bit", good[:200] + bytes([good[200] ^ 1]) + good[201:]),
                ("a block left out", chainfile.put(chainfile.File(MOVING, blocks[:2] + blocks[3:]))),
                ("a block that breaks a rule", chainfile.put(chainfile.File(MOVING, [*blocks, broken]))),
                ("the rules of another network", chainfile.put(chainfile.File(chains.lab(1), blocks))),
            ]:
                with self.subTest(name):
                    path = pathlib.Path(folder) / "file"
                    path.write_bytes(data)
                    code, said = self.run_node("import", path, f"{folder}/node")
                    self.assertNotEqual(code, 0)
                    self.assertIn("error:", said)
                    self.assertNotIn("panicked", said)
