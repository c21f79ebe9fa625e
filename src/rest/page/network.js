// Nodes as discs, links between them. A disc has its tip's colour and letters: the same colour is the same chain.

import { $, attr, changed, keep, onKeys, svg, text } from "./dom.js";
import { Flights } from "./flights.js";
import { HEIGHT, WIDTH, around, layout, path } from "./layout.js";
import { linkKey, running } from "./model.js";
import { brief, millis, percent } from "./words.js";

const SIGNS = {paused: "❚❚", ended: "✕", restarting: "↻", returning: "↻"};

/// Above so many nodes, discs are too small for a tip's letters.
const LETTERED = 24;

/// Half of a link's warmth is gone after so many seconds.
const COOLING = 8;

export class Network {
  constructor(open) {
    this.open = open;
    this.svg = $("#network");
    this.layers = Object.fromEntries(["groups", "links", "nodes", "marks"].map(layer => [layer, svg(`g.${layer}`)]));
    this.svg.append(...Object.values(this.layers));
    this.nodes = new Map();
    this.links = new Map();
    this.flights = new Flights(this);
    this.chosen = new Set();
  }

  draw(state, now) {
    changed(this, [...state.nodes.keys(), ...state.links.keys()].join(), () => this.arrange(state));
    keep(this.links, state.links, link => this.link(link, now));
    for (const [key, link] of state.links) this.drawLink(this.links.get(key), link, now);
    keep(this.nodes, state.nodes, node => this.disc(node.node));
    const total = running(state).reduce((sum, node) => sum + node.hashrate, 0);
    for (const node of state.nodes.values()) this.drawNode(state, node, total);
    const groups = state.partition ?? [];
    changed(this.layers.groups, `${this.was}|${groups.join("/")}`, () => this.layers.groups.replaceChildren(...groups.map(group =>
      svg("path", {"stroke-width": 2 * this.radius + 56, d: `${path(around(group.map(node => this.points.get(node)).filter(Boolean)))}Z`}))));
  }

  arrange(state) {
    const numbers = [...state.nodes.keys()].sort((a, b) => a - b);
    const alone = state.kind === "node";
    Object.assign(this, layout(alone && numbers.length > 1 ? numbers.slice(1) : numbers, [...state.links.values()]));
    // A node's own view has itself in the middle.
    if (alone) this.points.set(0, {x: WIDTH / 2, y: HEIGHT / 2});
    this.isSmall = numbers.length > LETTERED;
    this.svg.classList.toggle("small", this.isSmall);
    keep(this.links, new Map());
    keep(this.nodes, new Map());
  }

  link({a, b, blocks}, at) {
    const g = svg("g", {"data-link": `${a}-${b}`});
    this.layers.links.append(g);
    return {g, blocks, at, heat: 0};
  }

  drawLink(drawn, link, now) {
    drawn.heat = drawn.heat * 0.5 ** (Math.max(0, now - drawn.at) / COOLING) + Math.max(0, link.blocks - drawn.blocks);
    Object.assign(drawn, {blocks: link.blocks, at: now});
    const {latency_ms: latency, loss} = link;
    const slow = latency || loss;
    const label = slow ? `${millis(latency)}${loss ? `, ${percent(loss)} lost` : ""}` : "";
    const how = `${link.cut ? "cut" : link.up ? "up" : "down"}${slow ? " slow" : ""}${`${link.a}-${link.b}` === this.selectedLink ? " selected" : ""}`;
    changed(drawn, how + label, () => this.shape(drawn.g, how, label, this.points.get(link.a), this.points.get(link.b)));
    // In steps: a change too small to be seen would be drawn all the same.
    const width = link.cut ? "2px" : `${(Math.min(8, (slow ? 4 : 1.8) + 1.6 * Math.log2(1 + drawn.heat)) * Math.min(1, this.radius / 25) * 2).toFixed(0) / 2}px`;
    if (drawn.width !== width) drawn.g.style.strokeWidth = drawn.width = width;
  }

  /// A link that is cut has two ends, each with a bar across.
  shape(g, how, label, from, to) {
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const long = Math.hypot(dx, dy);
    const line = (x1, y1, x2, y2) => svg("line", {x1, y1, x2, y2});
    const end = ({x, y}, way) => {
      const [ux, uy] = [(dx / long) * way, (dy / long) * way];
      const near = Math.min(long * 0.4, this.radius + 30);
      const [ex, ey] = [x + ux * near, y + uy * near];
      return [line(x, y, ex, ey), line(ex - uy * 7, ey + ux * 7, ex + uy * 7, ey - ux * 7)];
    };
    attr(g, "class", `link ${how}`);
    const whole = line(from.x, from.y, to.x, to.y);
    attr(whole, "class", how.startsWith("cut") ? "gone" : "wire");
    // What is pressed is wider than what is seen.
    const broad = svg("line.broad", {x1: from.x, y1: from.y, x2: to.x, y2: to.y});
    g.replaceChildren(broad, whole, ...(how.startsWith("cut") ? [...end(from, 1), ...end(to, -1)] : []));
    if (label) g.append(svg("text.latency", {x: from.x + dx / 2, y: from.y + dy / 2 + 4}, label));
  }

  disc(number) {
    const r = this.radius;
    const {x, y} = this.points.get(number);
    const circle = (name, more, rest) => svg(`circle.${name}`, {r: r + more, ...rest});
    const words = (name, size, y, x = 0) => {
      const item = svg(`text.${name}`, {x, y: y.toFixed(1)});
      item.style.fontSize = `${size.toFixed(1)}px`;
      return item;
    };
    const drawn = {
      halo: circle("halo", 14), track: circle("track", 6), share: circle("share", 6, {transform: "rotate(-90)"}), disc: circle("disc", 0),
      letter: this.isSmall ? words("letter", r * 0.95, r * 0.33) : words("letter", r * 0.86, r * 0.12), tip: words("tip", r * 0.4, r * 0.62),
      height: words("height", Math.max(11, r * 0.38), r + 25), badge: words("badge", Math.max(11, r * 0.5), -r * 0.72, r * 0.85),
    };
    drawn.g = svg("g", {tabindex: 0, role: "button", "data-node": number,
      onclick: () => this.open(number), onkeydown: onKeys(() => this.open(number))}, Object.values(drawn));
    drawn.g.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    this.layers.nodes.append(drawn.g);
    return drawn;
  }

  drawNode(state, node, total) {
    const {g, letter, tip, height, badge, share} = this.nodes.get(node.node);
    const block = state.blocks.get(node.tip);
    const letters = brief(node.tip);
    attr(g, "class", ["node", node.state, node.ghost ? "ghost" : block ? `c${block.colour}` : "", this.chosen.has(node.node) ? "chosen" : "",
      this.selected === node.node ? "selected" : ""].filter(Boolean).join(" "));
    text(letter, node.name);
    if (!this.isSmall) {
      text(tip, letters);
      text(height, node.height === null ? "" : `#${node.height}`);
    }
    text(badge, SIGNS[node.state] ?? "");
    const part = total && node.state === "running" ? node.hashrate / total : 0;
    const around = 2 * Math.PI * (this.radius + 6);
    attr(share, "stroke-dasharray", `${(part * around).toFixed(1)} ${around.toFixed(1)}`);
    attr(g, "aria-label", `Node ${node.name}, ${node.state}, height ${node.height}, tip ${letters}${part ? `, ${percent(part)} of the hash rate` : ""}`);
  }

  /// What an event lets be seen for a moment.
  event(state, {type, hash, from, node, origin}) {
    if (type !== "block" || !this.points) return;
    const {colour} = state.blocks.get(hash) ?? {};
    if (Number.isInteger(from)) this.flights.fly(hash, from, node, colour, state.links.get(linkKey(from, node))?.latency_ms);
    else if (origin === "mined") this.flights.land(hash, node, performance.now(), colour);
  }
}
