#!/usr/bin/env python3
"""How long an honest peer waits for a pong while others send a node junk as fast as it takes it:
benches/junk.py target/release/p2pnode [SECONDS]

Two processes flood: one with well-framed messages of a kind that nobody knows, 64 KiB each, one with blocks
without proof of work, a mebibyte each; closed for it, they call again at once. A third measures."""

import multiprocessing
import pathlib
import socket
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "interop"))
import chain as chains  # noqa: E402
import codec  # noqa: E402
import peer  # noqa: E402
import program  # noqa: E402

UNKNOWN = (64 * 1024).to_bytes(4, "big") + b"\x7f" * (64 * 1024)
BLOCK = (1 << 20).to_bytes(4, "big") + bytes([codec.KIND_OF["Block"]]) + bytes((1 << 20) - 1)


def flood(address, junk, stop, sent):
    """Says hello and sends junk until it is closed, again and again."""
    while not stop.is_set():
        try:
            sock = socket.create_connection(address, 5)
            sock.sendall(codec.pack("Hello", peer.hello(chains.REGTEST)))
            while not stop.is_set():
                sock.sendall(junk)
                with sent.get_lock():
                    sent.value += len(junk)
        except OSError:
            continue


def main():
    program.BINARY, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 10
    node = program.Node(chains.REGTEST)
    honest, stop, sent = node.dial(), multiprocessing.Event(), multiprocessing.Value("Q")
    floods = [multiprocessing.Process(target=flood, args=(node.address, junk, stop, sent)) for junk in (UNKNOWN, BLOCK)]
    for process in floods:
        process.start()
    waits, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)  # ten pings a second are borne
        asked = time.perf_counter()
        honest.ping()
        waits.append((time.perf_counter() - asked) * 1000)
    stop.set()
    node.stop()
    for process in floods:
        process.join()
    print(f"{len(waits)} pongs while {sent.value >> 20} MiB of junk were sent: median {statistics.median(waits):.1f} ms, "
          f"slowest {max(waits):.1f} ms")


main()
