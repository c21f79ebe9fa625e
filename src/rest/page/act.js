// What can be done, and what becomes of it: each action is a call, and a refusal is shown in the server's words.

import { get, post } from "./api.js";
import { $, attr, el, enable, keep, on, show, text } from "./dom.js";
import { running } from "./model.js";
import { foreign, short } from "./words.js";

/// Messages that are watched at once, and confirmations after which one is done.
const MAX_JOURNEYS = 3;
const CONFIRMED = 6;

/// Of all nodes together, and seconds between blocks, where a mode of mining needs them.
const HASHRATE = 120000;
const INTERVAL = 5;
/// A watched message is asked for so long after news, for each node there is: as many may be asked.
const FOLLOW_MILLIS = 30;

export class Act {
  constructor(app) {
    Object.assign(this, {app, journeys: [], asked: Promise.resolve(), items: new Map()});
    const buttons = {mine: () => this.mine({}), heal: () => this.heal(), add: () => this.add(1)};
    for (const [id, action] of Object.entries(buttons)) on($(`#${id}`), {click: ({currentTarget}) => this.press(currentTarget, action)});
    // Arrows walk over modes without setting them: Enter does, or leaving.
    let keyed = false;
    const set = async () => {
      keyed = false;
      const {value} = mining;
      if (value === this.mode) return;
      if (await this.press(mining, () => this.setMining(value))) this.mode = value;
      else mining.value = this.mode;
    };
    const mining = $("#mining");
    on(mining, {change: () => keyed || set(), blur: set, pointerdown: () => { keyed = false; }, keydown: ({key}) => {
      keyed ||= key.startsWith("Arrow");
      if (key === "Enter") set();
    }});
    on($("#send"), {submit: event => {
      event.preventDefault();
      const input = $("#message");
      const content = input.value || input.placeholder;
      this.press($("#send button"), () => this.send(content));
      input.value = "";
    }});
  }

  // Each is used by buttons, cards and lessons alike.
  mine(body) { return this.app.source.mine(body); }
  setMining(mode) {
    const {mining, rules} = this.app.state;
    // A block every few seconds, where the difficulty does not follow.
    const least = rules.block_time ? HASHRATE : Math.min(HASHRATE, Math.ceil(rules.expected_hashes / INTERVAL));
    const rate = {background: {hashrate: mining?.hashrate || least}, interval: {interval: INTERVAL}};
    return this.app.source.setMining({mode, ...rate[mode]});
  }
  setRate(node, hashrate) { return post(`${this.app.source.api(node)}mining`, {hashrate}); }
  cut(groups) { return post("api/v1/partition", {groups}); }
  heal() { return post("api/v1/heal"); }
  add(count) { return post("api/v1/nodes", {count}); }
  life(node, verb) { return post(`api/v1/nodes/${node}/${verb}`); }
  async send(content) {
    const {id} = await this.app.source.send(content);
    this.journeys = [{id, content, pools: 1, depth: 0}, ...this.journeys].slice(0, MAX_JOURNEYS);
    this.event({type: "pool"});
  }

  /// Runs what a button stands for, and shows that it does. Comes to whether it was done.
  async press(button, action) {
    const {app, app: {run}} = this;
    attr(button, "aria-busy", true);
    let done = true;
    try {
      app.notice(null);
      await action();
    } catch ({message}) {
      done = false;
      // What a network could not do any more that is gone, or going, is no news.
      if (run === app.run && !app.leaving) app.notice(message);
    }
    attr(button, "aria-busy", null);
    app.redraw();
    return done;
  }

  event({type}) {
    if (!/tip|pool|node/.test(type) || this.journeys.every(({depth}) => depth >= CONFIRMED)) return;
    // One after the other, so that the newest answers stand.
    this.later ??= setTimeout(() => { this.asked = this.asked.then(() => this.follow()); }, FOLLOW_MILLIS * this.app.live.nodes.size);
  }

  /// Asks where the watched messages are: a node with the best tip, and if it knows none of its blocks, all that run.
  async follow() {
    this.later = null;
    const {source, live} = this.app;
    const [first, ...rest] = running(live).sort((a, b) => (b.tip === live.best) - (a.tip === live.best));
    for (const journey of this.journeys) {
      // Who is away or has never heard of it knows of no place.
      const ask = ({node}) => get(`${source.api(node)}transactions/${journey.id}`).catch(() => ({blocks: []}));
      let known = first ? [await ask(first)] : [];
      if (!known[0]?.blocks[0]) known = [...known, ...await Promise.all(rest.map(ask))];
      const block = known.flatMap(({blocks}) => blocks)[0];
      journey.back = !block && (journey.back || journey.depth > 0);
      Object.assign(journey, {block, depth: block?.depth ?? 0, pools: known.filter(({state}) => state === "pool").length});
    }
    this.app.redraw();
  }

  draw(state, past) {
    const broken = state.partition || [...state.links.values()].some(link => link.cut || link.latency_ms || link.loss);
    for (const id of ["mine", "mining", "heal", "add", "cut", "renew", "message", "send button"]) {
      enable($(`#${id}`), !past && (id !== "heal" || broken));
    }
    $("#heal").classList.toggle("calls", Boolean(broken));
    const mode = state.mining?.mode ?? "off";
    text($("#mining option"), mode === "off" && running(state).some(({hashrate}) => hashrate) ? "some nodes by themselves" : "by hand only");
    if (this.mode !== mode || past) $("#mining").value = this.mode = mode;
    show($("#journeys"), this.journeys.length && !past);
    keep(this.items, new Map(this.journeys.map(journey => [journey.id, journey])), ({content}) => {
      const item = el("li", el("q", foreign(content.slice(0, 32))), el("span.stage"), el("span.pips", {"aria-hidden": "true"}, Array.from({length: CONFIRMED}, () => el("i"))));
      $("#journeys").prepend(item);
      return item;
    });
    for (const {id, block, depth, back, pools} of this.journeys) {
      const item = this.items.get(id);
      attr(item, "data-depth", Math.min(CONFIRMED, depth));
      text(item.children[1], depth ? `in block ${block.height} ${short(block.hash)}, ${depth < CONFIRMED ? `${depth} of ${CONFIRMED} confirmations` : "six confirmations: final enough"}`
        : !pools ? "lost: no node that runs has it" : back ? "its block was given up: back in the pool" : `waits in ${pools > 1 ? `${pools} pools` : "the pool"} for a block`);
      [...item.children[2].children].forEach((pip, at) => attr(pip, "class", at < depth ? "on" : null));
    }
  }
}
