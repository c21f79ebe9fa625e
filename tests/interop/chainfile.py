"""A chain in a file: section 14 of docs/protocol.md."""

from collections import namedtuple

import chain as chains
import codec
from encoding import U64, Reader, Refused, Struct

MAGIC = b"p2pnode chain 1\n"
MAX_RULES_BYTES = 256

File = namedtuple("File", "rules blocks")


def put(file):
    records = [codec.Rules.put(file.rules), *map(codec.Block.put, file.blocks), b""]
    data = MAGIC + b"".join(len(record).to_bytes(4, "big") + record for record in records)
    data += U64.put(len(file.blocks))
    return data + chains.sha256(data)


def take(reader):
    """Reads a file to its end; whether its blocks keep the rules is another question."""
    if reader.take(len(MAGIC)) != MAGIC:
        raise Refused("NoSuchValue")
    rules, blocks = record(reader, codec.Rules, MAX_RULES_BYTES), []
    while (block := record(reader, codec.Block, chains.MAX_BLOCK_BYTES)) is not None:
        blocks.append(block)
    checked = reader.data[: reader.at + 8]
    if U64.take(reader) != len(blocks) or reader.take(32) != chains.sha256(checked):
        raise Refused("NoSuchValue")
    return File(rules, blocks)


def record(reader, kind, most):
    """A value with its length before it, or None for a length of zero."""
    length = int.from_bytes(reader.take(4), "big")
    if length > most:
        raise Refused("TooMany")
    if length == 0:
        return None
    inner = Reader(reader.take(length))
    value = kind.take(inner)
    inner.end()
    return value


def show(file):
    return Struct("File", rules=codec.Rules, blocks=codec.List(codec.Block, 1 << 32)).show(file)
