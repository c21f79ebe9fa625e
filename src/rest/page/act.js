// What can be done, and what becomes of it: each action is a call, and a refusal is shown in the server's words.

import { get, post } from "./api.js";
import { $, attr, el, keep, on, show, text } from "./dom.js";
import { short } from "./words.js";

/// Messages that are watched at once, and confirmations after which one is done.
const MAX_JOURNEYS = 3;
const CONFIRMED = 6;

/// Of all nodes together, and seconds between blocks, where a mode of mining needs them.
const HASHRATE = 120000;
const INTERVAL = 5;
const FOLLOW_MILLIS = 120;

export class Act {
  constructor(app) {
    Object.assign(this, {app, journeys: [], items: new Map()});
    const buttons = {mine: () => this.mine({}), heal: () => this.heal(), add: () => this.add(1)};
    for (const [id, action] of Object.entries(buttons)) on($(`#${id}`), {click: ({currentTarget}) => this.press(currentTarget, action)});
    on($("#mining"), {change: ({target}) => this.press(target, () => this.setMining(target.value))});
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
    const rate = {background: {hashrate: this.app.state.mining?.hashrate || HASHRATE}, interval: {interval: INTERVAL}};
    return this.app.source.setMining({mode, ...rate[mode]});
  }
  setRate(node, hashrate) { return post(`${this.app.source.api(node)}mining`, {hashrate}); }
  cut(groups) { return post("api/v1/partition", {groups}); }
  heal() { return post("api/v1/heal"); }
  add(count) { return post("api/v1/nodes", {count}); }
  life(node, verb) { return post(`api/v1/nodes/${node}/${verb}`); }
  async send(content) {
    const {id, node} = await this.app.source.send(content);
    this.journeys = [{id, node: node ?? 0, content, pools: new Set(), depth: 0}, ...this.journeys].slice(0, MAX_JOURNEYS);
    this.follow();
  }

  /// Runs what a button stands for, and shows that it does. Comes to whether it was done.
  async press(button, action) {
    attr(button, "aria-busy", true);
    button.disabled = true;
    let done = true;
    try {
      this.app.notice(null);
      await action();
    } catch (error) {
      done = false;
      this.app.notice(error.message);
    }
    attr(button, "aria-busy", null);
    button.disabled = false;
    this.app.redraw();
    return done;
  }

  event({type, came, node}) {
    for (const {id, pools} of this.journeys) if (type === "pool" && came.ids.includes(id)) pools.add(node);
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
    for (const id of ["mine", "mining", "heal", "add", "cut", "renew", "message"]) {
      const control = $(`#${id}`);
      if (!control.hasAttribute("aria-busy")) control.disabled = past || (id === "heal" && !broken);
    }
    $("#heal").classList.toggle("calls", Boolean(broken));
    const mode = state.mining?.mode ?? "off";
    if (document.activeElement !== $("#mining")) $("#mining").value = mode;
    show($("#journeys"), this.journeys.length);
    keep(this.items, new Map(this.journeys.map(journey => [journey.id, journey])), ({content}) => {
      const item = el("li", el("q", content.slice(0, 32)), el("span.stage"), el("span.pips", {"aria-hidden": "true"}, Array.from({length: CONFIRMED}, () => el("i"))));
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
