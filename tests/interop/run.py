#!/usr/bin/env python3
"""A client written from docs/protocol.md alone, in Python's standard library, against the shipped node over real
sockets. It shares no line with the node: what both agree on is what the document says.

    tests/interop/run.py target/debug/p2pnode [--long] [-k PART_OF_A_NAME]

encoding.py: types · codec.py: messages and frames · chain.py: blocks and consensus · chainfile.py: a chain in a
file · ed25519.py: signatures · peer.py: a connection · program.py: the node that is tested · stage.py: an honest peer
beside hostile ones · test_*.py: what must hold. Prints a line for each case.
"""

import argparse
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True

import program  # noqa: E402


class Lines(unittest.TestResult):
    """One line for each case, why it failed below it."""

    def __init__(self):
        super().__init__()
        self.passed, self.failed, self.began, self.rows = 0, 0, 0.0, 0

    def startTest(self, test):
        super().startTest(test)
        self.began, self.rows = time.monotonic(), 0

    def line(self, test, why=None):
        self.passed += why is None
        self.failed += why is not None
        name = test.id().replace(".test_", ": ").replace("test_", "").replace("_", " ")
        print("ok    " if why is None else "FAILED", name, f"({time.monotonic() - self.began:.1f} s)", flush=True)
        if why is not None:
            print(self._exc_info_to_string(why, test), flush=True)

    def addSubTest(self, test, subtest, error):
        self.rows += 1
        self.line(subtest, error)

    def addSuccess(self, test):
        if self.rows == 0:
            self.line(test)

    def addFailure(self, test, error):
        self.line(test, error)

    def addError(self, test, error):
        self.line(test, error)

    def addSkip(self, test, reason):
        print("skipped", test.id(), "-", reason, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("binary", help="the p2pnode to test")
    parser.add_argument("--long", action="store_true", help="what takes half a minute, too")
    parser.add_argument("-k", metavar="PART", help="only cases with this in their names")
    flags = parser.parse_args()
    program.BINARY, program.LONG = str(pathlib.Path(flags.binary).resolve()), flags.long

    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{flags.k}*"] if flags.k else None
    result = Lines()
    loader.discover(str(pathlib.Path(__file__).parent)).run(result)
    print(f"{result.passed} passed, {result.failed} failed")
    return 0 if result.failed == 0 and result.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
