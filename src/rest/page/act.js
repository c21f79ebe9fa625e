// What can be done, and what becomes of it: each action is a call, and a refusal is shown in the server's words.

import { get, post } from "./api.js";
import { $, attr, el, enable, keep, on, show, text } from "./dom.js";
import { foreign, short } from "./words.js";

/// Messages that are watched at once, and confirmations after which one is done.
const MAX_JOURNEYS = 3;
const CONFIRMED = 6;
/// News of pools kept, for a message whose id is not known yet.
const MAX_POOLED = 200;

/// Of all nodes together, and seconds between blocks, where a mode of mining needs them.
const HASHRATE = 120000;
const INTERVAL = 5;
const FOLLOW_MILLIS = 120;

export class Act {
  constructor(app) {
    Object.assign(this, {app, journeys: [], pooled: [], items: new Map()});
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
    const {id, node} = await this.app.source.send(content);
    // Pools may have told of it before.
    const pools = new Set(this.pooled.filter(({came}) => came.ids.includes(id)).map(({node}) => node));
    this.journeys = [{id, node: node ?? 0, content, pools, depth: 0}, ...this.journeys].slice(0, MAX_JOURNEYS);
    this.follow();
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

  event(event) {
    const {type, came, node} = event;
    if (type === "pool") {
      this.pooled = [...this.pooled.slice(-MAX_POOLED), event];
      for (const {id, pools} of this.journeys) if (came.ids.includes(id)) pools.add(node);
    }
    if (type === "tip" && this.journeys.some(({depth}) => depth < CONFIRMED)) this.later ??= setTimeout(() => this.follow(), FOLLOW_MILLIS);
  }

  /// Asks where the watched messages are.
  async follow() {
    this.later = null;
    for (const journey of this.journeys) {
      try {
        const {blocks: [block]} = {blocks: [], ...await get(`${this.app.source.api(journey.node)}transactions/${journey.id}`)};
        journey.back = !block && (journey.back || journey.depth > 0);
        Object.assign(journey, {block, depth: block?.depth ?? 0});
      } catch {
        // Its node is away; the next tip asks again.
      }
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
        : back ? "its block was given up: back in the pool" : `waits in ${pools.size > 1 ? `${pools.size} pools` : "the pool"} for a block`);
      [...item.children[2].children].forEach((pip, at) => attr(pip, "class", at < depth ? "on" : null));
    }
  }
}
