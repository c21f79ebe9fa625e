"""Types, messages and frames: sections 1 to 4 and 8.2 of docs/protocol.md, as a table of what is what.

A value is a plain one of Python: int, bool, bytes, str, list, None, a named tuple for a struct, a text for a
variant without fields and a `Variant` for one with. `show` gives the form that values have in the document's
JSON (1.2).
"""

from collections import namedtuple


class Refused(Exception):
    """Bytes that must be refused. The first argument is one of the names of section 1.3."""


class Reader:
    """Bytes and how far they are read."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        end = self.at + count
        if end > len(self.data):
            raise Refused("Truncated")
        taken = bytes(self.data[self.at : end])
        self.at = end
        return taken

    def count(self, most):
        count = int.from_bytes(self.take(8), "little")
        if count > most:
            raise Refused("TooMany")
        return count

    def end(self):
        if self.at != len(self.data):
            raise Refused("TrailingBytes")


# --- types: each has put (value to bytes), take (reader to value) and show (value to JSON)


class Int:
    def __init__(self, size, show=lambda value: value):
        self.size, self.show = size, show

    def put(self, value):
        return value.to_bytes(self.size, "little")

    def take(self, reader):
        return int.from_bytes(reader.take(self.size), "little")


class Array:
    """[u8; N]."""

    def __init__(self, size, show=bytes.hex):
        self.size, self.show = size, show

    def put(self, value):
        assert len(value) == self.size
        return bytes(value)

    def take(self, reader):
        return reader.take(self.size)


class Bytes:
    def __init__(self, most):
        self.most, self.show = most, bytes.hex

    def put(self, value):
        return U64.put(len(value)) + value

    def take(self, reader):
        return reader.take(reader.count(self.most))


class Text:
    def __init__(self, most):
        self.most, self.show = most, str

    def put(self, value):
        data = value.encode()
        return U64.put(len(data)) + data

    def take(self, reader):
        data = reader.take(reader.count(self.most))
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Refused("NoSuchValue") from None


class Bool:
    show = staticmethod(bool)

    @staticmethod
    def put(value):
        return b"\1" if value else b"\0"

    @staticmethod
    def take(reader):
        flag = reader.take(1)[0]
        if flag > 1:
            raise Refused("NoSuchValue")
        return flag == 1


class List:
    def __init__(self, item, most):
        self.item, self.most = item, most

    def put(self, values):
        return U64.put(len(values)) + b"".join(map(self.item.put, values))

    def take(self, reader):
        return [self.item.take(reader) for _ in range(reader.count(self.most))]

    def show(self, values):
        return [self.item.show(value) for value in values]


class Option:
    def __init__(self, item):
        self.item = item

    def put(self, value):
        return b"\0" if value is None else b"\1" + self.item.put(value)

    def take(self, reader):
        return self.item.take(reader) if Bool.take(reader) else None

    def show(self, value):
        return None if value is None else self.item.show(value)


class Struct:
    """Called with its fields it makes a value, a named tuple."""

    def __init__(self, name, /, **fields):
        self.fields, self.make = fields, namedtuple(name, fields)

    def __call__(self, *values, **named):
        return self.make(*values, **named)

    def put(self, value):
        return b"".join(kind.put(field) for kind, field in zip(self.fields.values(), value))

    def take(self, reader):
        return self.make(*[kind.take(reader) for kind in self.fields.values()])

    def show(self, value):
        return {name: kind.show(field) for (name, kind), field in zip(self.fields.items(), value)}


Variant = namedtuple("Variant", "name value")


class Enum:
    """Variants in the order of their tags: (name, type), or (name, None) for one without fields."""

    def __init__(self, *variants):
        self.variants = variants
        self.tags = {name: tag for tag, (name, _) in enumerate(variants)}

    def put(self, value):
        name = value if isinstance(value, str) else value.name
        tag = self.tags[name]
        kind = self.variants[tag][1]
        return U32.put(tag) + (b"" if kind is None else kind.put(value.value))

    def take(self, reader):
        tag = U32.take(reader)
        if tag >= len(self.variants):
            raise Refused("NoSuchValue")
        name, kind = self.variants[tag]
        return name if kind is None else Variant(name, kind.take(reader))

    def show(self, value):
        if isinstance(value, str):
            return value
        return {value.name: self.variants[self.tags[value.name]][1].show(value.value)}


def show_address(value):
    address, port = value.value
    if value.name == "V4":
        return ".".join(map(str, address)) + f":{port}"
    import ipaddress

    return f"[{ipaddress.IPv6Address(address)}]:{port}"


U8, U16, U32 = Int(1), Int(2), Int(4)
U64 = Int(8, str)
BITS = Int(4, "{:08x}".format)
HASH = Array(32, lambda value: value[::-1].hex())
ID16, ID32 = Array(16), Array(32)
SOCKET_ADDRESS = Enum(
    ("V4", Struct("V4", address=Array(4), port=U16)), ("V6", Struct("V6", address=Array(16), port=U16))
)
SOCKET_ADDRESS.show = show_address


def units(*names):
    return Enum(*[(name, None) for name in names])


# --- blocks and rules (sections 9 and 10)

Header = Struct("Header", version=U32, previous=HASH, merkle_root=HASH, time=U32, bits=BITS, nonce=U32)
Coinbase = Struct("Coinbase", height=U64, miner=ID16, extra_nonce=U64, note=Text(100))
Content = Struct("Content", nonce=U64, data=Bytes(65536))
TRANSACTION = Enum(("Coinbase", Coinbase), ("Content", Content))
Block = Struct("Block", header=Header, transactions=List(TRANSACTION, 50000))
Retarget = Struct("Retarget", interval=U32, spacing=U32, window=units("WholeGaps", "OffByOne"))
Rules = Struct("Rules", name=Text(32), start=BITS, limit=BITS, retarget=Option(Retarget))

# --- messages (section 4)

Hello = Struct(
    "Hello",
    min_version=U16,
    max_version=U16,
    network=ID32,
    node=ID16,
    role=units("Node", "Manager"),
    listen_port=U16,
    challenge=ID32,
    agent=Text(64),
    best_work=ID32,
    best_height=U64,
    time=U64,
)
REASON = units(
    "ShuttingDown",
    "WrongNetwork",
    "BadVersion",
    "SelfConnection",
    "Duplicate",
    "TooManyPeers",
    "Timeout",
    "Misbehaviour",
    "NotAuthorised",
    "Requested",
)
Bye = Struct("Bye", reason=REASON, detail=Text(200), rules=Option(Rules))
Ping = Struct("Ping", nonce=U64)
GetHeaders = Struct("GetHeaders", locator=List(HASH, 64), stop=Option(HASH))
Manage = Struct("Manage", sequence=U64, command=Bytes(131072), signature=Array(64))
Status = Struct("Status", height=U64, tip=HASH, peers=U32, pool=U32, hashrate=U64)
Mined = Struct("Mined", hash=HASH, height=U64, nonce=U32, tries=U64, millis=U64)
OUTCOME = Enum(("Done", None), ("Status", Status), ("Mined", Mined), ("Submitted", HASH), ("Failed", Text(200)))
Report = Struct("Report", sequence=U64, outcome=OUTCOME)
PeerEvent = Struct("PeerEvent", node=ID16)
TipChanged = Struct("TipChanged", tip=HASH, height=U64, reverted=U32)
EVENT = Enum(("PeerReady", PeerEvent), ("PeerGone", PeerEvent), ("TipChanged", TipChanged))

# --- commands (section 8.2)

Introduction = Struct("Introduction", node=Option(ID16), address=SOCKET_ADDRESS, dial=Bool)
COMMAND = Enum(
    ("Register", List(Introduction, 1000)),
    ("Status", None),
    ("Mine", Struct("Mine", content=Option(Bytes(65536)))),
    ("SetMining", Struct("SetMining", hashrate=U64)),
    ("Submit", Struct("Submit", content=Bytes(65536))),
    ("Subscribe", None),
    ("Shutdown", None),
)

# --- kinds (section 3)

Kind = namedtuple("Kind", "name cap type")
HASHES_16, HASHES_1000 = List(HASH, 16), List(HASH, 1000)
KINDS = {
    0x00: Kind("Hello", 1024, Hello),
    0x01: Kind("Bye", 1024, Bye),
    0x02: Kind("Ping", 9, Ping),
    0x03: Kind("Pong", 9, Ping),
    0x06: Kind("GetHeaders", 2090, GetHeaders),
    0x07: Kind("Headers", 160009, List(Header, 2000)),
    0x08: Kind("GetBlocks", 521, HASHES_16),
    0x09: Kind("Block", 1000064, Block),
    0x0A: Kind("NotFound", 521, HASHES_16),
    0x0B: Kind("NewBlock", 65600, Enum(("Push", Block), ("Announce", Header))),
    0x0E: Kind("HaveTransactions", 32009, HASHES_1000),
    0x0F: Kind("GetTransactions", 32009, HASHES_1000),
    0x10: Kind("Transactions", 1000009, List(TRANSACTION, 1000)),
    0x40: Kind("Manage", 132096, Manage),
    0x41: Kind("Report", 4096, Report),
    0x42: Kind("Event", 4096, EVENT),
}
KIND_OF = {kind.name: number for number, kind in KINDS.items()}
HANDSHAKE_CAP, UNKNOWN_CAP = 1024, 65536
GREATEST_CAP = max(kind.cap for kind in KINDS.values())

Message = namedtuple("Message", "name value")

# --- frames (section 2)


def frame(kind, body):
    return (1 + len(body)).to_bytes(4, "big") + bytes([kind]) + body


def pack(name, value):
    """A message as a frame."""
    kind = KIND_OF[name]
    return frame(kind, KINDS[kind].type.put(value))


def unpack(kind, body):
    """The message that a frame of a known kind holds, exactly."""
    reader = Reader(body)
    value = KINDS[kind].type.take(reader)
    reader.end()
    return Message(KINDS[kind].name, value)


class Frames:
    """Takes the bytes of one direction apart into frames, and refuses what is too long from its first bytes."""

    def __init__(self, ready=False):
        self.ready, self.buffer = ready, bytearray()

    def feed(self, data):
        self.buffer += data

    def next(self):
        """The next frame as (kind, body), or None while it is not whole."""
        if len(self.buffer) < 4:
            return None
        length = int.from_bytes(self.buffer[:4], "big")
        if length == 0:
            raise Refused("EmptyFrame")
        if length > (GREATEST_CAP if self.ready else HANDSHAKE_CAP):
            raise Refused("FrameTooLarge")
        if len(self.buffer) < 5:
            return None
        kind = self.buffer[4]
        cap = KINDS[kind].cap if kind in KINDS else UNKNOWN_CAP
        if length > (cap if self.ready else min(cap, HANDSHAKE_CAP)):
            raise Refused("FrameTooLarge")
        if len(self.buffer) < 4 + length:
            return None
        body = bytes(self.buffer[5 : 4 + length])
        del self.buffer[: 4 + length]
        return kind, body

    def end(self):
        """The stream has ended: between two frames, or inside one."""
        if self.buffer:
            raise Refused("UnexpectedEof")
