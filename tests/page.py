#!/usr/bin/env python3
"""The page, in a real browser, against a real network of six nodes: it is cut with a line drawn around three of them,
both halves mine, it heals, and what is drawn is looked at on the way. Standard library and Chromium only.

    tests/page.py target/debug/networkmngr [--shots FOLDER] [--measure] [--long BLOCKS]

--shots keeps a picture of each state. --measure plays a recording of 64 nodes with 2,000 blocks in view and fails below
fifty frames a second. --long leaves a tab open while so many blocks are mined: it must not grow without bound.
"""

import argparse
import base64
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import chromium

DEADLINE = 60  # seconds; far more than anything here takes on a busy machine
FRAMES = 50  # a second, with --measure
# What a tab may have after many blocks, however many.
MAX_ELEMENTS = 6000
MAX_EVENTS = 8192 + 1024
MAX_HEAP = 160 << 20

# Where to press for a selector, in its middle or that of a part; until the end of it, the mouse reaches that alone.
AIM = """(selector, part) => {
  const wanted = document.querySelector(selector);
  const place = part ? wanted?.querySelector(part) : wanted;
  if (!place) return null;
  let [hit, held, clicked] = [null, false, false];
  const watch = event => {
    if (event.type === "pointerdown") hit = event.target.closest(selector);
    if (!hit) event.stopImmediatePropagation();
    // What takes hold of the mouse, to draw with it, hears of its clicks itself.
    else if (event.type === "gotpointercapture") held = true;
    else if (event.type === "click") clicked ||= hit.isConnected && (held || hit.contains(event.target));
  };
  const kinds = ["pointerdown", "gotpointercapture", "mousedown", "pointerup", "mouseup", "click"];
  for (const kind of kinds) addEventListener(kind, watch, true);
  window.aim = {end: () => {
    for (const kind of kinds) removeEventListener(kind, watch, true);
    return clicked;
  }};
  wanted.scrollIntoView({block: "nearest"});
  const {x, y, width, height} = place.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
}"""


class Browser:
    """Chromium, spoken to over a pipe in its DevTools protocol; one page."""

    def __init__(self, program, folder):
        (there, self.out), (back, there_back) = os.pipe(), os.pipe()
        # Where the browser looks for them is 3 and 4; first out of the way.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (there, there_back)]
        started = chromium.command(program, f"{folder}/profile", "--hide-scrollbars", "--enable-precise-memory-info",
                                   "--remote-debugging-pipe")
        command = ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "browser", *started]
        with open(f"{folder}/browser.log", "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=ends)
        for fd in (there, there_back, *ends):
            os.close(fd)
        self.back, self.last, self.answers, self.events = back, 0, {}, []
        self.heard = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
        self.size(1440, 900)

    def listen(self):
        waiting = b""
        while data := os.read(self.back, 1 << 16):
            *messages, waiting = (waiting + data).split(b"\0")
            with self.heard:
                for message in map(json.loads, messages):
                    if "id" in message:
                        self.answers[message["id"]] = message
                    else:
                        self.events.append(message)
                self.heard.notify_all()

    def call(self, method, **params):
        self.last += 1
        number, session = self.last, {"sessionId": self.session} if self.session else {}
        data = json.dumps({"id": number, "method": method, "params": params, **session}).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        with self.heard:
            assert self.heard.wait_for(lambda: number in self.answers, DEADLINE), f"{method}: no answer"
            answer = self.answers.pop(number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def js(self, code):
        answer = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ValueError(answer["exceptionDetails"]["exception"].get("description"))
        return answer["result"].get("value")

    def until(self, code, why=""):
        """Waits until the page says so."""
        end, said = time.monotonic() + DEADLINE, None
        while time.monotonic() < end:
            try:
                if said := self.js(f"!!({code})"):
                    return
            except ValueError as error:  # as long as it loads
                said = error
            time.sleep(0.03)
        raise AssertionError(f"{why or code}: {said!r}; {self.complaints()}; the page says {self.js('document.body.innerText')[:2000]}")

    def text(self, selector):
        return self.js(f"document.querySelector({json.dumps(selector)})?.textContent")

    def press(self, selector, part=None):
        """A click on what is there. A page moves as it loads and as news come in: where something else came under the
        mouse, that does not hear of it, and the click is made again."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            self.until(f"document.querySelector({json.dumps(selector)})", f"there is {selector}")
            if box := self.js(f"({AIM})({json.dumps(selector)}, {json.dumps(part)})"):
                self.mouse([box])
                if self.js("aim.end()"):
                    return
            time.sleep(0.03)
        raise AssertionError(f"{selector} was never under the mouse")

    def mouse(self, points):
        """Draws through the points with the button held."""
        def send(kind, point, **more):
            self.call("Input.dispatchMouseEvent", type=kind, x=point[0], y=point[1], button="left", **more)
        send("mousePressed", points[0], clickCount=1)
        for (ax, ay), (bx, by) in zip(points, points[1:]):
            for step in range(1, 6):
                send("mouseMoved", (ax + (bx - ax) * step / 5, ay + (by - ay) * step / 5), buttons=1)
        send("mouseReleased", points[-1], clickCount=1)

    def key(self, key):
        text = {"text": "\r"} if key == "Enter" else {}
        code = {"ArrowDown": 40, "Enter": 13}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text if kind == "keyDown" else {})

    def type(self, selector, words):
        self.js(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=words)

    def size(self, width, height, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def prefer(self, **features):
        named = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=named)

    def open(self, url):
        self.call("Page.navigate", url=url)

    def open_file(self, selector, path):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[path])

    def shoot(self, folder, name):
        if folder:
            picture = self.call("Page.captureScreenshot", format="png")["data"]
            with open(f"{folder}/{name}.png", "wb") as file:
                file.write(base64.b64decode(picture))

    def complaints(self, since=0):
        """Whatever the console shows as wrong."""
        found = []
        for event in self.events[since:]:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                found.append(details.get("exception", {}).get("description") or details["text"])
            if event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                found.append(json.dumps(params["args"]))
            if event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                said = f"{params['entry']['text']} {params['entry'].get('url', '')}"
                # A node that is asked for a message need not have heard of it.
                if not ("404" in said and "/transactions/" in said):
                    found.append(said)
        return found

    def asked(self, since):
        """Every address that was asked for."""
        requests = [event for event in self.events[since:] if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in requests]

    def close(self):
        self.process.terminate()
        self.process.wait(DEADLINE)


class Network:
    """A manager and its nodes."""

    def __init__(self, program, folder, *flags):
        self.program = program
        command = [program, "-p", "0", "--ephemeral", "--data-dir", f"{folder}/network", "--base-http", "0", "--base-listen", "0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
        said = ""
        for line in self.process.stdout:
            said += line
            if found := re.search(r"curl http://([0-9.:]+)/nodes", line):
                self.base = f"http://{found[1]}/"
                break
        else:
            raise AssertionError(f"the network did not start: {said}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def call(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.base + path, data, method=method), timeout=DEADLINE) as answer:
            return json.load(answer)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE)


class Cable:
    """Between the browser and a server: it can be cut."""

    def __init__(self, to):
        self.to, self.ends, self.port = to, [], 0
        self.join()

    def join(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        try:
            while True:
                near, far = listener.accept()[0], socket.create_connection(("127.0.0.1", self.to))
                self.ends += near, far
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=chromium.copy, args=pair, daemon=True).start()
        except OSError:
            pass  # it was cut

    def cut(self):
        for end in (self.listener, *self.ends):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self.ends = []


WORD = "document.querySelector('#word').textContent"
WHERE = """Object.fromEntries([...document.querySelectorAll('[data-block]')].map(e => [e.dataset.block, ['x', 'y'].map(at => e.querySelector('rect').getAttribute(at)).join(' ')]))"""
DISCS = "[...document.querySelectorAll('[data-node].node')].map(e => [e.querySelector('.letter').textContent, e.querySelector('.tip').textContent, /c\\d/.exec(e.getAttribute('class'))?.[0]])"
HEIGHT = "document.querySelector('[data-tile=height] .value').textContent"
HOSTILE = "<img src=x onerror=\"document.title='hostile'\"><script>document.title='hostile'</script>"


# Of three nodes one is away while a block is on its way: how many it is said to have reached, after how many milliseconds.
AWAY = """import('./app/model.js').then(({apply, empty}) => {
  const [state, hash] = [empty(), "01"];
  const nodes = [0, 1, 2].map(node => ({node, state: "running", tip: "00", height: 0, hashrate: 0, peers: []}));
  const links = [[0, 1], [0, 2]].map(([a, b]) => ({a, b, up: true, cut: false}));
  const block = (node, time) => ({type: "block", node, time, hash, previous: "00", height: 1, from: null, origin: "pushed"});
  const life = (state, time) => ({type: "node", node: 2, state, time});
  const tree = {blocks: [{hash: "00", previous: "", height: 0, seen: 0, held_by: [0, 1, 2]}]};
  for (const event of [{type: "snapshot", kind: "network", time: 0, tree, network: {rules: {id: "1"}, nodes, links}},
    block(0, 1), life("paused", 2), life("running", 8), block(2, 9), block(1, 10)]) apply(state, event);
  return [state.blocks.get(hash).over, state.blocks.get(hash).spread];
})"""


# What the page says of networks of nodes in a line: (links that are cut, nodes that do not run, heights of tips, what the
# manager says), as `verdict.rs` has it.
VERDICTS = """rows => import('./app/model.js').then(({apply, empty, verdict}) => rows.map(([cuts, away, heights, condition]) => {
  const state = empty();
  const nodes = heights.map((height, node) => ({node, height, state: away.includes(node) ? "ended" : "running", tip: `0${height}`, hashrate: 0, peers: []}));
  const links = heights.slice(1).map((_, a) => ({a, b: a + 1, up: true, cut: cuts.includes(a)}));
  // Block 9 is beside block 1, the rest one chain.
  const blocks = [0, 1, 2, 9].map(at => ({hash: `0${at}`, previous: at ? at === 9 ? "00" : `0${at - 1}` : "", height: at % 8, seen: 1, work: `${at % 8 + 1}`, held_by: []}));
  apply(state, {type: "snapshot", kind: "network", time: 2, tree: {blocks: blocks.sort((a, b) => a.height - b.height)},
    network: {events: {run: 1}, rules: {id: "1", expected_hashes: 1}, nodes, links,
      mining: {mode: "interval", interval: 1}, partition: cuts.length ? [[0], [1]] : null, verdict: {condition}}});
  // Of another network, or of nodes that are not here: left alone.
  for (const run of [2, 1]) apply(state, {type: "figures", run, nodes: [], links: [{a: 0, b: 77, up: true, cut: false}]});
  return [verdict(state)[1], /^\\d groups/.exec(verdict(state)[2])?.[0], state.links.size];
}))"""
VERDICT_ROWS = [
    ([], [], [1, 1, 1], "in-sync", "In sync", None),
    ([], [], [1, 2, 1], "syncing", "Catching up", None),
    ([], [], [2, 2, 9], "forked", "Forked", None),
    ([0], [], [2, 2, 9], "forked", "Forked", None),
    ([0], [], [2, 1, 1], "partitioned", "Partitioned", "2 groups"),
    ([], [2], [2, 1, 1, 1, 1], "partitioned", "Partitioned", "2 groups"),
    ([1], [0, 1], [1, 1, 1, 1], "in-sync", "In sync", None),
    ([], [], [1, 1], "stalled", "Stalled", None),
    ([], [0, 1], [1, 1], "down", "Down", None),
]


def is_word(word):
    return f"{WORD} === {json.dumps(word)}"


def strangers(browser, since, *own):
    """Who was asked, and is none of its own."""
    own = ("about:", *own, *(f"blob:{base}" for base in own))
    return [url for url in browser.asked(since) if not url.startswith(own)]


def quiet(browser, since, *own):
    """Nothing went wrong but that a network was away for a moment, and nobody else was asked."""
    foreign = strangers(browser, since, *own)
    assert not foreign, foreign
    wrong = [text for text in browser.complaints(since) if "net::ERR_" not in text and "503" not in text]
    assert not wrong, wrong
    del browser.events[since:]


def tell(what):
    print(f"{time.monotonic() - BEGUN:5.1f} s  {what}", flush=True)


def first_sight(browser, network, shots):
    browser.open(network.base)
    browser.until(is_word("In sync"))
    discs = browser.js(DISCS)
    assert [disc[0] for disc in sorted(discs)] == list("ABCDEF"), discs
    assert browser.text("[data-tile] .value") == "6" and browser.text("#mine").endswith("Mine a block")
    browser.press("#mine")
    browser.until("document.querySelectorAll('[data-block]').length === 2", "a block was mined")
    browser.until(f"new Set({DISCS}.map(disc => disc[1])).size === 1", "all have it")
    said = browser.js(f"({VERDICTS})({json.dumps([row[:4] for row in VERDICT_ROWS])})")
    assert said == [[word, groups, len(heights) - 1] for _, _, heights, _, word, groups in VERDICT_ROWS], said
    tell("opened: six nodes in sync, and a block by one press")
    browser.shoot(shots, "sync")


def fork(browser, network, shots):
    # A line around D, E and F, wherever they are.
    boxes = browser.js("['3','4','5'].map(n => { const b = document.querySelector(`.node[data-node='${n}'] .disc`).getBoundingClientRect();"
                       " return [b.left, b.top, b.right, b.bottom] })")
    left, top, right, bottom = (f(box[at] for box in boxes) for f, at in ((min, 0), (min, 1), (max, 2), (max, 3)))
    margin = 18
    corners = [(left - margin, top - margin), (right + margin, top - margin), (right + margin, bottom + margin), (left - margin, bottom + margin)]
    browser.mouse([*corners, corners[0]])
    browser.until("document.querySelector('#lasso-bar').textContent.includes('Cut D, E and F off from A, B and C?')")
    covers = "(bar => bar.top < document.querySelector('#network').getBoundingClientRect().bottom)(document.querySelector('#lasso-bar').getBoundingClientRect())"
    assert not browser.js(covers), "what is to be pressed is not covered"
    browser.press("#do-cut")
    browser.until("document.querySelectorAll('.link.cut').length === 9", "nine links are drawn as cut")
    browser.until(is_word("Partitioned"))
    network.call("api/v1/mine", {"node": 4, "count": 2, "content": "paid in full"})
    browser.press(".node[data-node='1']")
    browser.until("document.querySelector('#card h2').textContent === 'Node B'")
    for count in range(3):
        browser.until("!document.querySelector('#mine-here[aria-busy]')")
        browser.press("#mine-here")
        browser.until(f"document.querySelectorAll('[data-block]').length === {5 + count}", "B mined a block")
    browser.until("document.querySelector('.log').textContent.length > 0", "its log is shown")
    browser.shoot(shots, "node")
    browser.key("Escape")
    browser.until(is_word("Forked"))
    browser.until("document.querySelector('#why').textContent.includes('2 tips, 3 to 3')")
    browser.until(f"new Set({DISCS}.map(disc => disc[1])).size === 2")
    discs = browser.js(DISCS)
    colours = {disc[0]: disc[2] for disc in discs}
    assert colours["A"] == colours["B"] == colours["C"] != colours["D"] == colours["E"] == colours["F"], discs
    browser.until("document.querySelectorAll('.block.stale').length === 2", "the branch with less work is hollow")
    lanes = {place.split()[1] for place in browser.js(WHERE).values()}
    assert len(lanes) == 2, lanes
    time.sleep(1)  # for the picture: letters have come to rest
    browser.shoot(shots, "fork")
    tell("cut by a drawn line: two branches, two colours")


def heal(browser, network, shots):
    before = browser.js(WHERE)
    chip = browser.js("document.querySelector(\"[data-chip='3']\").style.transform")
    browser.press("#heal")
    browser.until(is_word("In sync"))
    browser.until("document.querySelector('#reorg').textContent.startsWith('Nodes D, E and F gave up 2 blocks for 3: the other branch had more work.')",
                  "the sentence says who gave up what")
    browser.until("document.querySelector('#reorg').textContent.includes('1 message went back to the pool')")
    after = browser.js(WHERE)
    assert {hash: after[hash] for hash in before} == before, "a drawn block never moves"
    browser.until(f"document.querySelector(\"[data-chip='3']\").style.transform !== {json.dumps(chip)}", "letters jump lanes")
    browser.until("document.querySelectorAll('.link.up').length === 15 && !document.querySelector('.link.cut')")
    browser.until(f"new Set({DISCS}.map(disc => disc[2])).size === 1", "one colour")
    time.sleep(1)  # for the picture
    browser.shoot(shots, "heal")
    browser.press("#mine")
    browser.until("[...document.querySelectorAll('.block.best title')].some(e => e.textContent.includes('paid in full'))", "it is mined again")
    tell("healed: the sentence, letters that jumped, blocks that stayed")


def forks(browser, network, shots):
    """However often it forks, every tip is in sight, the tree does not drift away, and no loss is left untold."""
    inside = """(() => { const room = document.querySelector('#tree').getBoundingClientRect();
      const chips = [...document.querySelectorAll('#chips [data-chip] circle')];
      return chips.length === 6 && chips.every(e => {
        const b = e.getBoundingClientRect(); return b.top >= room.top && b.bottom <= room.bottom }) })()"""
    for turn in range(4):
        network.call("api/v1/partition", {"groups": [[0, 1], [2, 3], [4, 5]]})
        for count, node in enumerate((0, 2, 4)):
            network.call("api/v1/mine", {"node": (node + 2 * turn) % 6, "count": count + 2})
        browser.until(f"new Set({DISCS}.map(disc => disc[1])).size === 3")
        browser.until(inside, "every branch is in sight")
        if turn == 0:
            browser.shoot(shots, "forks")
        before = browser.js(WHERE)
        network.call("api/v1/heal", {})
        browser.until(is_word("In sync"))
        losers = [name for at, name in enumerate("ABCDEF") if at // 2 != (2 + turn) % 3]
        browser.until(f"(e => /gave up 3 blocks for 4/.test(e) && {json.dumps(losers)}.every(name => new RegExp(`\\\\b${{name}}\\\\b`).test(e)))"
                      "(document.querySelector('#reorg').textContent)", "who lost is named")
        after = browser.js(WHERE)
        assert all(after[hash] == at for hash, at in before.items() if hash in after), "a drawn block never moves"
        assert len({place.split()[1] for place in after.values()}) <= 5, after
        network.call("api/v1/mine", {"count": 2})
    tell("three branches, four times: all in sight, and who gave up what")


def message(browser, network, shots):
    browser.type("#message", HOSTILE[:200])
    browser.press("#send button")
    browser.until("document.querySelector('#journeys li .stage')?.textContent.startsWith('waits in 6 pools')")
    for depth in range(1, 7):
        network.call("api/v1/mine", {})
        browser.until(f"document.querySelector('#journeys li').dataset.depth === '{depth}'", f"{depth} confirmations")
    browser.until("document.querySelector('#journeys .stage').textContent.includes('six confirmations')")
    assert browser.js("!document.querySelector('main img, main script, #journeys img') && document.title !== 'hostile'")
    tell("a message, from the pool to six confirmations; markup in it is text")


def cards(browser, network, shots):
    browser.js("document.querySelector('#tree').focus()")
    browser.key("End")
    for _ in range(5):
        browser.key("ArrowLeft")
    browser.key("Enter")
    browser.until("document.querySelector('#hash-again')", "a block's card by keyboard")
    assert browser.js("document.querySelectorAll('#card .header span').length") == 6
    assert len(browser.js("document.querySelector('#card .header').textContent")) == 160
    browser.press("#hash-again")
    browser.until("document.querySelector('#card .result.good')?.textContent.includes('computed by this browser')")
    browser.until("document.querySelectorAll('#card .arrivals li').length === 6", "when each node had it")
    browser.shoot(shots, "block")
    browser.press("#tamper")
    browser.until("document.querySelectorAll('.chainlets .good').length === 6")
    browser.type("#tampered", "!")
    browser.until("document.querySelector('.chainlets [data-rule=BadMerkleRoot]')")
    browser.press("#repair")
    browser.until("document.querySelector('.chainlets [data-rule=BadPow]') && document.querySelector('.chainlets [data-rule=Unlinked]')")
    browser.shoot(shots, "tamper")
    # Each found again, on top of the one before; the page goes on meanwhile.
    for done in range(1, 7):
        browser.until("document.querySelector('#mine-again')")
        browser.press("#mine-again")
        browser.until(f"document.querySelectorAll('.chainlets [data-again].good').length === {done}", f"{done} blocks are mined again")
    browser.until("!document.querySelector('.chainlets [data-rule]')", "no rule is broken")
    browser.until("document.querySelector('#card .result').textContent.includes('Still no peer takes them')")
    browser.shoot(shots, "mined-again")
    browser.key("Escape")
    browser.until("document.querySelector('#card').hidden")
    tell("a block: hashed again; tampered with: the rules it breaks")


def broken(browser, network):
    """A stream that breaks misses nothing."""
    since = len(browser.events)
    cable = Cable(int(network.base.rstrip("/").rpartition(":")[2]))
    browser.open(f"http://127.0.0.1:{cable.port}/")
    browser.until(is_word("In sync"))
    tall = int(browser.js("document.querySelectorAll('.tile .value')[1].textContent"))
    cable.cut()
    browser.until("document.body.hasAttribute('data-lost')", "the page knows that it has no connection")
    browser.until(is_word("Nobody answers"), "so does who looks at it")
    network.call("api/v1/mine", {"count": 3})
    cable.join()
    browser.until(is_word("In sync"))
    browser.until("!document.body.hasAttribute('data-lost')", "it comes back by itself")
    network.call("api/v1/mine", {})
    browser.until(f"document.querySelectorAll('.tile .value')[1].textContent === '{tall + 4}'", "what was missed is there")
    told = browser.js("[...document.querySelectorAll('#story p')].filter(e => /found block/.test(e.textContent)).map(e => +/block (\\d+)/.exec(e.textContent)[1])")
    assert set(range(tall + 1, tall + 5)) <= set(told), told
    browser.open(network.base)
    browser.until(is_word("In sync"))
    cable.cut()
    quiet(browser, since, network.base, f"http://127.0.0.1:{cable.port}/")
    tell("a stream that broke missed nothing")


def refused(browser, network):
    """What is changed in a block, without new work, is drawn as refused, with the rule."""
    lie = subprocess.run([network.program, "tamper", "B", "1", "it never was", "--to", "C", "--manager", network.base], capture_output=True, text=True)
    assert lie.returncode == 1 and "BadMerkleRoot" in lie.stderr, lie
    browser.until("document.querySelector('.block.refused .cross')", "a refused block is crossed out")
    browser.until("[...document.querySelectorAll('.block.refused title')].some(e => e.textContent.includes('refused: BadMerkleRoot'))")
    browser.until("[...document.querySelectorAll('#story p')].some(e => /^Node C refused block .*: it breaks the rule BadMerkleRoot/.test(e.textContent))")
    assert browser.js("document.querySelectorAll('.block.best').length") > 1, "the block that was lied about stands as before"
    browser.press(".block.refused", "rect")
    browser.until("document.querySelector('#card .bad')?.textContent.startsWith('Refused. BadMerkleRoot')")
    browser.key("Escape")
    tell("a refused block, with the rule it broke")


def links(browser, network, shots):
    def slide(control, share):
        browser.js(f"(() => {{ const e = document.querySelector('#{control}'); e.value = {share}; for (const type of ['input', 'change']) e.dispatchEvent(new Event(type)) }})()")
    browser.press("[data-link='0-1']", ".broad")
    browser.until("document.querySelector('#card h2').textContent === 'Link A – B'")
    browser.until("/A → B\\d+/.test(document.querySelector('#card .facts').textContent)", "what went over it so far")
    slide("latency_ms", 50)
    browser.until("document.querySelector(\"[data-link='0-1'].slow .latency\")?.textContent.startsWith('500 ms')", "a slow link says so")
    slide("loss", 50)
    browser.until("document.querySelector(\"[data-link='0-1'] .latency\").textContent === '500 ms, 13 % lost'")
    browser.shoot(shots, "link")
    browser.press("#fast-link")
    browser.until("!document.querySelector('.link.slow')")
    browser.press("#cut-link")
    browser.until("document.querySelector(\"[data-link='0-1'].cut\") && document.querySelector('#latency_ms').disabled")
    browser.press("#restore-link")
    browser.until("document.querySelector(\"[data-link='0-1'].up\")")
    browser.key("Escape")
    browser.until("document.querySelector('#card').hidden")
    tell("a link: slow, lossy, cut, restored")


def lesson(browser, network, shots):
    since = len(browser.events)
    browser.press("#tab-lessons")
    browser.until("document.querySelectorAll('[data-lesson]').length >= 6")
    browser.press("[data-lesson='fork-and-reorg']")
    browser.press("#step")
    browser.until("document.querySelector('.ask').textContent.includes('This ends the network that runs: 7 nodes')", "it asks before it ends the network")
    browser.press("#renew-go")
    browser.until("document.querySelectorAll('#network .node').length === 2", "the lesson's own network")
    first = "document.querySelector('[data-is=now] code')?.textContent.startsWith('mine A')"
    browser.until(first, "the first command")
    browser.press("#back")
    browser.until("document.querySelector('#timeline').classList.contains('past')")
    browser.press("#step")
    browser.until("document.querySelector('[data-is=now] code')?.textContent === 'expect in-sync' && !document.querySelector('#timeline').classList.contains('past')",
                  "what is done is seen")
    network.call("api/v1/restart", {"amount": 3, "difficulty": 12})
    browser.until("document.querySelector('#lessons').textContent.includes('This is another network')", "somebody else's network is none of the lesson's")
    browser.press("#lessons .row button")
    browser.press("#step")
    browser.press("#renew-go")
    browser.until(f"document.querySelectorAll('#network .node').length === 2 && {first}", "begun again")
    browser.press("#step")
    now = "document.querySelector('[data-is=now] code')?.textContent === 'expect in-sync'"
    browser.until(now)
    browser.open(network.base)
    browser.until(f"{now} && document.querySelectorAll('[data-is=done]').length === 2 && document.querySelector('#step')", "a page that is loaded again is at the same step")
    pauses = 0
    while not browser.js("!!document.querySelector('#lessons .good')"):
        browser.until("document.querySelector('#step') && !document.querySelector('#lessons [aria-busy]')")
        at = browser.text("[data-is=now] code")
        browser.press("#run-on" if browser.js("!!document.querySelector('#run-on')") else "#step")
        browser.until(f"!document.querySelector('#lessons [aria-busy]') && document.querySelector('[data-is=now] code')?.textContent !== {json.dumps(at)}")
        assert not browser.js("!!document.querySelector('[data-is=failed]')"), browser.text("#lessons")
        pauses += 1
    assert pauses >= 3 and browser.js("[...document.querySelectorAll('.steps pre')].some(e => e.textContent.includes('A says this'))"), "the tree is shown"
    browser.until("document.querySelector('#reorg').textContent.includes('gave up 1 block for 2')")
    browser.shoot(shots, "lesson")
    quiet(browser, since, network.base)
    tell("a shipped lesson, run to its end")


def renew(browser, network, shots):
    since = len(browser.events)
    browser.press("#renew")
    browser.until("document.querySelector('#new-amount')?.value === '2' && document.querySelector('#new-difficulty').value === '12'", "the present values")
    browser.js("(() => { for (const [id, value] of [['amount', 6], ['difficulty', 10]]) document.querySelector(`#new-${id}`).value = value })()")
    assert browser.js("[['time', 2.5], ['time', 100000], ['difficulty', 65], ['difficulty', 33], ['time', 10]].map(([id, value]) => "
                      "(e => { const was = e.value; e.value = value; const fits = e.checkValidity(); e.value = was; return fits })(document.querySelector(`#new-${id}`)))"
                      ) == [False, False, False, True, True], "what the network takes, and nothing else"
    browser.press("#renew-ask")
    browser.until("document.querySelector('.ask').textContent.includes('This ends the network that runs: 2 nodes')")
    browser.shoot(shots, "renew")
    browser.press("#renew-go")
    browser.until("document.querySelectorAll('#network .node').length === 6 && document.querySelector('#why').textContent === 'All 6 nodes agree.'", "the new network")
    browser.until("document.querySelector('#card').hidden && document.querySelectorAll('[data-block]').length === 1", "nothing of the old chain is left")
    assert not browser.js("[...document.querySelectorAll('#story p')].some(e => e.textContent.includes('found block'))"), "nor of what happened in it"
    browser.press("#tab-story")
    for height in range(1, 4):
        network.call("api/v1/mine", {})
        browser.until(f"document.querySelectorAll('[data-block]').length === {height + 1}")
    quiet(browser, since, network.base)
    tell("a new network in place of the old one")


def ties(browser, network):
    """A tie is said; so is that all are paused. What turns the direction of writing stays in its quotes."""
    network.call("api/v1/partition", {"halves": True})
    for node in (0, 5):
        network.call("api/v1/mine", {"node": node, "content": f"back{chr(0x202e)}wards{chr(0x2069)}"})
    browser.until("document.querySelector('#why').textContent.includes('A tie: the next block decides.')")
    told = "[...document.querySelectorAll('.block title, #story p')].map(e => e.textContent).filter(e => e.includes('back'))"
    browser.until(f"{told}.length === 4", "each is on its block and in the story")
    told = browser.js(told)
    assert all("\u2068“backwards”\u2069" in words for words in told), told
    network.call("api/v1/heal", {})
    network.call("api/v1/mine", {"node": 0})
    browser.until(is_word("In sync"))
    for verb, word in (("pause", "Paused"), ("resume", "In sync")):
        for node in range(6):
            network.call(f"api/v1/nodes/{node}/{verb}", {})
        browser.until(is_word(word))
    tell("a tie, all paused, and text that turns around")


def lives(browser, network):
    browser.press(".node[data-node='5']")
    browser.press("[data-verb=kill]")
    browser.until("document.querySelector(\".node[data-node='5']\").classList.contains('ended')", "F has ended")
    browser.until("document.querySelector('#why').textContent.includes('1 of 6 takes no part')")
    network.call("api/v1/mine", {})
    browser.press("[data-verb=restart]")
    browser.until("document.querySelector('#why').textContent === 'All 6 nodes agree.'", "F is back, and has what it missed")
    browser.press("[data-verb=pause]")
    browser.until("document.querySelector(\".node[data-node='5'].paused .badge\")?.textContent === '❚❚'", "F is paused")
    tall = network.call("api/v1/network")["verdict"]["tips"][0]["height"] + 1
    network.call("api/v1/mine", {"node": 0})
    browser.until(f"document.querySelector(\".node[data-node='0'] .height\").textContent === '#{tall}'")
    assert browser.text(".node[data-node='5'] .height") == f"#{tall - 1}", "it hears nothing meanwhile"
    assert browser.js("document.querySelector('#mine-here').ariaDisabled === 'true' && document.querySelector('#rate').disabled"), "nor does it mine"
    browser.press("[data-verb=resume]")
    browser.until(f"document.querySelector(\".node[data-node='5']:not(.paused) .height\")?.textContent === '#{tall}'", "F goes on, and hears of it")
    # Its own hash rate: by the slider, as by a hand on it.
    browser.js("(() => { const e = document.querySelector('#rate'); e.value = 20; for (const type of ['input', 'change']) e.dispatchEvent(new Event(type)) })()")
    browser.until("/, 100 % of the hash rate/.test(document.querySelector(\".node[data-node='5']\").getAttribute('aria-label'))", "the ring round F says that it mines")
    browser.until("document.querySelector('[data-tile=rate] .value').textContent === '1 kH/s'")
    assert browser.text("#mining option") == "some nodes by themselves"
    browser.until(f"+{HEIGHT} > {tall}", "and it does")
    browser.js("(() => { const e = document.querySelector('#rate'); e.value = 0; e.dispatchEvent(new Event('change')) })()")
    browser.until("document.querySelector('[data-tile=rate] .value').textContent === 'none'")
    browser.key("Escape")
    browser.press("#add")
    browser.until("document.querySelectorAll('#network .node').length === 7 && document.querySelector('#why').textContent === 'All 7 nodes agree.'", "a seventh node")
    tell("a node killed, started again, paused, resumed, mining by itself; and one more")


def auto(browser, network):
    """A block for whatever waits, without a hand."""
    browser.js("(() => { const e = document.querySelector('#mining'); e.value = 'auto'; e.dispatchEvent(new Event('change')) })()")
    browser.until("!document.querySelector('#mining').ariaBusy && document.querySelector('#mining').value === 'auto'")
    assert network.call("api/v1/mining")["mode"] == "auto"
    browser.type("#message", "mined by itself")
    browser.press("#send button")
    browser.until("[...document.querySelectorAll('.block.best title')].some(e => e.textContent.includes('“mined by itself”'))", "it is in a block")
    network.call("api/v1/mining", {"mode": "off"})
    browser.until("document.querySelector('#mining').value === 'off'", "what others set is shown")
    tell("a message that is mined by itself")


def past(browser, network, folder, shots):
    network.call("api/v1/partition", {"halves": True})
    network.call("api/v1/mine", {"node": 0})
    network.call("api/v1/mine", {"node": 5, "count": 2})
    browser.until(is_word("Forked"))
    network.call("api/v1/heal", {})
    browser.until(is_word("In sync"))
    browser.press("#play")
    browser.until("document.querySelector('#timeline').classList.contains('past') && document.querySelector('#mine').ariaDisabled === 'true'")
    for _ in range(400):
        if browser.js(is_word("Forked")):
            break
        browser.press("#back")
        browser.js("new Promise(requestAnimationFrame)")
    assert browser.js(is_word("Forked")), "the fork is there to be seen again"
    browser.shoot(shots, "past")
    at, tall = browser.js(f"[document.querySelector('#scrub').value, +{HEIGHT}]")
    browser.press("#forth")
    browser.until(f"+document.querySelector('#scrub').value > {at}", "a step on")
    browser.js("(() => { const e = document.querySelector('#scrub'); e.value = 1; e.dispatchEvent(new Event('input')) })()")
    browser.until(f"document.querySelector('#scrub').value === '1' && +{HEIGHT} < {tall}", "scrubbed to the beginning")
    browser.press("#live")
    browser.until(is_word("In sync"))
    browser.press("#save")
    end = time.monotonic() + DEADLINE
    while not (saved := [name for name in os.listdir(folder) if name.endswith(".ndjson")]):
        assert time.monotonic() < end, "a recording is saved"
        time.sleep(0.05)
    lines = [json.loads(line) for line in open(f"{folder}/{saved[0]}")]
    assert lines[0]["type"] == "snapshot", lines[0]
    seqs = [line["seq"] for line in lines if line.get("seq")]
    assert len(seqs) > 50 and seqs == sorted(set(seqs)), "each event once, in order"
    tell(f"back in time; a recording of {len(lines)} lines saved")
    return f"{folder}/{saved[0]}"


def keyboard(browser, network):
    """What is pressed keeps the focus, arrows choose a mode without setting it, and a file can be opened."""
    focus = "document.activeElement.id"
    for control in ("mine", "back"):
        browser.js(f"document.querySelector('#{control}').focus()")
        browser.key("Enter")
        browser.until(f"!document.querySelector('#{control}').ariaBusy && {focus} === '{control}'", f"{control} keeps the focus")
    browser.press("#live")
    browser.until(f"(document.querySelector('#mining').focus(), {focus}) === 'mining'")
    for _ in range(2):
        browser.key("ArrowDown")
    browser.until("document.querySelector('#mining').value === 'interval'")
    assert network.call("api/v1/mining")["mode"] == "off", "arrows set nothing"
    browser.key("Enter")
    browser.until("document.querySelector('#mining').value === 'interval' && !document.querySelector('#mining').ariaBusy")
    end = time.monotonic() + DEADLINE
    while network.call("api/v1/mining")["mode"] != "interval":
        assert time.monotonic() < end, "Enter does"
    network.call("api/v1/mining", {"mode": "off"})
    browser.until(f"{focus} === 'mining' && document.querySelector('#mining').value === 'off'")
    assert browser.js("document.querySelector('#choose').tabIndex") == 0
    tell("by keyboard: the focus stays, arrows set nothing")


def files(browser, folder, recording):
    """What is no recording is refused, with the line and the reason, and the page goes on."""
    snapshot = open(recording).readline()
    rows = [("x", "line 1: "), ("", "is empty"), ('{"type":"snapshot"}', "line 1: snapshot without “time”"),
            (snapshot + '{"type":"block","time":2,"hash":"00aa"}', "line 2: block without “node”"),
            (snapshot + '\n{"type":"reorg","time":2,"node":1}', "line 3: reorg without “depth”"),
            (snapshot + '{"type":"block","time":2,"node":0,"hash":"aa","previous":"aa","height":1}', "line 2: block 1 is not one above its parent")]
    for at, (words, why) in enumerate(rows):
        with open(f"{folder}/wrong-{at}.txt", "w") as file:
            file.write(words)
        browser.open_file("#open", file.name)
        browser.until(f"document.querySelector('#notice').textContent.includes({json.dumps(why)})", why)
        assert browser.js("document.querySelector('#live').ariaPressed") == "true"
    browser.js("document.querySelector('#notice button').click()")
    tell("files that are no recordings are refused")


def looks(browser, network, shots):
    browser.prefer(color_scheme="dark", reduced_motion="reduce")
    network.call("api/v1/mine", {})
    browser.js("new Promise(requestAnimationFrame)")
    browser.shoot(shots, "dark")
    browser.prefer(color_scheme="light")
    browser.size(390, 844, True)
    browser.until("document.documentElement.scrollWidth <= 390", "nothing sticks out of a phone")
    browser.shoot(shots, "phone")
    browser.size(1440, 900)
    browser.open(f"{network.base}node/0/")
    browser.until("document.querySelector('#word').textContent.startsWith('At block')", "a node's own page")
    browser.until("document.querySelectorAll('.node.ghost').length === 6 && document.querySelectorAll('.block').length > 5")
    browser.press("#mine")
    browser.until("[...document.querySelectorAll('#story p')].some(e => e.textContent.startsWith('This node found block'))")
    browser.shoot(shots, "own")
    tell("dark, on a phone, and a node's own page")


def cuts(browser, program, folder):
    """The time of a cut is none of a block's way, and who was not there to hear of it is not counted: as the manager says."""
    network = Network(program, folder, "-a", "4", "--difficulty", "8")
    told = "(height => [...document.querySelectorAll('#story p')].map(e => e.textContent).find(e => e.includes(`found block ${height}`)) ?? '')"

    def tile():
        blocks = network.call("api/v1/network")["propagation"]["blocks"]
        expected = "half; 95 %: " if blocks else "no block went round yet"
        browser.until(f"document.querySelector('[data-tile=spread] .note').textContent.startsWith({json.dumps(expected)})")
        return blocks

    try:
        browser.open(network.base)
        browser.until(is_word("In sync"))
        network.call("api/v1/partition", {"groups": [[0, 1, 2], [3]]})
        network.call("api/v1/mine", {"node": 3, "count": 2})
        browser.until(f"{told}(2)", "D mined alone")
        network.call("api/v1/heal", {})
        browser.until(f"{told}(2).endsWith('; 4 of 4 nodes have it.')", "the cut's time is none of its spread")
        assert tile() == 0
        # The same without a partition: all links of D are cut.
        for other in range(3):
            network.call(f"api/v1/links/{other}/3", method="DELETE")
        network.call("api/v1/mine", {"node": 0})
        browser.until(f"{told}(3).includes('; on 3 nodes after')", "it reached whom it could")
        network.call("api/v1/mine", {"node": 3, "count": 2})
        browser.until(f"{told}(4)")
        for other in range(3):
            network.call("api/v1/links", {"a": other, "b": 3})
        browser.until(f"{told}(4).endsWith('; 4 of 4 nodes have it.')")
        # Who is away meanwhile, and back, has it late; also if that was while it was on its way.
        network.call("api/v1/nodes/2/pause", {})
        network.call("api/v1/mine", {"node": 0})
        browser.until(f"{told}(5).includes('; on all 3 after')")
        network.call("api/v1/nodes/2/resume", {})
        browser.until(f"{told}(5).includes('; on 3 nodes after')")
        assert tile() > 0
        assert browser.js(AWAY) == [2, 9000], browser.js(AWAY)
    finally:
        network.stop()
    tell("a cut is no slowness")


def branches(browser, program, folder):
    """A block is asked for where it is, and tampered with on its own branch; a page that is loaded names all who gave up."""
    network = Network(program, folder, "-a", "4", "--difficulty", "12")
    rows = "[...document.querySelectorAll('.chainlets li')].map(e => e.querySelector('b').textContent.trim())"

    def tamper(height, *expected):
        block = network.call(f"api/v1/blocks/{height}")["hash"]
        press(browser, block)
        browser.press("#tamper")
        browser.until(f"{rows}.join() === {json.dumps(','.join(f'✓ Block {at}' for at in expected))}", f"block {height}, and what stands on it")
        return block

    try:
        # Ends of lines, which a browser has of its own, are no change.
        network.call("api/v1/mine", {"node": 0, "content": "dear Bob,\r\nI owe you 5"})
        network.call("api/v1/partition", {"groups": [[0, 1], [2, 3]]})
        network.call("api/v1/mine", {"node": 0, "count": 2})
        network.call("api/v1/mine", {"node": 2, "count": 3})
        lost = next(tip["hash"] for tip in network.call("api/v1/network")["verdict"]["tips"] if tip["nodes"] == [0, 1])
        browser.open(network.base)
        browser.until(is_word("Forked"))
        # A, the first, has nothing of what stands on block 1.
        tamper(1, 1, 2, 3, 4)
        unchanged = "document.querySelector('#card .result').textContent.startsWith('Change the words above')"
        assert browser.js(unchanged), browser.text("#card .result")
        browser.type("#tampered", "!")
        browser.until("document.querySelector('.chainlets [data-rule=BadMerkleRoot]')")
        browser.press("#repair")
        browser.until("document.querySelector('.chainlets [data-rule=BadPow]')?.textContent.includes('above the target, 000fffff00')")
        network.call("api/v1/heal", {})
        browser.until(is_word("In sync"))
        browser.key("Escape")
        # The branch that was given up is as it was mined, and the other one no part of it.
        press(browser, network.call(f"api/v1/blocks/{lost}")["previous"])
        browser.until("document.querySelector('#card p:not(.mono, .note)').textContent === 'Not on the best chain.'")
        browser.press("#tamper")
        browser.until(f"{rows}.join() === '✓ Block 2,✓ Block 3'", "its own branch")
        assert browser.js(unchanged), browser.text("#card .result")
        # Who had it before the page was opened is told by the manager.
        press(browser, network.call("api/v1/blocks/3")["hash"])
        arrivals = "[...document.querySelectorAll('#card .arrivals li')].map(e => e.textContent)"
        browser.until(f"{arrivals}.length === 4 && /^C.*mined it$/.test({arrivals}[0])", "the miner is the first who had it")
        browser.open("about:blank")
        browser.open(network.base)
        browser.until("document.querySelector('#reorg')?.textContent.startsWith('Nodes A and B gave up 2 blocks for 3')", "all who gave up")
        assert browser.text("[data-tile=reorg] .note").endswith("nodes A and B")
    finally:
        network.stop()
    tell("each block on its own branch, from who has it")


def press(browser, block):
    """A click on a block of the tree."""
    selector = f"[data-block='{block}']"
    browser.until(f"document.querySelector({json.dumps(selector)})")
    browser.press(selector, "rect")
    browser.until(f"document.querySelector('#card .mono')?.textContent === {json.dumps(block)}", "its card")


def still(browser, program, folder):
    """A page that is opened while no node runs shows the blocks, and who had them."""
    network = Network(program, folder, "-a", "2", "--difficulty", "8")
    try:
        network.call("api/v1/mine", {"count": 2})
        for node in range(2):
            network.call(f"api/v1/nodes/{node}/pause", {})
        browser.open(network.base)
        browser.until(is_word("Paused"))
        press(browser, network.call("api/v1/blocks/1")["hash"])
        browser.until("document.querySelector('#card').textContent.includes('No node runs.')")
        press(browser, network.call("api/v1/blocks/2")["hash"])
        browser.until("document.querySelector('#card').textContent.includes('The tip of A, B.')")
        browser.until("document.querySelectorAll('#card .arrivals li').length === 2", "when each node had it")
        for node in range(2):
            network.call(f"api/v1/nodes/{node}/resume", {})
        browser.until("document.querySelector('#card').textContent.includes('The tip of the best chain.')")
    finally:
        network.stop()
    tell("blocks while no node runs")


def forgotten(browser, program, folder):
    """Where a message is, whoever took it; and that it is lost, if it is."""
    network = Network(program, folder, "-a", "3", "--difficulty", "8")
    stage = "document.querySelector('#journeys .stage')?.textContent"

    def lives(verb, *nodes):
        for node in nodes:
            network.call(f"api/v1/nodes/{node}/{verb}", {})

    try:
        browser.open(network.base)
        browser.until(is_word("In sync"))
        browser.press("#send button")
        browser.until(f"{stage} === 'waits in 3 pools for a block'")
        lives("kill", 0)
        browser.until(f"{stage} === 'waits in 2 pools for a block'")
        network.call("api/v1/mine", {"node": 1, "count": 2})
        browser.until(f"{stage}.endsWith('2 of 6 confirmations')", "it is known of those who run")
        browser.press("#send button")
        browser.until(f"{stage} === 'waits in 2 pools for a block'")
        lives("kill", 1, 2)
        lives("restart", 0, 1, 2)
        browser.until(f"{stage} === 'lost: no node that runs has it'", "pools in memory end with their nodes")
    finally:
        network.stop()
    tell("a message is where it is, or lost")


def effort(browser, program, folder):
    """What a block costs is by its target, which is mostly no power of two."""
    network = Network(program, folder, "-a", "2", "--difficulty", "8")
    try:
        network.call("api/v1/mine", {})
        browser.open(network.base)
        rows = {"1f108f5a": 3957, "2000ffff": 256, "1e0fffff": 1048577, "207fffff": 2}
        said = browser.js(f"import('./app/codec.js').then(({{tries}}) => {json.dumps(list(rows))}.map(bits => Math.floor(tries(bits))))")
        assert said == list(rows.values()), said
        press(browser, network.call("api/v1/blocks/1")["hash"])
        browser.until("/Begins with \\d+ zero bits, and is not above the target: that takes about 256 tries[.]/.test(document.querySelector('#card .note').textContent)")
        # Without the first block it is no chain of this network: no work mends that.
        press(browser, network.call("api/v1/blocks/0")["hash"])
        browser.press("#tamper")
        browser.until("document.querySelectorAll('.chainlets .good').length === 2")
        browser.type("#tampered", "!")
        browser.press("#repair")
        browser.press("#mine-again")
        browser.until("document.querySelector('#card .result').textContent.startsWith('This is another network now')")
    finally:
        network.stop()
    tell("what a block costs")


def without(browser, network, recording, shots):
    """A recording plays when nothing runs."""
    browser.open(network.base)
    browser.until(is_word("In sync"))
    since = len(browser.events)
    network.stop()
    browser.open_file("#open", recording)
    browser.until(is_word("Forked"), "the recording plays")
    # To its end, without waiting for it.
    browser.js("document.querySelector('#scrub').value = document.querySelector('#scrub').max; document.querySelector('#scrub').dispatchEvent(new Event('input'))")
    browser.until(f"{is_word('In sync')} && document.querySelector('#reorg').textContent.includes('gave up')")
    # Away from a page that goes on asking for its network.
    browser.open("about:blank")
    browser.until("location.href === 'about:blank'")
    foreign = strangers(browser, since, network.base)
    assert not foreign, foreign
    noise = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
    own = [text for text in browser.complaints(since) if not any(word in text for word in noise)]
    assert not own, own
    del browser.events[since:]
    tell("a recording played without a network")


def recorded(folder, nodes=64, blocks=2000, seconds=40):
    """A recording of a network that never was, large enough to be a burden."""
    draw = random.Random(7)
    name = lambda: f"{draw.getrandbits(240):064x}"  # four zeros to begin with
    links = sorted({tuple(sorted((a, b))) for a in range(nodes) for b in draw.sample([n for n in range(nodes) if n != a], 4)})
    tree, tips = [], []
    parent = {"hash": "0" * 64, "height": -1}
    for at in range(blocks):
        side = at % 10 == 9
        base = tree[-2] if side and len(tree) > 1 else parent
        block = {"hash": name(), "previous": base["hash"], "height": base["height"] + 1, "bits": "1e0fffff", "seen": 1000.0 + at,
                 "work": str((base["height"] + 2) * 100), "miner": at % nodes, "text": None, "tip_of": [], "held_by": list(range(nodes))}
        tree.append(block)
        parent = parent if side else block
    state = lambda n: {"node": n, "id": f"{n:032x}", "state": "running", "height": parent["height"], "tip": parent["hash"], "peers": [],
                       "pool": 0, "hashrate": 1000, "mined": 0}
    snapshot = {"type": "snapshot", "kind": "network", "time": 1000.0 + blocks, "tree": {"blocks": tree}, "network": {
        "rules": {"id": "64", "expected_hashes": "1000000"}, "nodes": [state(n) for n in range(nodes)],
        "links": [{"a": a, "b": b, "up": True, "cut": False, "latency_ms": 0, "jitter_ms": 0, "loss": 0} for a, b in links],
        "mining": {"mode": "background"}, "partition": None, "propagation": {"blocks": 0}}}
    peers = {n: [a + b - n for a, b in links if n in (a, b)] for n in range(nodes)}
    events, seq = [], 0
    for at in range(seconds * 4):  # four blocks a second, each to all over links
        miner, now = draw.randrange(nodes), 1000.0 + blocks + at / 4
        block = {"hash": name(), "previous": parent["hash"], "height": parent["height"] + 1, "work": str((parent["height"] + 2) * 100)}
        came, queue = {miner: None}, [miner]
        for node in queue:
            for peer in peers[node]:
                if peer not in came:
                    came[peer] = node
                    queue.append(peer)
        for hop, (node, source) in enumerate(came.items()):
            fresh = {"time": now + hop * 0.001, "node": node, **block}
            events.append({"type": "block", **fresh, "bits": "1e0fffff", "from": source, "miner": miner, "bytes": 200,
                           "transactions": 1, "origin": "mined" if source is None else "pushed"})
            events.append({"type": "tip", **fresh, "reverted": 0})
        parent = block
    path = f"{folder}/burden.ndjson"
    with open(path, "w") as file:
        for event in [snapshot, *events]:
            seq += 1
            file.write(json.dumps({"seq": seq, **event}) + "\n")
    return path


def frames(browser, network, folder, shots):
    browser.open(network.base)
    browser.until(is_word("In sync"))
    browser.open_file("#open", recorded(folder))
    browser.until("document.querySelectorAll('#network .node').length === 64")
    browser.until("(document.querySelector('#zoom-out').click(), +document.querySelector('#tree').dataset.count >= 2000)", "2,000 blocks in view")
    rate, slow = browser.js("""new Promise(done => {
      const times = [];
      const step = now => { times.push(now); times.length < 300 && now - times[0] < 6000 ? requestAnimationFrame(step) : done(times); };
      requestAnimationFrame(step);
    }).then(times => { const gaps = times.slice(1).map((t, at) => t - times[at]).sort((a, b) => a - b);
      return [1000 * gaps.length / (times.at(-1) - times[0]), gaps[Math.floor(gaps.length * 0.95)]] })""")
    browser.shoot(shots, "burden")
    blocks = browser.js("document.querySelector('#tree').dataset.count")
    tell(f"64 nodes, {blocks} blocks in view, 4 blocks a second: {rate:.1f} frames a second, 95 % within {slow:.0f} ms")
    return rate


def grown(browser, program, folder, blocks):
    network = Network(program, folder, "-a", "2", "--network", "regtest")
    try:
        browser.open(network.base)
        browser.until(is_word("In sync"))
        for at in range(0, blocks, 500):
            network.call("api/v1/mine", {"count": 500})
            if at % 2000 == 0:
                browser.call("HeapProfiler.collectGarbage")
                tell(f"{at + 500} blocks: {weight(browser)}")
        browser.until(f"document.querySelectorAll('.tile .value')[1].textContent === '{blocks}'")
        browser.call("HeapProfiler.collectGarbage")
        said = weight(browser)
        tell(f"{blocks} blocks: {said}")
        assert said["elements"] < MAX_ELEMENTS and said["events"] <= MAX_EVENTS and said["heap"] < MAX_HEAP, said
    finally:
        network.stop()


def weight(browser):
    return browser.js("({elements: document.querySelectorAll('*').length, events: +document.querySelector('#scrub').max,"
                      " heap: performance.memory.usedJSHeapSize})")


def main(options, browser_program):
    folder, keep = tempfile.mkdtemp(), True
    if options.shots:
        os.makedirs(options.shots, exist_ok=True)
    browser, network = Browser(browser_program, folder), None
    try:
        network = Network(options.program, folder, "-a", "6", "--difficulty", "10")
        first_sight(browser, network, options.shots)
        fork(browser, network, options.shots)
        heal(browser, network, options.shots)
        message(browser, network, options.shots)
        cards(browser, network, options.shots)
        refused(browser, network)
        forks(browser, network, options.shots)
        links(browser, network, options.shots)
        broken(browser, network)
        ties(browser, network)
        lives(browser, network)
        auto(browser, network)
        recording = past(browser, network, folder, options.shots)
        files(browser, folder, recording)
        keyboard(browser, network)
        looks(browser, network, options.shots)
        browser.open(network.base)
        browser.until(is_word("In sync"))
        lesson(browser, network, options.shots)
        renew(browser, network, options.shots)
        if options.measure:
            assert frames(browser, network, folder, options.shots) >= FRAMES, "too slow"
        without(browser, network, recording, options.shots)
        assert not browser.complaints(), browser.complaints()
        foreign = strangers(browser, 0, network.base)
        assert not foreign, foreign
        for story in (cuts, branches, still, forgotten, effort):
            since = len(browser.events)
            story(browser, options.program, folder)
            quiet(browser, since, "http://127.0.0.1:")
        if options.long:
            grown(browser, options.program, folder, options.long)
        keep = False
        print("the page shows what happens; the console is silent, and nobody else was asked")
    finally:
        browser.close()
        if network:
            network.stop()
        if keep:
            print(f"logs: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    BEGUN = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=os.path.realpath)
    parser.add_argument("--shots")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--long", type=int)
    main(parser.parse_args(), chromium.find())
