"""A connection: the handshake, and what every node owes its peers (sections 2, 5, 6 and 7 of docs/protocol.md)."""

import os
import queue
import random
import socket
import struct
import threading
import time

import chain as chains
import codec
from encoding import Refused

DEADLINE = 30  # seconds; far more than any answer takes on a busy machine
SILENT = "closed without a word"
OPEN = "open"
STUCK = "neither closed nor answering"


class Closed(Exception):
    """The connection is over; `bye` is what the node said last, or None."""

    def __init__(self, bye=None):
        super().__init__(f"{bye.reason}: {bye.detail}" if bye else SILENT)
        self.bye = bye


def hello(rules, **changes):
    fields = dict(
        min_version=1,
        max_version=1,
        network=chains.network_id(rules),
        node=os.urandom(16),
        role="Node",
        listen_port=0,
        challenge=os.urandom(32),
        agent="interop/1",
        best_work=chains.work_of(rules.start).to_bytes(32, "little"),
        best_height=0,
        time=int(time.time() * 1000),
    )
    return codec.Hello(**{**fields, **changes})


class Peer:
    """One connection to a node. It has a chain and a pool, from which it answers what it is asked."""

    def __init__(self, sock, chain):
        self.sock, self.chain, self.pool = sock, chain, {}
        self.frames, self.inbox, self.lock = codec.Frames(), None, threading.Lock()
        self.asked = []  # every request that was answered
        self.ours = self.theirs = None  # the two Hellos
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(DEADLINE)

    # --- connecting

    @classmethod
    def connect(cls, address, chain):
        """A connection on which nothing was said yet."""
        return cls(socket.create_connection(address, DEADLINE), chain)

    @classmethod
    def dial(cls, address, chain, **changes):
        """A ready connection that we opened."""
        peer = cls.connect(address, chain)
        peer.greet(**changes)
        peer.take_hello()
        return peer

    @classmethod
    def accept(cls, listener, chain, **changes):
        """A ready connection that the node opened."""
        peer = cls(listener.accept()[0], chain)
        peer.take_hello()
        peer.greet(listen_port=listener.getsockname()[1], **changes)
        return peer

    def greet(self, **changes):
        work, height = self.chain.work.to_bytes(32, "little"), self.chain.height
        self.ours = hello(self.chain.rules, **{"best_work": work, "best_height": height, **changes})
        self.send("Hello", self.ours)

    def take_hello(self):
        message = self.receive()
        if message.name != "Hello":
            raise AssertionError(f"{message.name} came before Hello")
        self.theirs, self.frames.ready = message.value, True

    # --- messages

    def write(self, data):
        """Writes bytes. What the node no longer reads is no failure of ours: reading says why."""
        try:
            with self.lock:
                self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send(self, name, value):
        self.write(codec.pack(name, value))

    def receive(self, seconds=DEADLINE):
        """The next message. Raises Closed at the end and TimeoutError if none comes."""
        if self.inbox is not None:
            try:
                message = self.inbox.get(timeout=seconds)
            except queue.Empty:
                raise TimeoutError("nothing came") from None
            if isinstance(message, Exception):
                self.inbox.put(message)
                raise message.with_traceback(None)
            return message
        return self._read(seconds)

    def _read(self, seconds):
        until = time.monotonic() + seconds
        while True:
            found = self.frames.next()
            if found is not None and found[0] in codec.KINDS:
                message = codec.unpack(*found)
                if message.name == "Bye":
                    raise Closed(self._last(message.value))
                return message
            if found is None:
                self.frames.feed(self._some(until))

    def _some(self, until):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("nothing came")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionResetError:
            raise Closed() from None
        finally:
            self.sock.settimeout(DEADLINE)
        if not data:
            self.frames.end()
            raise Closed()
        return data

    def _last(self, bye):
        """Bye is the last message: nothing but the end may follow."""
        try:
            rest = self.sock.recv(1)
        except ConnectionResetError:
            rest = b""
        if rest or self.frames.buffer:
            raise AssertionError("something came after Bye")
        return bye

    # --- what a node owes its peers

    def serve(self, message):
        """Answers a request; says whether it was one."""
        name, value = message
        if name == "Ping":
            self.send("Pong", value)
        elif name == "GetPeers":
            self.send("Peers", [])
        elif name == "GetHeaders":
            self.send("Headers", self.chain.after(value.locator, value.stop))
        elif name == "GetBlocks":
            for block in filter(None, map(self.chain.blocks.get, value)):
                self.send("Block", block)
            lacking = [block for block in value if block not in self.chain.blocks]
            if lacking:
                self.send("NotFound", lacking)
        elif name == "GetTransactions":
            self.send("Transactions", [self.pool[name] for name in value if name in self.pool])
        else:
            return False
        self.asked.append(message)
        return True

    def until_any(self, *names, test=lambda value: True, seconds=DEADLINE):
        """The next message of one of these names. What is asked meanwhile is answered."""
        until = time.monotonic() + seconds
        while True:
            message = self.receive(until - time.monotonic())
            if message.name in names and test(message.value):
                return message
            self.serve(message)

    def until(self, name, test=lambda value: True, seconds=DEADLINE):
        """The value of the next message of this name."""
        return self.until_any(name, test=test, seconds=seconds).value

    def ask(self, request, value, answer):
        self.send(request, value)
        return self.until(answer)

    def ping(self, seconds=DEADLINE):
        nonce = random.getrandbits(64)
        self.send("Ping", codec.Ping(nonce))
        self.until("Pong", lambda pong: pong.nonce == nonce, seconds)

    def attend(self):
        """From now on requests are answered by a thread of their own."""
        inbox = queue.Queue()

        def run():
            try:
                while True:
                    message = self._read(3600)
                    if not self.serve(message):
                        inbox.put(message)
            except Exception as end:  # handed to whoever reads next
                inbox.put(end)

        self.inbox = inbox
        threading.Thread(target=run, daemon=True).start()
        return self

    # --- endings

    def fate(self, seconds=DEADLINE, ping=True):
        """What became of the connection: the reason of a Bye, SILENT, OPEN if it answers a Ping, or STUCK. Who is
        cut off because it reads nothing may be left with a part of a frame: SILENT, too."""
        try:
            if ping:
                self.ping(seconds)
                return OPEN
            self.until("nothing", seconds=seconds)
        except Closed as end:
            return end.bye.reason if end.bye else SILENT
        except Refused as why:
            if why.args[0] != "UnexpectedEof":
                raise
            return SILENT
        except TimeoutError:
            return STUCK

    def finish(self):
        """Says that nothing more will be sent."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        """Ends with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


def listen():
    """A socket for a node to dial, and its address as text."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(DEADLINE)
    return listener, "127.0.0.1:%d" % listener.getsockname()[1]


def sync(peer):
    """Fetches the node's whole chain by headers, then bodies, and checks everything. Returns it."""
    chain = chains.Chain(peer.chain.rules)
    while True:
        headers = peer.ask("GetHeaders", codec.GetHeaders(chain.locator(), None), "Headers")
        for header in headers:
            chain.add_header(header)
        if len(headers) < 2000:
            break
    wanted = chain.hashes[1:]
    for start in range(0, len(wanted), 16):
        names = wanted[start : start + 16]
        peer.send("GetBlocks", names)
        for name in names:
            block = peer.until("Block")
            if chains.hash_of(block.header) != name:
                raise AssertionError("another block came than was asked for")
            chain.add_body(block)
    return chain
