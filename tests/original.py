#!/usr/bin/env python3
"""A script as one would have written it for the Python original of this project: `0.0.0.0` URLs, bodies that
are JSON inside a JSON string (what `requests.post(url, json=json.dumps(obj))` sends), its keys and its texts.
It must drive a network unchanged. Standard library only.

    tests/original.py target/debug/networkmngr
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HOST = "http://0.0.0.0"


def get(port, path):
    with urllib.request.urlopen(f"{HOST}:{port}{path}", timeout=300) as response:
        return response.status, json.load(response)


def post(port, path, value):
    body = json.dumps(json.dumps(value)).encode()  # double-encoded, as the original's clients did
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{HOST}:{port}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def start(program, *flags):
    """Starts a program and waits for the line that shows it is up."""
    process = subprocess.Popen([program, *flags], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "Ctrl-C" in line:
            return process
    sys.exit(f"error: {program} {flags} did not start")


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"error: {what}")
        time.sleep(0.05)


def main(manager):
    node = manager.replace("networkmngr", "p2pnode")
    folder = tempfile.mkdtemp()
    running = []
    try:
        # A network of three, and a node that stands alone, to be registered by hand.
        flags = ["--difficulty", "12"]
        running.append(start(manager, "-p", "4999", "-a", "3", "--data-dir", folder, *flags))
        alone = ["--listen", "127.0.0.1:6050", "--http", "5050", "--log", f"{folder}/alone.log"]
        alone += ["--data-dir", f"{folder}/alone", *flags]
        running.append(start(node, *alone))

        ids, addresses = [], []
        for port in (5000, 5001, 5002):
            status, me = get(port, "/node/id")
            assert status == 200 and set(me) >= {"node", "address", "nodes"}, me
            assert len(me["node"]) == 32 and len(me["nodes"]) == 2 and me["node"] not in me["nodes"], me
            ids.append(me["node"])
            addresses.append(me["address"])

        status, chain = get(5000, "/chain")
        assert status == 200 and chain["length"] == 1 and len(chain["chain"]) == 1, chain
        assert chain["chain"][0]["header"]["index"] == 1, chain
        assert chain["chain"][0]["assembly instruction"] is None, chain

        assert get(5000, "/mine") == (200, "Mined")
        assert get(5000, "/block/new") == (200, "Notified")
        wait_for("the block did not spread", lambda: get(5002, "/chain")[1]["length"] == 2)

        status, answer = post(5050, "/nodes/register", {"nodes": ids, "addresses": addresses})
        assert status == 201 and answer["message"] == "New nodes have been added", answer
        assert set(answer["total_nodes"]) == set(ids), answer
        wait_for("the newcomer did not catch up", lambda: get(5050, "/chain")[1]["length"] == 2)
        status, answer = post(5050, "/nodes/register", {"addresses": addresses})
        assert status == 400 and answer["detail"] == "Error: Please supply a valid list of nodes", answer

        # Two nodes that never met: the longer chain replaces the shorter one, and not the other way round.
        other = ["--listen", "127.0.0.1:6051", "--http", "5051", "--log", f"{folder}/other.log"]
        other += ["--data-dir", f"{folder}/other", *flags]
        running.append(start(node, *other))
        assert get(5051, "/mine") == (200, "Mined")
        assert get(5000, "/mine") == (200, "Mined")
        _, longer = get(5000, "/chain")
        _, shorter = get(5051, "/chain")
        assert post(5000, "/chain/replace", shorter["chain"])[0] == 409
        tampered = json.loads(json.dumps(longer))
        tampered["chain"][1]["header"]["timestamp"] += 1
        assert post(5051, "/chain/replace", tampered["chain"])[0] == 422
        assert get(5051, "/chain")[1] == shorter
        assert post(5051, "/chain/replace", longer["chain"]) == (201, "Chain replaced")
        assert get(5051, "/chain")[1] == longer

        status, answer = get(4999, "/start/mining")
        assert status == 200 and answer["message"] == "Mining requests sent" and answer["requests"] == 3, answer
        assert all(get(port, "/chain")[1]["length"] == 6 for port in (5000, 5001, 5002))

        assert get(5050, "/shutdown") == (200, "Server shutting down...")
        assert get(5051, "/shutdown") == (200, "Server shutting down...")
        assert get(4999, "/shutdown/all") == (200, "Servers will be shut down...")
        for process in running:
            code = process.wait(timeout=30)
            assert code == 0, f"{process.args} ended with {code}"
        running = []
        print("a script written for the original drives a network unchanged")
    finally:
        for process in running:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
