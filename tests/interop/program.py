"""The program under test: started on ports of its own, looked at over HTTP, stopped."""

import http.client
import json
import subprocess
import tempfile
import time
import unittest

import chain as chains
from peer import DEADLINE, Peer

BINARY = None  # set by run.py
LONG = False  # whether what takes half a minute is run, too


class Node:
    """A running p2pnode. It keeps nothing. Without rules the flags say which network it is of."""

    def __init__(self, rules, *flags):
        self.rules = rules
        network = ["--network", "regtest"] if rules else []
        if rules and rules.name == "lab":
            network = ["--difficulty", str(256 - chains.target_of(rules.start).bit_length())]
        if rules and rules.retarget:
            network += ["--block-time", str(rules.retarget.spacing)]
        self.log = tempfile.TemporaryFile("w+")
        command = [BINARY, "--listen", "127.0.0.1:0", "--http", "0", "--ephemeral", *network, *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        said = self._ready()
        host, port = said["P2P"].rsplit(":", 1)
        self.id, self.http, self.address = said["node"], said["HTTP"], (host, int(port))

    def _ready(self):
        """What a node says of itself when it is ready: a name and a value a line, HTTP last."""
        said = {}
        for line in self.process.stdout:
            name, _, value = line.strip().partition(" ")
            said[name] = value.strip()
            if name == "HTTP":
                return said
        self.log.seek(0)
        raise AssertionError(f"the node did not start: {self.log.read()}")

    # --- HTTP

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.http.removeprefix("http://"), timeout=DEADLINE)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        value = json.loads(answer.read())
        connection.close()
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: {answer.status} {value}")
        return value

    def get(self, path):
        return self.call("GET", path)

    def mine(self, count=1):
        for _ in range(count):
            self.get("/mine")

    def hashes(self):
        """The chain that people are told of."""
        return [bytes.fromhex(block["header"]["hash"])[::-1] for block in self.get("/chain")["chain"]]

    @property
    def tip(self):
        return bytes.fromhex(self.get("/node/id")["tip"])[::-1]

    def wait_for_tip(self, tip):
        """Waits until this is the tip that people are told of."""
        until = time.monotonic() + DEADLINE
        while self.tip != tip:
            if time.monotonic() > until:
                raise AssertionError("the node did not take the chain")

    # --- peers

    def dial(self, chain=None, **changes):
        return Peer.dial(self.address, chain or chains.Chain(self.rules), **changes)

    def connect(self):
        return Peer.connect(self.address, chains.Chain(self.rules))

    def register(self, address):
        return self.call("POST", "/nodes/register", {"nodes": ["0" * 32], "addresses": [address]})

    def memory(self):
        """Resident bytes, or None where that cannot be seen."""
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))
        except OSError:
            return None

    def stop(self):
        self.process.terminate()
        code = self.process.wait(DEADLINE)
        self.process.stdout.close()
        self.log.close()
        return code


class Case(unittest.TestCase):
    """A test with nodes, each of which must end well."""

    def node(self, rules=chains.REGTEST, *flags):
        node = Node(rules, *flags)
        self.addCleanup(lambda: self.assertEqual(node.stop(), 0, "the node did not end well"))
        return node
