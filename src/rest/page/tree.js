// The block tree: x is height, y a lane. A block that was drawn never moves; what moves is the window, and the letters
// of the nodes, which sit on their tips. Only what the window shows is in the document.

import { $, attr, changed, isStill, keep, on, svg, text } from "./dom.js";
import { isFree } from "./lanes.js";
import { brief, foreign, short } from "./words.js";

const {abs, ceil, exp, floor, hypot, max, min, round} = Math;

/// From block to block, from lane to lane; a block's side; the top margin; a letter's radius and what it takes.
const STEP = 66;
const SIZE = 48;
const TOP = 40;
/// What a lane needs above and below the middle of its blocks.
const EDGES = TOP + SIZE - 14;
const CHIP = 10;
const CHIP_STEP = 22;

/// Letters at a free tip stand three high and eight wide; where a block follows there is room for three.
const ROWS = 3;
const ROOM = [3, 24];

/// Below these scales, a block has no second and no first line of text.
const DETAILED = 0.75;
const LABELLED = 0.42;
const SCALES = [0.008, 1.6];
/// Lanes stay at least so far apart: what is too narrow for blocks is a row of bars.
const FLAT = 0.35;
const SCALING = 1.35;
/// Screens as wide are looked at from farther away.
const WIDE = 1700;
/// Blocks that are too small for words are drawn together, so many heights at a time; and as one bar, where each is narrower
/// than a pixel or two.
const TOGETHER = 64;
const BARS = 0.03;

const place = block => [block.height * STEP, block.lane * STEP];
const standing = block => block.refused ? "refused" : block.best ? "best" : "stale";
const PLACES = {best: "on the best chain", stale: "not on the best chain", refused: "refused"};

export class Tree {
  constructor(open) {
    this.svg = $("#tree");
    // Letters move often, blocks seldom: in a picture of their own, the one is drawn without the other.
    this.layers = [this.svg, $("#chips")].map(picture => picture.appendChild(svg("g")));
    Object.assign(this, {open, blocks: new Map(), far: new Map(), chips: new Map(), wanted: innerWidth > WIDE ? 1.3 : 1, right: 0, down: 0, width: 800, height: 300});
    new ResizeObserver(([{contentRect: {width, height}}]) => {
      Object.assign(this, {width, height, jump: true});
      this.redraw();
    }).observe(this.svg);
    this.at = this.layers[0].appendChild(svg("path.at"));
    this.listen();
    this.follow(true);
  }

  redraw() { if (this.state) this.draw(this.state); }

  draw(state) {
    this.state = state;
    const groups = new Map();
    for (const node of state.nodes.values()) {
      const tip = !node.ghost && state.blocks.get(node.tip);
      if (tip) groups.set(tip, [...(groups.get(tip) ?? []), node]);
    }
    // Every lane that holds a tip is in the window, in small if need be.
    const lanes = [state.blocks.get(state.best), ...groups.keys()].filter(Boolean).map(block => block.lane);
    const [low, high] = [min(...lanes), max(...lanes)].map(lane => lane * STEP);
    this.scale = this.following && !this.free ? min(this.wanted, max(LABELLED, this.height / (high - low + EDGES))) : this.wanted;
    const detail = this.scale >= DETAILED ? 2 : this.scale >= LABELLED ? 1 : 0;
    if (this.following) this.glide(state, detail, max(0, ...[...groups.values()].map(nodes => nodes.length)), low, high);
    const shown = this.width / STEP / this.scale;
    const left = this.right - shown;
    const moved = `scale(${this.scale.toFixed(4)} ${max(this.scale, FLAT).toFixed(4)}) translate(${(-left * STEP).toFixed(1)} ${(TOP - this.down).toFixed(1)})`;
    for (const layer of this.layers) attr(layer, "transform", moved);
    const isBars = this.scale < BARS;
    changed(this, detail + isBars, () => {
      for (const drawn of [this.blocks, this.far]) keep(drawn, new Map());
      attr($("#chips"), "data-detail", detail);
    });
    const visible = new Map();
    for (const block of state.blocks.values()) {
      if (block.height > left - 1 && block.height < this.right + 1) visible.set(block.hash, block);
    }
    attr(this.svg, "data-count", visible.size);
    if (detail) {
      keep(this.blocks, visible, block => this.block(state, block, detail));
      for (const block of visible.values()) this.mark(block);
    } else this.drawFar(state, visible, isBars);
    const chosen = !detail && state.blocks.get(this.selected ?? this.cursor);
    const [x, y] = chosen ? place(chosen) : [];
    attr(this.at, "d", chosen ? `M${x - SIZE} ${y - SIZE}h${2 * SIZE}v${2 * SIZE}h${-2 * SIZE}z` : null);
    this.drawChips(state, groups);
  }

  /// Moves the window towards the tip; at once if stillness was asked for, and where it is far or too small to be followed.
  glide(state, detail, most, low, high) {
    const shown = this.width / STEP / this.scale;
    const columns = min(ROOM[1] / ROWS, ceil(most / ROWS));
    // As long as all fits, the first block stands at the left.
    const right = max(shown - 0.8, state.highest + (SIZE / 2 + 14 + columns * CHIP_STEP) / STEP);
    const down = max(0, min(low, high + EDGES - this.height / max(this.scale, FLAT)));
    const [x, y] = [right - this.right, down - this.down];
    const part = isStill() || !detail || abs(x) > 30 || document.hidden || this.jump ? 1 : 0.18;
    this.jump = false;
    this.right += x * part;
    this.down += y * part;
    if (part < 1 && (abs(x) > 0.01 || abs(y) > 1)) {
      this.frame ??= requestAnimationFrame(() => { this.frame = null; this.redraw(); });
    }
  }

  block(state, block, detail) {
    const {height, hash} = block;
    const parent = state.blocks.get(block.previous);
    const half = SIZE / 2;
    const [dx, dy] = parent ? [(parent.height - height) * STEP + half, (parent.lane - block.lane) * STEP] : [-half - 14, 0];
    const middle = (dx - half) / 2;
    const title = svg("title");
    // No transforms: a browser pays for each of them in every frame.
    const [x, y] = place(block);
    const g = svg("g", {"data-block": hash, role: "button"}, title,
      height > 0 && svg("path.edge", {d: `M${x - half} ${y}c${middle + half} 0 ${middle + half} ${dy} ${dx + half} ${dy}`}),
      svg("rect", {x: x - half, y: y - half, width: SIZE, height: SIZE, rx: 9}),
      detail > 0 && svg("text.number", {x, y: y + (detail > 1 ? -2 : 6), textLength: height > 9999 && SIZE - 6, lengthAdjust: "spacingAndGlyphs"}, `${height}`),
      detail > 1 && svg("text.short", {x, y: y + 15}, brief(hash)),
      detail > 1 && block.text && svg("path.message", {d: `M${x + 14} ${y - 29}h16v11h-16zl8 6l8 -6`}));
    this.layers[0].append(g);
    return {g, title};
  }

  /// Blocks of some heights as one line for each colour and standing; drawn again only if one of them changed.
  drawFar(state, visible, isBars) {
    const parts = new Map();
    for (const block of visible.values()) {
      const key = floor(block.height / TOGETHER);
      const part = parts.get(key) ?? {blocks: [], sum: 0};
      parts.set(key, part);
      part.blocks.push(block);
      part.sum = (part.sum * 31 + block.lane * 64 + block.colour * 4 + standing(block).length) | 0;
    }
    keep(this.far, parts, () => ({g: this.layers[0].appendChild(svg("g"))}));
    for (const [key, {blocks, sum}] of parts) changed(this.far.get(key), sum, () => {
      const lines = {};
      const add = (kind, line) => { lines[kind] = (lines[kind] ?? "") + line; };
      const [bars, last] = [[], []];
      for (const block of blocks) {
        const {height, lane, colour} = block;
        const [kind, parent] = [`far c${colour} ${standing(block)}`, state.blocks.get(block.previous)];
        if (parent && (!isBars || parent.lane !== lane)) add(`edge c${colour}`, `M${place(block)}L${place(parent)}`);
        if (isBars && last[lane]?.kind === kind && last[lane].to === height - 1) last[lane].to = height;
        else bars.push(last[lane] = {kind, lane, from: height, to: height});
      }
      for (const {kind, lane, from, to} of bars) {
        const [x, y] = [from * STEP - SIZE / 2, lane * STEP - SIZE / 2];
        add(kind, `M${x} ${y}h${(to - from) * STEP + SIZE}v${SIZE}H${x}z`);
      }
      this.far.get(key).g.replaceChildren(...Object.entries(lines).map(([kind, d]) => svg("path", {class: kind, d})));
    });
  }

  mark(block) {
    const {hash, height, colour} = block;
    const how = standing(block);
    const drawn = this.blocks.get(hash);
    changed(drawn, `block c${colour} ${how}${hash === this.selected ? " selected" : ""}${hash === this.cursor ? " cursor" : ""}`, () => {
      attr(drawn.g, "class", drawn.was);
      const words = `Block ${height} ${short(hash)}, ${PLACES[how]}${block.refused ? `: ${block.refused}` : ""}${block.text ? `; ${foreign(`“${block.text}”`)}` : ""}`;
      text(drawn.title, words);
      $(".cross", drawn.g)?.remove();
      if (block.refused) drawn.g.append(svg("path.cross", {d: `M${place(block).map(at => at - 12)}l24 24m0 -24l-24 24`}));
    });
  }

  drawChips(state, groups) {
    const wanted = new Map();
    for (const [tip, nodes] of groups) {
      nodes.sort((a, b) => a.node - b.node);
      const [x, y] = place(tip);
      const free = isFree(state.lanes, tip.lane, tip.height + 1);
      const room = ROOM[Number(free)];
      const rows = free ? ROWS : 1;
      nodes.forEach((node, at) => {
        // Of too many, the first and how many more.
        const last = nodes.length > room && at === room - 1;
        if (at >= room) return;
        const column = floor(at / rows) * CHIP_STEP;
        wanted.set(last ? `+${tip.hash}` : node.node, {
          text: last ? `+${nodes.length - at}` : node.name, mark: `chip c${tip.colour} ${last ? "" : node.state}`,
          x: free ? x + SIZE / 2 + CHIP + 5 + column : x - CHIP * 2 + column,
          y: free ? y + ((at % rows) - (min(rows, nodes.length) - 1) / 2) * CHIP_STEP : y - SIZE / 2,
        });
      });
    }
    keep(this.chips, wanted, (_, key) => {
      const chip = svg("g", {"data-chip": key}, svg("circle", {r: CHIP}), svg("text", {y: 4}));
      this.layers[1].append(chip);
      return chip;
    });
    for (const [key, chip] of this.chips) {
      const {x, y, mark, text: words} = wanted.get(key);
      chip.style.transform = `translate(${x}px, ${y}px)`;
      attr(chip, "class", mark);
      text(chip.lastChild, words);
    }
  }

  follow(following) {
    this.following = following;
    attr($("#follow"), "aria-pressed", following);
    this.redraw();
  }

  zoom(by) {
    this.wanted = min(SCALES[1], max(SCALES[0], this.scale * by));
    this.free = by > 1;
    this.jump = true;
    this.redraw();
  }

  pan(right, down) {
    Object.assign(this, {right, down: max(0, down)});
    this.follow(false);
  }

  listen() {
    let drag = null;
    on(this.svg, {
      click: event => {
        const hash = event.target.closest("[data-block]")?.dataset.block ?? this.under(event);
        if (hash && !this.dragged) this.open(hash);
      },
      pointerdown: ({clientX, clientY}) => {
        this.dragged = false;
        drag = {x: clientX, y: clientY, right: this.right, down: this.down};
      },
      keydown: event => this.key(event),
    });
    on(window, {
      pointermove: ({clientX, clientY}) => {
        if (!drag) return;
        const [dx, dy] = [clientX - drag.x, clientY - drag.y];
        this.dragged ||= hypot(dx, dy) > 5;
        if (this.dragged) this.pan(drag.right - dx / STEP / this.scale, drag.down - dy / this.scale);
      },
      pointerup: () => { drag = null; },
    });
    this.svg.addEventListener("wheel", event => {
      const across = event.shiftKey ? event.deltaY : event.deltaX;
      if (!event.ctrlKey && !across) return;
      event.preventDefault();
      if (event.ctrlKey) this.zoom(exp(-event.deltaY / 300));
      else this.pan(this.right + across / STEP / this.scale, this.down);
    }, {passive: false});
    on($("#zoom-in"), {click: () => this.zoom(SCALING)});
    on($("#zoom-out"), {click: () => this.zoom(1 / SCALING)});
    on($("#follow"), {click: () => {
      this.free = false;
      this.follow(true);
    }});
  }

  /// The block at a point, where blocks are too small to be elements.
  under({offsetX, offsetY}) {
    const height = round(this.right - (this.width - offsetX) / STEP / this.scale);
    const lane = round((offsetY / max(this.scale, FLAT) - TOP + this.down) / STEP);
    return this.state.lanes.cells.get(`${lane}:${height}`);
  }

  /// Arrows walk from block to block.
  key(event) {
    const {blocks, best} = this.state;
    const at = blocks.get(this.cursor) ?? blocks.get(best);
    const all = [...blocks.values()];
    const beside = way => all.filter(block => block.height === at.height && (block.lane - at.lane) * way > 0)
      .sort((a, b) => (a.lane - b.lane) * way)[0];
    const children = all.filter(block => block.previous === at.hash);
    const to = {ArrowLeft: blocks.get(at.previous), ArrowRight: children.find(block => block.best) ?? children[0],
      ArrowUp: beside(-1), ArrowDown: beside(1), End: blocks.get(best), Enter: at};
    if (!(event.key in to)) return;
    event.preventDefault();
    const next = to[event.key] ?? at;
    this.cursor = next.hash;
    if (event.key === "Enter") this.open(next.hash);
    const shown = this.width / STEP / this.scale;
    if (next.height > this.right - 1 || next.height < this.right - shown + 1) this.pan(next.height + shown / 2, this.down);
    else this.redraw();
  }
}
