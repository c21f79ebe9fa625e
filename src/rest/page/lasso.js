// Cutting the network: a line drawn around nodes, or nodes chosen one by one; then one press.

import { $, attr, el, on, show, svg } from "./dom.js";
import { path, within } from "./layout.js";
import { list, name } from "./words.js";

export class Lasso {
  constructor(app) {
    const {network} = app;
    Object.assign(this, {app, network, choosing: false, line: null});
    this.mark = svg("path.lasso");
    network.layers.marks.append(this.mark);
    on($("#cut"), {click: () => this.choose(!this.choosing)});
    on(network.svg, {
      pointerdown: event => {
        if (event.target.closest("[data-node]") || app.source?.kind !== "network" || app.past) return;
        this.link = event.target.closest("[data-link]")?.dataset.link;
        this.line = [this.point(event)];
        network.svg.setPointerCapture(event.pointerId);
      },
      pointermove: event => {
        if (!this.line) return;
        this.line.push(this.point(event));
        attr(this.mark, "d", path(this.line));
      },
      pointerup: () => this.close(), pointercancel: () => this.close(),
    });
    on(window, {keydown: ({key}) => { if (key === "Escape" && this.choosing) this.choose(false); }});
  }

  point({clientX, clientY}) {
    const {x, y} = new DOMPoint(clientX, clientY).matrixTransform(this.network.svg.getScreenCTM().inverse());
    return [x, y];
  }

  close() {
    const line = this.line ?? [];
    this.line = null;
    attr(this.mark, "d", null);
    const inside = line.length < 8 ? [] : [...this.network.points].filter(([, {x, y}]) => within([x, y], line)).map(([node]) => node);
    if (inside.length) this.choose(true, inside);
    else if (this.link && line.length && line.length < 8) this.app.cards.link.open(...this.link.split("-").map(Number));
  }

  /// Begins or ends the choosing of nodes.
  choose(choosing, nodes = []) {
    this.choosing = choosing;
    this.network.chosen = new Set(nodes);
    attr($("#cut"), "aria-pressed", choosing);
    this.draw();
  }

  /// A node was pressed while some are being chosen.
  toggle(node) {
    const {chosen} = this.network;
    if (!chosen.delete(node)) chosen.add(node);
    this.draw();
  }

  draw() {
    const {app: {state}, network: {chosen}} = this;
    const all = [...state.nodes.keys()].sort((a, b) => a - b);
    const [inside, outside] = [all.filter(node => chosen.has(node)), all.filter(node => !chosen.has(node))];
    const names = nodes => list(nodes.map(node => name(state, node)));
    const can = inside.length && outside.length;
    show($("#lasso-bar"), this.choosing);
    $("#lasso-bar").replaceChildren(el("p", can ? `Cut ${names(inside)} off from ${names(outside)}?` : "Draw around nodes, or press those to be cut off."),
      can ? el("button#do-cut.primary", {onclick: ({target}) => this.cut(target, inside)}, "Cut")
        : el("button#half", {onclick: () => this.choose(true, all.slice(Math.ceil(all.length / 2)))}, "Choose half"),
      el("button", {onclick: () => this.choose(false)}, "Cancel"));
    this.app.redraw();
  }

  async cut(button, inside) {
    const {act, state} = this.app;
    const groups = (state.partition ?? [[...state.nodes.keys()]]).flatMap(group =>
      [group.filter(node => inside.includes(node)), group.filter(node => !inside.includes(node))]).filter(group => group.length);
    if (await act.press(button, () => act.cut(groups))) this.choose(false);
  }
}
