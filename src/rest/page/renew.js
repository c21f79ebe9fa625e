// A new network in the place of the old one: what it is to be, asked again before anything ends, and the wait for it.

import { get, post } from "./api.js";
import { $, el, on, text } from "./dom.js";
import { count, hashrate, plural, seconds } from "./words.js";

const TOPOLOGIES = ["as it is", "mesh", "ring", "line", "star", "random:4"];
/// More of them make no picture.
const MAX_NODES = 64;
/// What a core of a laptop does, in hashes a second.
const RATE = 1e7;
/// The new network is asked for so often, and so long.
const ASK_MILLIS = 250;
const PATIENCE_MILLIS = 180000;

export class Renew {
  constructor(app) {
    this.app = app;
    on($("#renew"), {click: ({currentTarget}) => app.act.press(currentTarget, () => this.open())});
  }

  /// The form, with the present network's values.
  async open() {
    const {nodes, rules, mining} = await get("api/v1/network");
    const number = (id, value, more) => el(`input#${id}`, {type: "number", step: 1, min: 1, required: true, value, ...more});
    const [amount, topology] = [number("new-amount", nodes.length, {max: MAX_NODES}), el("select#new-topology", TOPOLOGIES.map(words => el("option", words)))];
    const difficulty = number("new-difficulty", rules.difficulty ?? Math.round(Math.log2(rules.expected_hashes)), {max: 64});
    const time = number("new-time", rules.block_time, {max: 86400, required: false, placeholder: "none"});
    const [mine, tries, box] = [el("input#new-mine", {type: "checkbox", checked: mining.mode === "background"}), el("output"), el("div.ask")];
    const tell = () => text(tries, `zero bits: about ${count(2 ** difficulty.value)} tries a block, ${seconds(2 ** difficulty.value / RATE)} at ${hashrate(RATE)}`);
    on(difficulty, {input: tell});
    tell();
    const field = (words, control, note) => el("label.form", el("b", words), control, el("span.note", note));
    const form = el("form", field("Nodes", amount, `each a process of its own; networkmngr starts more than ${MAX_NODES}`), field("Links", topology, "who hears whom"),
      field("Difficulty", difficulty, tries), field("Block time", time, "seconds; the difficulty follows. Empty: it stays"),
      field("Mine at once", mine, "all nodes, all the time"), el("div.row", el("button#renew-ask.primary", "Start anew …")), box);
    on(form, {submit: event => {
      event.preventDefault();
      const body = {amount: +amount.value, difficulty: +difficulty.value, block_time: time.value ? +time.value : null, mine: mine.checked};
      if (topology.selectedIndex) body.topology = topology.value;
      this.ask(box, body, () => this.app.cards.close());
    }});
    this.app.cards.fill({title: "A new network", sign: "↻"}, form);
  }

  /// Says what ends, and starts the new one only if that is wanted.
  async ask(box, body, done) {
    const {act} = this.app;
    const {manager, nodes, verdict: {tips}} = await get("api/v1/network");
    const kept = manager.ephemeral ? "It keeps nothing: its blocks are gone for good." : `Its files move to ${manager.data_dir}/before-…, and are not lost.`;
    const go = el("button#renew-go.danger", {onclick: () => act.press(go, async () => { await this.start(body); done(); })}, "End it, and start anew");
    box.replaceChildren(el("p", el("b", `This ends the network that runs: ${plural(nodes.length, "node")}, ${plural((tips[0]?.height ?? 0) + 1, "block")}. `), kept),
      el("div.row", go, el("button", {type: "button", onclick: () => box.replaceChildren()}, "Leave it")));
    go.scrollIntoView({block: "nearest"});
    go.focus();
  }

  /// Comes back when the new network is ready.
  async start(body) {
    const {app} = this;
    app.timeline.goLive();
    const {run} = await post("api/v1/restart", body);
    app.leaving = run;
    app.glance.say("connecting", "Starting anew …", "The old nodes stop, new ones begin.");
    const end = performance.now() + PATIENCE_MILLIS;
    try {
      while (performance.now() < end) {
        await new Promise(done => setTimeout(done, ASK_MILLIS));
        try {
          // `main.js` notices that the events are another network's.
          if (!app.leaving) return await get("readyz");
        } catch {
          // It is not there yet.
        }
      }
    } finally {
      app.leaving = null;
    }
    throw new Error("the new network did not start; networkmngr’s own output says why");
  }
}
