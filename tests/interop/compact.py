"""Compact blocks (sections 4.10 and 7.1): short ids, and a block put together from a pool."""

import hashlib

import chain as chains
import codec

MASK = (1 << 64) - 1


def siphash(key, data):
    """SipHash-2-4 of `data`, as a number of 64 bits."""
    low, high = (int.from_bytes(key[at : at + 8], "little") for at in (0, 8))
    v = [0x736F6D6570736575 ^ low, 0x646F72616E646F6D ^ high, 0x6C7967656E657261 ^ low, 0x7465646279746573 ^ high]

    def turn(value, by):
        return (value << by | value >> 64 - by) & MASK

    def rounds(count):
        for _ in range(count):
            v[0], v[2] = v[0] + v[1] & MASK, v[2] + v[3] & MASK
            v[1], v[3] = turn(v[1], 13) ^ v[0], turn(v[3], 16) ^ v[2]
            v[0] = turn(v[0], 32)
            v[2], v[0] = v[2] + v[1] & MASK, v[0] + v[3] & MASK
            v[1], v[3] = turn(v[1], 17) ^ v[2], turn(v[3], 21) ^ v[0]
            v[2] = turn(v[2], 32)

    whole = len(data) // 8 * 8
    words = [data[at : at + 8] for at in range(0, whole, 8)]
    words.append(data[whole:].ljust(7, b"\0") + bytes([len(data) & 0xFF]))
    for word in words:
        word = int.from_bytes(word, "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def short_id(header, nonce, name):
    """What stands for the transaction `name` in the compact block of `header` and `nonce`."""
    key = hashlib.sha256(codec.Header.put(header) + nonce.to_bytes(8, "little")).digest()[:16]
    return siphash(key, name).to_bytes(8, "little")[:6]


def shorten(block, nonce):
    """A block as it is told in short."""
    names = [chains.id_of(transaction) for transaction in block.transactions[1:]]
    short_ids = [short_id(block.header, nonce, name) for name in names]
    return codec.CompactBlock(block.header, nonce, block.transactions[0], short_ids)


def rebuild(compact, pool):
    """The block, of transactions by their ids; None in the place of what is missing."""
    known = {short_id(compact.header, compact.nonce, name): transaction for name, transaction in pool.items()}
    return codec.Block(compact.header, [compact.coinbase] + [known.get(name) for name in compact.short_ids])
