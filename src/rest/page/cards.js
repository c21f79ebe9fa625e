// A node looked at closely: what it is, whom it is connected to, its rate, its log, and what can be done to it. The place
// for a card is one; blocks are shown in it, too.

import { getText, pageOf } from "./api.js";
import { BlockCard } from "./block.js";
import { $, attr, changed, el, enable, on, refill, show, text } from "./dom.js";
import { LinkCard } from "./link.js";
import { Tamper } from "./tamper.js";
import { bytes, hashrate, millis, short } from "./words.js";

const LOG_LINES = 40;
const LOG_MILLIS = 2000;
/// The slider goes by powers of ten, from these to those hashes a second; at its left end is none.
const POWERS = [2, 7];
const toRate = value => value > 0 ? Math.round(10 ** (POWERS[0] + (value / 100) * (POWERS[1] - POWERS[0]))) : 0;
const fromRate = rate => rate ? Math.max(1, ((Math.log10(rate) - POWERS[0]) / (POWERS[1] - POWERS[0])) * 100) : 0;

const VERBS = {"running": [["❚❚ Pause", "pause"], ["↻ Restart", "restart"], ["✕ Kill", "kill"]],
  paused: [["▶ Resume", "resume"], ["✕ Kill", "kill"]], ended: [["▶ Start again", "restart"]]};

export class Cards {
  constructor(app) {
    Object.assign(this, {app, box: $("#card")});
    this.block = new BlockCard(app, this);
    this.link = new LinkCard(app, this);
    this.tamper = new Tamper(app, this);
    on(window, {keydown: ({key}) => { if (key === "Escape") this.close(); }});
  }

  /// Shows `parts` in the card's place. The focus comes with it, and goes back.
  fill({title, sign, kind = ".square", mark = el(`span.mark${kind}`, {"aria-hidden": "true"}, sign), block, node, link}, ...parts) {
    const {app, box} = this;
    if (box.hidden) this.before = document.activeElement;
    clearInterval(this.timer);
    this.draw = () => {};
    Object.assign(app.network, {selected: node, selectedLink: link});
    app.tree.selected = block;
    box.replaceChildren(el("header", mark, el("h2", {tabindex: -1}, title), el("button.close", {"aria-label": "Close", onclick: () => this.close()}, "✕")),
      ...parts.filter(Boolean));
    attr(box, "aria-label", title);
    show(box, true);
    box.scrollTop = 0;
    $("h2", box).focus({preventScroll: true});
    app.redraw();
  }

  draw() {}

  /// Does something now and so often, while the card is open. That it could not be done is no news.
  every(millis, task) {
    const run = () => task().catch(() => {});
    run();
    this.timer = setInterval(run, millis);
  }

  close() {
    if (this.box.hidden) return;
    show(this.box, false);
    clearInterval(this.timer);
    this.draw = () => {};
    this.app.network.selected = this.app.network.selectedLink = this.app.tree.selected = null;
    this.app.redraw();
    this.before?.focus?.({preventScroll: true});
  }

  button(label, action, more) {
    return el("button", more, {onclick: ({currentTarget}) => this.app.act.press(currentTarget, action)}, label);
  }

  openNode(number) {
    const {app} = this;
    const {act} = app;
    const node = app.state.nodes.get(number);
    const managed = app.source?.kind === "network" && !app.past;
    const [mark, facts, peers, life] = [el("span.mark", {"aria-hidden": "true"}, node.name), el("dl.facts"), el("ul.peers"), el("div#life.row")];
    const rate = el("input#rate", {type: "range", min: 0, max: 100});
    const said = el("output");
    on(rate, {input: () => text(said, hashrate(toRate(rate.value))),
      change: () => act.press(rate, () => act.setRate(number, toRate(rate.value)))});
    const mine = this.button("■ Mine here", () => act.mine({node: number}), {id: "mine-here", class: "primary"});
    const controls = [mine, rate];
    const acts = !node.ghost && app.source && !app.past ? [el("div.row", mine), managed && life,
      el("label.slider", "Mines by itself: ", said, rate)] : [];
    const page = el("p", el("a", {href: pageOf(number)}, "Its own page"));
    const log = el("pre.log", {tabindex: 0, "aria-label": "Its log"});
    this.fill({title: node.ghost ? `Peer ${node.name}` : `Node ${node.name}`, mark, node: number}, facts, ...acts, el("h3", "Connections"), peers,
      managed && page, managed && el("h3", "Log"), managed && log);
    this.draw = state => {
      const node = state.nodes.get(number);
      if (!node) return this.close();
      attr(mark, "class", `mark c${state.blocks.get(node.tip)?.colour}`);
      this.facts(facts, state, node);
      show(page, node.state === "running");
      changed(life, node.state, () => refill(life, ...(VERBS[node.state] ?? []).map(([label, verb]) =>
        this.button(label, () => act.life(number, verb), {"data-verb": verb}))));
      this.peers(peers, state, node);
      for (const control of controls) enable(control, node.state === "running");
      if (document.activeElement === rate) return;
      rate.value = fromRate(node.hashrate);
      text(said, hashrate(node.hashrate));
    };
    this.draw(app.state);
    if (!managed) return;
    this.every(LOG_MILLIS, async () => {
      const lines = await getText(`api/v1/logs?node=${number}&limit=${LOG_LINES}`).catch(({message}) => message);
      const atEnd = log.scrollTop + log.clientHeight > log.scrollHeight - 20;
      text(log, lines.replace(/^node-\d+ /gm, "").trimEnd());
      if (atEnd) log.scrollTop = log.scrollHeight;
    });
  }

  facts(list, state, node) {
    const {mode} = state.mining ?? {};
    const facts = [["State", node.state], ["Height", node.height], ["Tip", short(node.tip)], ["In its pool", node.pool],
      ["Mined", `${node.mined} of the chain`], ["Mining", node.hashrate ? hashrate(node.hashrate) : mode === "background" ? "off" : mode],
      ["Memory", node.memory && bytes(node.memory)], ["Process", node.pid],
      ["HTTP", node.http], ["P2P", node.p2p], ["Id", node.id.slice(0, 12)]].filter(([, value]) => value !== null && value !== undefined);
    this.list(list, facts);
  }

  list(list, rows) {
    changed(list, rows.join("|"), () => list.replaceChildren(...rows.map(([name, value]) => el("div", el("dt", name), el("dd", `${value}`)))));
  }

  peers(list, state, node) {
    const links = [...state.links.values()].filter(({a, b}) => a === node.node || b === node.node).map(link =>
      [link.a === node.node ? link.b : link.a, link.cut ? "cut" : !link.up ? "down" : link.latency_ms ? `${millis(link.latency_ms)} each way` : "connected"]);
    changed(list, links.join("|"), () => list.replaceChildren(...links.map(([other, how]) => el("li",
      el("button.plain", {onclick: () => this.openNode(other)}, state.nodes.get(other)?.name ?? "?"),
      el("button.plain.how", {"aria-label": `Its link: ${how}`, onclick: () => this.link.open(node.node, other)}, how)))));
  }
}
