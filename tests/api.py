#!/usr/bin/env python3
"""Schemathesis holds a running node and a running manager to their own specifications: whatever it makes of
openapi.json is answered as that says, good requests and bad ones. Skipped with a line where Schemathesis
cannot be installed. The manager is the networkmngr beside the p2pnode that is named.

    tests/api.py target/debug/p2pnode [SEED]
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import venv

# Another version has other checks.
SCHEMATHESIS = "schemathesis==4.32.5"
SECONDS_TO_INSTALL = 60
# It stops by itself after the first, and is stopped after the second.
SECONDS = 45
SECONDS_AT_MOST = 90


# What a full pool and a mining call's own timeout are answered with is in order; 500 never is.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503, 504]

# Groups that share a node, or leave nobody for another one, are no partition; a schema cannot say so.
[[operations]]
include-operation-id = "partition"

[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 404]
"""

# Of the node, the first answers without end, the second would dial strangers; src/rest/tests/api has them.
NODE_WITHOUT = ("getEvents", "addPeer")

# Of the manager, the first two may answer without end; the next would end the run, or leave nobody to answer,
# or start a thousand processes, or run whatever a lesson does; the last two would slow down whatever comes after. tests/cluster has them all.
MANAGER_WITHOUT = (
    *("getEvents", "getLogs"),
    *("shutDown", "restart", "runStep", "killNode", "stopNode", "pauseNode", "resumeNode", "restartNode", "addNodes"),
    *("setMining", "setLink"),
)


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


def start_manager(program, folder):
    """A network of three, and where its HTTP is."""
    flags = ["-a", "3", "-p", "0", "--base-http", "0", "--base-listen", "0", "--difficulty", "8", "--ephemeral"]
    command = [program, *flags, "--data-dir", folder]
    manager = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if "up in" not in manager.stdout.readline():
        sys.exit(f"error: {program} did not start")
    # Nobody reads the rest of what it says to people.
    threading.Thread(target=lambda: [None for _ in manager.stdout], daemon=True).start()
    return manager, "http://" + json.loads((folder / "network.json").read_text())["manager"]["http"]


def call(url, path, value=None):
    body = None if value is None else json.dumps(value).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, body), timeout=60) as response:
        return json.load(response)


def fill(url, other):
    """Blocks, contents, and a branch that lost."""
    call(url, "/api/v1/mine", {"content": "on the branch that loses", "count": 5})
    call(other, "/api/v1/mine", {"content": "on the branch that wins", "count": 8})
    call(url, "/chain/replace", call(other, "/chain"))
    call(url, "/api/v1/peers", {"address": call(other, "/node/id")["address"]})
    for n in range(8):
        call(url, "/api/v1/transactions", {"content": f"content {n}"})
    call(url, "/api/v1/mine", {})
    for n in range(4):
        call(url, "/api/v1/transactions", {"base64": "AP8="})


def fill_network(url):
    """Blocks, and a fork that was healed."""
    call(url, "/api/v1/mine", {"content": "before", "count": 3})
    call(url, "/api/v1/partition", {"halves": True})
    call(url, "/api/v1/mine", {"node": 0, "count": 1})
    call(url, "/api/v1/mine", {"node": 2, "count": 2})
    call(url, "/api/v1/heal", {})
    call(url, "/api/v1/transactions", {"content": "waits"})


def hold(schemathesis, folder, url, without, seed):
    """Holds what is at `url` to its specification; what Schemathesis ended with."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [schemathesis, "--config-file", config, "run", f"{url}/api/v1/openapi.json"]
    command += ["--max-time", str(SECONDS), "--seed", str(seed), "--request-timeout", "20"]
    for operation in without:
        command += ["--exclude-operation-id", operation]
    began = time.monotonic()
    ended = subprocess.run(command, cwd=folder, timeout=SECONDS_AT_MOST).returncode
    call(url, "/api/v1/healthz")
    print(f"schemathesis ended with {ended} after {time.monotonic() - began:.0f} s", flush=True)
    return ended


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
            manager, manager_url = start_manager(pathlib.Path(program).with_name("networkmngr"), folder / "network")
            running.append(manager)
            fill_network(manager_url)
            print(f"seed {seed}", flush=True)
            ended = hold(schemathesis, folder, url, NODE_WITHOUT, seed)
            ended = hold(schemathesis, folder, manager_url, MANAGER_WITHOUT, seed) or ended
            if any(one.poll() is not None for one in running):
                sys.exit("error: one of them ended")
            return ended
        finally:
            for node in running:
                node.terminate()
                node.wait(timeout=20)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else random.randrange(1 << 32)))
