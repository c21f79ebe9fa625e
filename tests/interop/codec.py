"""Messages and frames: sections 2 to 4, 8.2, 9 and 10.1 of docs/protocol.md, as tables of what is what."""

from collections import namedtuple

from encoding import (
    BITS,
    HASH,
    I64,
    ID16,
    ID32,
    SOCKET_ADDRESS,
    U16,
    U32,
    U64,
    Array,
    Bool,
    Bytes,
    Enum,
    List,
    Nothing,
    Option,
    Reader,
    Refused,
    Struct,
    Text,
    Variant,
    units,
)

__all__ = ["Reader", "Refused", "Variant"]  # of encoding, for those who use values

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
    "Cut",
)
Bye = Struct("Bye", reason=REASON, detail=Text(200), rules=Option(Rules))
Ping = Struct("Ping", nonce=U64)
GetHeaders = Struct("GetHeaders", locator=List(HASH, 64), stop=Option(HASH))
CompactBlock = Struct(
    "CompactBlock", header=Header, nonce=U64, coinbase=TRANSACTION, short_ids=List(Array(6), 50000)
)
GetBlockTransactions = Struct("GetBlockTransactions", block=HASH, places=List(U16, 50000))
BlockTransactions = Struct("BlockTransactions", block=HASH, transactions=List(TRANSACTION, 50000))
Manage = Struct("Manage", sequence=U64, command=Bytes(131072), signature=Array(64))
Status = Struct(
    "Status",
    height=U64,
    tip=HASH,
    peers=U32,
    pool=U32,
    hashrate=U64,
    pool_bytes=U64,
    hashes=U64,
    uptime=U64,
    memory_height=U64,
    memory_tip=HASH,
)
Mined = Struct("Mined", hash=HASH, height=U64, nonce=U32, tries=U64, micros=U64)
OUTCOME = Enum(("Done", None), ("Status", Status), ("Mined", Mined), ("Submitted", HASH), ("Failed", Text(200)))
Report = Struct("Report", sequence=U64, outcome=OUTCOME)
Place = Struct("Place", hash=HASH, height=U64)
Ids = Struct("Ids", first=List(HASH, 16), count=U32)
TipChanged = Struct("TipChanged", tip=HASH, height=U64, work=ID32, reverted=U32)
BlockSeen = Struct(
    "BlockSeen",
    hash=HASH,
    previous=HASH,
    height=U64,
    time=U32,
    bits=BITS,
    work=ID32,
    transactions=U32,
    bytes=U32,
    origin=units("Mined", "Pushed", "Compact", "Requested", "Imported", "Loaded"),
    from_=Option(ID16),
    miner=ID16,
    content=Text(80),
)
BlockRefused = Struct(
    "BlockRefused",
    hash=HASH,
    previous=HASH,
    height=Option(U64),
    rule=Text(40),
    why=Text(200),
    from_=Option(ID16),
)
WHAT = Enum(
    ("PeerReady", Struct("PeerReady", node=ID16, outbound=Bool)),
    ("PeerGone", Struct("PeerGone", node=ID16, why=Text(200))),
    ("TipChanged", TipChanged),
    ("BlockSeen", BlockSeen),
    ("BlockMined", Struct("BlockMined", hash=HASH, height=U64, tries=U64)),
    ("BlockRefused", BlockRefused),
    ("Reorg", Struct("Reorg", old=Place, new=Place, ancestor=Place, depth=U32, returned=Ids)),
    ("PoolChanged", Struct("PoolChanged", count=U32, bytes=U64, came=Ids, went=Ids)),
    ("MiningSet", Struct("MiningSet", hashrate=U64)),
    ("MiningPaused", Struct("MiningPaused", until=U64)),
    ("FaultsSet", Struct("FaultsSet", cut=U32, slow=U32)),
    ("StoreFailed", Struct("StoreFailed", why=Text(200))),
    ("Clock", Struct("Clock", offset=I64, peers=U32, is_off=Bool)),
)
Event = Struct("Event", at=U64, what=WHAT)


def what(name, *fields):
    """Something that happened."""
    return Variant(name, dict(WHAT.variants)[name](*fields))


def address(port, host=bytes([127, 0, 0, 1])):
    """An IPv4 address."""
    return Variant("V4", dict(SOCKET_ADDRESS.variants)["V4"](host, port))


# --- commands (section 8.2)

Introduction = Struct("Introduction", node=Option(ID16), address=SOCKET_ADDRESS, dial=Bool)
Fault = Struct("Fault", node=ID16, cut=Bool, latency_micros=U32, jitter_micros=U32, loss_ppm=U32)
COMMAND = Enum(
    ("Register", List(Introduction, 1000)),
    ("Status", None),
    ("Mine", Struct("Mine", content=Option(Bytes(65536)))),
    ("SetMining", Struct("SetMining", hashrate=U64)),
    ("Submit", Struct("Submit", content=Bytes(65536))),
    ("Subscribe", None),
    ("Shutdown", None),
    ("SetFaults", Struct("SetFaults", faults=List(Fault, 1000))),
    ("Forget", Struct("Forget", nodes=List(ID16, 1000))),
    ("CancelMining", Struct("CancelMining", sequence=U64)),
)

# --- kinds (section 3)

Kind = namedtuple("Kind", "name cap type")
HASHES_16, HASHES_1000 = List(HASH, 16), List(HASH, 1000)
KINDS = {
    0x00: Kind("Hello", 1024, Hello),
    0x01: Kind("Bye", 1024, Bye),
    0x02: Kind("Ping", 9, Ping),
    0x03: Kind("Pong", 9, Ping),
    0x04: Kind("GetPeers", 1, Nothing),
    0x05: Kind("Peers", 2825, List(SOCKET_ADDRESS, 128)),
    0x06: Kind("GetHeaders", 2090, GetHeaders),
    0x07: Kind("Headers", 160009, List(Header, 2000)),
    0x08: Kind("GetBlocks", 521, HASHES_16),
    0x09: Kind("Block", 1000064, Block),
    0x0A: Kind("NotFound", 521, HASHES_16),
    0x0B: Kind("NewBlock", 300239, Enum(("Push", Block), ("Announce", Header), ("Compact", CompactBlock))),
    0x0C: Kind("GetBlockTransactions", 100041, GetBlockTransactions),
    0x0D: Kind("BlockTransactions", 1000064, BlockTransactions),
    0x0E: Kind("HaveTransactions", 32009, HASHES_1000),
    0x0F: Kind("GetTransactions", 32009, HASHES_1000),
    0x10: Kind("Transactions", 1000009, List(TRANSACTION, 1000)),
    0x40: Kind("Manage", 132096, Manage),
    0x41: Kind("Report", 4096, Report),
    0x42: Kind("Event", 4096, Event),
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
