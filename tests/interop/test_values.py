"""What can be held without a node: the examples and facts of docs/protocol.md and the vectors beside it."""

import json
import pathlib
import re
import unittest

import chain as chains
import chainfile
import codec
import ed25519

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPECIFICATION = (ROOT / "docs/protocol.md").read_text()
VALUES = {"Rules": codec.Rules, "Header": codec.Header, "Block": codec.Block, "Transaction": codec.TRANSACTION}
VALUES |= {"Command": codec.COMMAND, "ChainFile": chainfile}
NETWORKS = {
    "lab": chains.lab(),
    "lab, block time 10": chains.lab(block_time=10),
    "lab, difficulty 4, block time 10": chains.lab(4, 10),
    "regtest": chains.REGTEST,
    "mainnet": chains.MAINNET,
}
BITCOINS_GENESIS = bytes.fromhex("6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000")


def vectors(name):
    return json.loads((ROOT / "tests/vectors" / name).read_text())


def facts():
    """Every line of every fence marked `facts`, as (what, value)."""
    for fence in re.findall(r"^```facts\n(.*?)^```", SPECIFICATION, re.M | re.S):
        for line in fence.splitlines():
            if line:
                yield tuple(line.split(" = ", 1))


def frames(stream, ready):
    """All messages of a stream that then ends."""
    reader = codec.Frames(ready)
    reader.feed(stream)
    while True:
        found = reader.next()
        if found is None:
            reader.end()
            return
        yield codec.unpack(*found)


class Vectors(unittest.TestCase):
    def test_messages_mean_what_they_say_and_are_written_the_same(self):
        for vector in vectors("messages.json"):
            with self.subTest(vector["kind"] + ", " + vector["name"]):
                data = bytes.fromhex(vector["frame"])
                (message,) = frames(data, ready=True)
                self.assertEqual(message.name, vector["kind"])
                self.assertEqual(codec.KINDS[codec.KIND_OF[message.name]].type.show(message.value), vector["body"])
                self.assertEqual(codec.pack(*message), data)

    def test_commands_mean_what_they_say_and_are_written_the_same(self):
        for vector in vectors("commands.json"):
            with self.subTest(vector["name"]):
                reader = codec.Reader(bytes.fromhex(vector["encoding"]))
                command = codec.COMMAND.take(reader)
                reader.end()
                self.assertEqual(codec.COMMAND.show(command), vector["command"])
                self.assertEqual(codec.COMMAND.put(command).hex(), vector["encoding"])

    def test_what_must_be_refused_is_refused_for_the_same_reason(self):
        for vector in vectors("rejected.json"):
            with self.subTest(vector["name"]):
                with self.assertRaises(codec.Refused) as caught:
                    list(frames(bytes.fromhex(vector["stream"]), vector["phase"] == "ready"))
                self.assertEqual(caught.exception.args[0], vector["error"])


class Specification(unittest.TestCase):
    def test_examples(self):
        pattern = r"^```hex (message|value)=(\w+)\n(.*?)^```\n+```json\n(.*?)^```"
        examples = re.findall(pattern, SPECIFICATION, re.M | re.S)
        self.assertGreater(len(examples), 15)
        for what, name, text, meaning in examples:
            with self.subTest(f"{what} {name}"):
                data = bytes.fromhex(text)
                if what == "message":
                    (message,) = frames(data, ready=True)
                    kind, value = codec.KINDS[codec.KIND_OF[name]].type, message.value
                    self.assertEqual(codec.pack(name, value), data)
                else:
                    kind, reader = VALUES[name], codec.Reader(data)
                    value = kind.take(reader)
                    reader.end()
                    self.assertEqual(kind.put(value), data)
                self.assertEqual(kind.show(value), json.loads(meaning))

    def test_facts_of_networks(self):
        known = dict(facts())
        for name, rules in NETWORKS.items():
            with self.subTest(name):
                genesis = BITCOINS_GENESIS if name == "mainnet" else chains.hash_of(chains.genesis(rules).header)
                self.assertEqual(known[f"{name}: rules"], chains.rules_text(rules))
                self.assertEqual(known[f"{name}: rules encoded"], codec.Rules.put(rules).hex())
                self.assertEqual(known[f"{name}: genesis hash"], genesis[::-1].hex())
                self.assertEqual(known[f"{name}: network id"], chains.network_id(rules, genesis).hex())
                self.assertEqual(known[f"{name}: most seconds ahead"], str(chains.most_ahead(rules)))
        genesis = chains.genesis(chains.lab())
        self.assertEqual(known["lab: genesis block"], codec.Block.put(genesis).hex())
        self.assertEqual(known["lab: genesis coinbase id"], codec.HASH.show(chains.id_of(genesis.transactions[0])))

    def test_facts_of_targets(self):
        checked = 0
        for what, value in facts():
            if re.fullmatch("[0-9a-f]{8}", what):
                with self.subTest(what):
                    try:
                        target, work = chains.target_of(int(what, 16)), chains.work_of(int(what, 16))
                        found = f"{target:x}, work {work}"
                    except chains.Broken as broken:
                        found = broken.args[0]
                    self.assertEqual(found, value)
            elif what.endswith(" zero bits"):
                with self.subTest(what):
                    self.assertEqual(f"{chains.bits_of(2 ** (256 - int(what.split()[0])) - 1):08x}", value)
            else:
                continue
            checked += 1
        self.assertGreater(checked, 12)

    def test_facts_of_difficulty(self):
        checked = 0
        for what, value in facts():
            name, _, rest = what.partition(": ")
            if after := re.fullmatch(r"([0-9a-f]{8}) after (\d+) s", rest):
                with self.subTest(what):
                    rules = chains.lab(block_time=10) if name == "lab" else NETWORKS[name]
                    bits = chains.new_bits(rules, int(after[1], 16), int(after[2]))
                    self.assertEqual(f"{bits:08x}", value)
            elif rest == "new bits at":
                with self.subTest(what):
                    rules = chains.lab(block_time=10) if name == "lab" else NETWORKS[name]
                    windows = ((height, chains.window(rules, height)) for height in range(7000))
                    found = [f"{height} ({pair[0]} to {pair[1]})" for height, pair in windows if pair]
                    self.assertEqual(", ".join(found[:3]), value)
            else:
                continue
            checked += 1
        self.assertGreater(checked, 10)

    def test_facts_of_the_tree(self):
        known = dict(facts())
        self.assertEqual(known["tag"], chains.TAG.hex())
        content = codec.Variant("Content", codec.Content(7, b"hello"))
        self.assertEqual(known["content: id in order"], chains.id_of(content).hex())
        for numbers in ([1], [1, 2], [1, 2, 3], [1, 2, 3, 3]):
            root, mutated = chains.merkle_root([bytes([number]) * 32 for number in numbers])
            name = "root of " + " ".join(map(str, numbers))
            self.assertEqual(known[name], root.hex() + (", refused" if mutated else ""))

    def test_facts_of_signatures(self):
        known = dict(facts())
        secret, signed = (bytes.fromhex(known[name]) for name in ("secret key", "signed bytes"))
        self.assertEqual(known["public key"], ed25519.public(secret).hex())
        self.assertEqual(known["signature"], ed25519.sign(secret, signed).hex())


class Bitcoin(unittest.TestCase):
    def test_real_headers_keep_the_rules(self):
        """The first headers of Bitcoin's main chain, over several changes of its window (not of its bits)."""
        data = (ROOT / "tests/data/bitcoin-mainnet-headers.bin").read_bytes()
        headers = [codec.Header.take(codec.Reader(data[at : at + 80])) for at in range(0, len(data), 80)]
        chain = chains.Chain(chains.MAINNET)
        chain.headers, chain.hashes = headers[:1], [chains.hash_of(headers[0])]
        for header in headers[1:]:
            chain.add_header(header)
        self.assertEqual(chain.height, len(headers) - 1)
