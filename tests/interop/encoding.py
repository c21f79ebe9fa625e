"""Types and their one encoding: section 1 of docs/protocol.md.

A value is a plain one of Python: int, bool, bytes, str, list, None, a named tuple for a struct, a text for a
variant without fields and a `Variant` for one with. `show` gives the form that values have in the document's
JSON (1.2).
"""

import ipaddress
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
    def __init__(self, size, show=lambda value: value, signed=False):
        self.size, self.show, self.signed = size, show, signed

    def put(self, value):
        return value.to_bytes(self.size, "little", signed=self.signed)

    def take(self, reader):
        return int.from_bytes(reader.take(self.size), "little", signed=self.signed)


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


class Nothing:
    """A message without fields."""

    show = staticmethod(lambda value: None)

    @staticmethod
    def put(value):
        return b""

    @staticmethod
    def take(reader):
        return None


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
    """Called with its fields it makes a value, a named tuple. A name that Python keeps for itself ends in _."""

    def __init__(self, name, /, **fields):
        self.fields, self.make = fields, namedtuple(name, fields)

    def __call__(self, *values, **named):
        return self.make(*values, **named)

    def put(self, value):
        return b"".join(kind.put(field) for kind, field in zip(self.fields.values(), value))

    def take(self, reader):
        return self.make(*[kind.take(reader) for kind in self.fields.values()])

    def show(self, value):
        return {name.rstrip("_"): kind.show(field) for (name, kind), field in zip(self.fields.items(), value)}


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
    return f"[{ipaddress.IPv6Address(address)}]:{port}"


U8, U16, U32 = Int(1), Int(2), Int(4)
U64, I64 = Int(8, str), Int(8, str, signed=True)
BITS = Int(4, "{:08x}".format)
HASH = Array(32, lambda value: value[::-1].hex())
ID16, ID32 = Array(16), Array(32)
SOCKET_ADDRESS = Enum(
    ("V4", Struct("V4", address=Array(4), port=U16)), ("V6", Struct("V6", address=Array(16), port=U16))
)
SOCKET_ADDRESS.show = show_address


def units(*names):
    return Enum(*[(name, None) for name in names])
