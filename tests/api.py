#!/usr/bin/env python3
"""Schemathesis holds a running node to its own specification: whatever it makes of openapi.json is answered
as that says, good requests and bad ones. Skipped with a line where Schemathesis cannot be installed.

    tests/api.py target/debug/p2pnode [SEED]
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv

# Another version has other checks.
SCHEMATHESIS = "schemathesis==4.32.5"
SECONDS_TO_INSTALL = 60
# It stops by itself after the first, and is stopped after the second.
SECONDS = 45
SECONDS_AT_MOST = 90


def install(folder):
    """The program, or why there is none."""
    try:
        venv.create(folder, with_pip=True)
        pip = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", SCHEMATHESIS]
        subprocess.run(pip, check=True, timeout=SECONDS_TO_INSTALL, capture_output=True)
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"{SCHEMATHESIS} cannot be installed: {error}"
    return folder / "bin" / "schemathesis", None


def start(program):
    """A node, and where its HTTP is."""
    flags = ["--ephemeral", "--network", "regtest", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    node = subprocess.Popen([program, *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in node.stdout:
        if line.startswith("HTTP"):
            return node, line.split()[1]
    sys.exit(f"error: {program} did not start")


def call(url, path, value=None):
    body = None if value is None else json.dumps(value).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, body), timeout=60) as response:
        return json.load(response)


def fill(url, other):
    """Blocks, contents, and a branch that lost."""
    call(url, "/api/v1/mine", {"content": "on the branch that loses", "count": 5})
    call(other, "/api/v1/mine", {"content": "on the branch that wins", "count": 8})
    call(url, "/chain/replace", call(other, "/chain"))
    for n in range(8):
        call(url, "/api/v1/transactions", {"content": f"content {n}"})
    call(url, "/api/v1/mine", {})
    for n in range(4):
        call(url, "/api/v1/transactions", {"base64": "AP8="})


def main(program, seed):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        schemathesis, why_not = install(folder / "venv")
        if why_not:
            print(f"skipped: {why_not}")
            return 0
        running = []
        try:
            node, url = start(program)
            running.append(node)
            other, other_url = start(program)
            running.append(other)
            fill(url, other_url)
            command = [schemathesis, "run", f"{url}/api/v1/openapi.json", "--max-time", str(SECONDS)]
            # The first answers without end, the second would dial strangers; src/rest/tests/api has them.
            for operation in ("getEvents", "addPeer"):
                command += ["--exclude-operation-id", operation]
            command += ["--seed", str(seed), "--request-timeout", "20"]
            print(f"seed {seed}", flush=True)
            began = time.monotonic()
            ended = subprocess.run(command, cwd=folder, timeout=SECONDS_AT_MOST).returncode
            call(url, "/api/v1/healthz")
            if node.poll() is not None:
                sys.exit("error: the node ended")
            print(f"schemathesis ended with {ended} after {time.monotonic() - began:.0f} s")
            return ended
        finally:
            for node in running:
                node.terminate()
                node.wait(timeout=20)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else random.randrange(1 << 32)))
