"""What a chain is: sections 9 to 11 of docs/protocol.md. Hashes, targets, networks, and a chain that takes a
block only if it keeps every rule of consensus."""

import hashlib
import random
import time

import codec

MAX_BLOCK_BYTES = 1_000_000
MEDIAN_TIME_SPAN = 11
MAX_FUTURE_SECS, MIN_FUTURE_SECS = 7200, 15
ZERO = bytes(32)


class Broken(Exception):
    """A rule of section 11 that does not hold."""


# --- hashes (9.1, 9.3, 9.4)


def sha256(data):
    return hashlib.sha256(data).digest()


def sha256d(data):
    return sha256(sha256(data))


def hash_of(header):
    return sha256d(codec.Header.put(header))


TAG = sha256(b"p2pnode/tx")


def id_of(transaction):
    return sha256(TAG + TAG + codec.TRANSACTION.put(transaction))


def levels(ids):
    """The levels of the Merkle tree, from the ids up."""
    level = list(ids)
    yield level
    while len(level) > 1:
        level = [sha256d(level[i] + level[min(i + 1, len(level) - 1)]) for i in range(0, len(level), 2)]
        yield level


def merkle_root(ids):
    """The root, and whether the list has a repeated tail."""
    root, mutated = ZERO, False
    for level in levels(ids):
        pairs = zip(level[::2], level[1::2])
        mutated = mutated or any(left == right for left, right in pairs)
        root = level[0] if level else ZERO
    return root, mutated


def branch(ids, index):
    """What proves that the transaction with this index is in the tree: a sibling of each level."""
    siblings = []
    for level in list(levels(ids))[:-1]:
        siblings.append(level[min(index ^ 1, len(level) - 1)])
        index //= 2
    return siblings


def climb(leaf, index, siblings):
    """The root that a branch proves."""
    for sibling in siblings:
        leaf = sha256d(sibling + leaf if index & 1 else leaf + sibling)
        index //= 2
    return leaf


# --- targets (11.1)


def target_of(bits):
    size, mantissa = bits >> 24, bits & 0x7FFFFF
    target = mantissa << 8 * (size - 3) if size >= 3 else mantissa >> 8 * (3 - size)
    if target == 0:
        raise Broken("Zero")
    if bits & 0x800000:
        raise Broken("Negative")
    if target >> 256:
        raise Broken("Overflow")
    return target


def bits_of(target):
    size = (target.bit_length() + 7) // 8
    mantissa = target >> 8 * (size - 3) if size >= 3 else target << 8 * (3 - size)
    if mantissa & 0x800000:
        mantissa, size = mantissa >> 8, size + 1
    return size << 24 | mantissa


def work_of(bits):
    return 2**256 // (target_of(bits) + 1)


def meets(header):
    return int.from_bytes(hash_of(header), "little") <= target_of(header.bits)


# --- networks (section 10)


def lab(difficulty=20, block_time=None):
    start = bits_of(2 ** (256 - difficulty) - 1)
    if block_time is None:
        return codec.Rules("lab", start, start, None)
    limit = bits_of(2 ** (256 - min(difficulty, 8)) - 1)
    return codec.Rules("lab", start, limit, codec.Retarget(20, block_time, "WholeGaps"))


REGTEST = codec.Rules("regtest", 0x207FFFFF, 0x207FFFFF, None)
MAINNET = codec.Rules("mainnet", 0x1D00FFFF, 0x1D00FFFF, codec.Retarget(2016, 600, "OffByOne"))


def rules_text(rules):
    text = f"{rules.name} start={rules.start:08x} limit={rules.limit:08x}"
    return text if rules.retarget is None else f"{text} block-time={rules.retarget.spacing}s"


def genesis(rules):
    coinbase = codec.Variant("Coinbase", codec.Coinbase(0, bytes(16), 0, rules_text(rules)))
    header = codec.Header(1, ZERO, id_of(coinbase), 1231006505, rules.start, 0)
    return codec.Block(header, [coinbase])


def network_id(rules, genesis_hash=None):
    return sha256(b"p2pnode/network" + codec.Rules.put(rules) + (genesis_hash or hash_of(genesis(rules).header)))


def most_ahead(rules):
    """Seconds that a block may be ahead of the receiver's clock (11.3)."""
    if rules.retarget is None or rules.retarget.window != "WholeGaps":
        return MAX_FUTURE_SECS
    return max(MIN_FUTURE_SECS, min(MAX_FUTURE_SECS, rules.retarget.interval * rules.retarget.spacing // 10))


def window(rules, height):
    """The heights whose times are compared for new bits at this height, or None if it keeps its parent's."""
    if rules.retarget is None:
        return None
    interval = rules.retarget.interval
    if rules.retarget.window == "WholeGaps":
        changes = height >= interval + 2 and (height - 2) % interval == 0
        return (height - interval - 1, height - 1) if changes else None
    return (height - interval, height - 1) if height >= interval and height % interval == 0 else None


def new_bits(rules, parent_bits, seconds):
    """The bits after a window that took so many seconds (11.2)."""
    wanted = rules.retarget.interval * rules.retarget.spacing
    actual = min(max(seconds, 0, wanted // 4), 4 * wanted)
    return bits_of(min(target_of(parent_bits) * actual // wanted, target_of(rules.limit)))


# --- a chain (section 11)


class Chain:
    """One chain from genesis to a tip: headers, and of those that have come, bodies."""

    def __init__(self, rules):
        first = genesis(rules)
        self.rules, self.headers, self.hashes = rules, [first.header], [hash_of(first.header)]
        self.blocks = {self.hashes[0]: first}
        self.work = work_of(rules.start)

    def fork(self, height):
        """The same chain up to a height, to be continued otherwise."""
        other = Chain(self.rules)
        other.headers, other.hashes = self.headers[: height + 1], self.hashes[: height + 1]
        other.blocks = {name: self.blocks[name] for name in other.hashes}
        other.work = sum(work_of(header.bits) for header in other.headers)
        return other

    @property
    def height(self):
        return len(self.headers) - 1

    @property
    def tip(self):
        return self.hashes[-1]

    def due_bits(self):
        """The bits of the next block."""
        if self.rules.retarget is None:
            return self.rules.start
        compared = window(self.rules, self.height + 1)
        if compared is None:
            return self.headers[-1].bits
        first, last = compared
        return new_bits(self.rules, self.headers[-1].bits, self.headers[last].time - self.headers[first].time)

    def earliest(self):
        """The least time that the next block may have."""
        times = sorted(header.time for header in self.headers[-MEDIAN_TIME_SPAN:])
        return times[len(times) // 2] + (self.rules.retarget is not None)

    def check_header(self, header, now):
        if header.previous != self.tip:
            raise Broken("it is not a child of the tip")
        if target_of(header.bits) > target_of(self.rules.limit) or not meets(header):
            raise Broken("its proof of work")
        if header.bits != self.due_bits():
            raise Broken("its bits")
        if header.time < self.earliest():
            raise Broken("its time is too old")
        if header.time > now + most_ahead(self.rules):
            raise Broken("its time is too far ahead")

    def add_header(self, header, now=None):
        self.check_header(header, time.time() if now is None else now)
        self.headers.append(header)
        self.hashes.append(hash_of(header))
        self.work += work_of(header.bits)

    def add_body(self, block):
        """Takes the body of a header that is here already."""
        name = hash_of(block.header)
        height = self.hashes.index(name)
        ids = [id_of(transaction) for transaction in block.transactions]
        root, mutated = merkle_root(ids)
        if root != block.header.merkle_root or mutated:
            raise Broken("its Merkle root")
        if len(codec.Block.put(block)) > MAX_BLOCK_BYTES:
            raise Broken("its size")
        if [transaction.name for transaction in block.transactions].index("Coinbase") != 0:
            raise Broken("its first transaction is no Coinbase")
        if any(transaction.name == "Coinbase" for transaction in block.transactions[1:]):
            raise Broken("it has two Coinbases")
        if len(set(ids)) != len(ids):
            raise Broken("a transaction occurs twice")
        if block.transactions[0].value.height != height:
            raise Broken("its Coinbase names another height")
        self.blocks[name] = block

    def add(self, block, now=None):
        self.add_header(block.header, now)
        self.add_body(block)
        return block

    # --- section 6

    def locator(self):
        """Ten hashes from the end back, then steps that double, and genesis."""
        found, height, step = [], self.height, 1
        while height > 0:
            found.append(self.hashes[height])
            step = step * 2 if len(found) >= 10 else 1
            height -= step
        return found + [self.hashes[0]]

    def after(self, locator, stop=None, most=2000):
        """The headers that answer a GetHeaders."""
        first = next((self.hashes.index(name) for name in locator if name in self.blocks), 0) + 1
        last = self.hashes.index(stop) if stop in self.blocks else self.height
        return self.headers[first : min(last + 1, first + most)]

    # --- mining

    def make(self, contents=(), seconds=None, note="interop", coinbase=True, **header):
        """A block for the tip that keeps all rules, but for what is given otherwise. It is not added."""
        transactions = list(contents)
        if coinbase:
            mint = codec.Coinbase(self.height + 1, b"interop client..", random.getrandbits(64), note)
            transactions.insert(0, codec.Variant("Coinbase", mint))
        return self.seal(transactions, seconds, **header)

    def seal(self, transactions, seconds=None, good=True, **changes):
        """A block of these transactions whose hash meets its target, or with good=False does not."""
        root, _ = merkle_root([id_of(transaction) for transaction in transactions])
        seconds = max(int(time.time()), self.earliest()) if seconds is None else seconds
        header = codec.Header(1, self.tip, root, seconds, self.due_bits(), 0)._replace(**changes)
        return codec.Block(seal(header, good), transactions)

    def grow(self, count, note="interop", seconds=None):
        """Mines so many blocks; `seconds` is a function from height to time."""
        for _ in range(count):
            height = self.height + 1
            self.add(self.make(note=note, seconds=seconds and seconds(height)))
        return self


def seal(header, good=True):
    """Searches a nonce with which the hash meets the header's target (or does not)."""
    front = codec.Header.put(header)[:76]
    try:
        target = target_of(header.bits)
    except Broken:
        return header
    middle = hashlib.sha256(front)
    for nonce in range(2**32):
        inner = middle.copy()
        inner.update(nonce.to_bytes(4, "little"))
        if (int.from_bytes(sha256(inner.digest()), "little") <= target) == good:
            return header._replace(nonce=nonce)
    raise Broken("no nonce is good")
