// A block looked at closely: its 80 bytes, the work in its hash, its way over the network, what is in it; and its hash
// computed again, here.

import { get, getBytes } from "./api.js";
import * as codec from "./codec.js";
import { attr, changed, el, text } from "./dom.js";
import { running } from "./model.js";
import { brief, bytes, clock, count, foreign, millis, name } from "./words.js";

const MEANS = {version: "free for the miner", previous: "the block before: so it is a chain",
  merkle_root: "stands for all that is in the block", time: "when, by the miner’s clock", bits: "the target, in short",
  nonce: "what the miner searched for"};

export class BlockCard {
  constructor(app, cards) {
    Object.assign(this, {app, cards});
  }

  async open(key) {
    const {app} = this;
    const block = app.state.blocks.get(key);
    if (!block) return;
    const hash = key.replace("!", "");
    let told = [];
    const [places, arrivals, more] = [el("p"), el("ol.arrivals"), el("div")];
    const work = block.height === 0 ? "The first block: all begin with it, so nobody had to mine it."
      : `Begins with ${codec.zeroBits(hash)} zero bits${block.bits && codec.meets(hash, block.bits) ? `, and is not above the target: that takes about ${count(codec.tries(block.bits))} tries` : ""}.`;
    this.cards.fill({title: `Block ${block.height}`, sign: `${block.height}`, kind: `.square.c${block.colour}`, block: key},
      this.marked(hash), el("p.note", work), places, block.refused && el("p.bad", `Refused. ${block.refused}`), more,
      el("h3", "When each node had it"), arrivals);
    this.cards.draw = state => {
      const block = state.blocks.get(key);
      if (!block) return;
      const tipOf = [...state.nodes.values()].filter(node => node.tip === hash).map(node => node.name);
      const depth = state.blocks.get(state.best)?.height - block.height;
      text(places, `${!state.best ? "" : !block.best ? "Not on the best chain." : depth ? `On the best chain, ${depth + 1} deep.` : "The tip of the best chain."}${tipOf.length ? ` The tip of ${tipOf.join(", ")}.` : ""}`);
      // Of what came before the page was opened, only the manager tells.
      const known = new Map(told.map(at => [at.node, at]));
      for (const [node, at] of block.holders ?? []) if (at.time) known.set(node, {node, ...at});
      this.arrivals(arrivals, state, [...known.values()]);
    };
    this.cards.draw(app.state);
    if (!app.source || block.refused) return;
    try {
      if (app.source.kind === "network") {
        told = (await get(`api/v1/blocks/${hash}`)).arrivals;
        app.redraw();
      }
      const api = `${await this.at(hash)}blocks/${hash}`;
      const [full, header] = await Promise.all([get(api), getBytes(`${api}/header`)]);
      this.more(more, hash, full, header, api);
    } catch ({message}) {
      text(more, message);
    }
  }

  /// Where to ask for a block: not every node has each.
  async at(hash) {
    const {source, state} = this.app;
    const {held_by} = source.kind === "node" ? {held_by: [0]} : await get(`api/v1/blocks/${hash}`);
    const active = running(state).map(({node}) => node);
    // Of what is far down, nobody may have told.
    const node = active.find(node => held_by.includes(node)) ?? active[0];
    if (node === undefined) throw new Error("No node runs.");
    return source.api(node);
  }

  /// A hash, its zeros marked: they are the work.
  marked(hash) {
    const at = hash.indexOf(brief(hash));
    return el("p.mono", el("b", hash.slice(0, at)), el("strong", brief(hash)), hash.slice(at + 4));
  }

  arrivals(list, state, arrivals) {
    arrivals.sort((a, b) => a.time - b.time);
    const first = arrivals[0]?.time;
    const span = arrivals.at(-1)?.time - first || 1;
    changed(list, arrivals.length, () => list.replaceChildren(...arrivals.map(({node, time, from, origin}) => {
      const bar = el("i");
      bar.style.width = `${(4 + 96 * (time - first) / span).toFixed(1)}%`;
      const how = origin === "mined" ? "mined it" : `${Number.isInteger(from) ? `from ${name(state, from)}, ` : ""}${origin ?? ""}`;
      return el("li", el("b", name(state, node)), el("span", bar), el("span", time === first ? clock(time) : `+${millis((time - first) * 1000)}`), el("span.note", how));
    })));
  }

  more(box, hash, full, header, api) {
    const fields = codec.fields.map(([name, at, length]) => el(`span.${name}`, {title: name}, codec.toHex(header.slice(at, at + length))));
    const rows = codec.fields.map(([name]) => el(`tr.${name}`, el("th", {scope: "row"}, name.replace("_", " ")),
      el("td.mono", `${full[name]}${name === "time" ? ` · ${clock(full.time)}` : ""}`), el("td.note", MEANS[name])));
    const result = el("p.result", {role: "status"});
    const contents = (full.transactions ?? []).map(tx => el("li", el("b", tx.type), tx.type === "coinbase"
      ? ` by ${this.miner(tx.miner)}${tx.note && `, ${foreign(tx.note)}`}` : ` ${tx.text?.replace(/^.*$/s, foreign) ?? `${tx.base64.slice(0, 80)} (base64)`}`, el("small.mono", tx.id.slice(-8))));
    box.replaceChildren(el("div.row", el("button#hash-again", {onclick: () => this.again(result, hash, header, full)}, "Hash it again"),
      el("button#tamper", {onclick: () => this.cards.tamper.open(hash)}, "What if somebody changes it?")), result,
    el("h3", "Header"), el("div.header.mono", {"aria-label": "The header’s 80 bytes"}, fields), el("table", el("tbody", rows)),
    el("h3", `Contents, ${bytes(full.bytes)}`), el("ol.contents", contents),
    el("p", el("a", {href: `${api}/raw`}, "Its bytes")));
  }

  miner(id) {
    return [...this.app.state.nodes.values()].find(node => node.id === id)?.name ?? (/^0*$/.test(id) ? "nobody" : id.slice(0, 8));
  }

  again(result, hash, header, full) {
    const found = codec.shown(codec.doubleSha256(header));
    attr(result, "class", `result ${found === hash ? "good" : "bad"}`);
    result.replaceChildren(this.marked(found), found !== hash ? "✕ The bytes do not hash to the block’s name: whoever gave them lies."
      : `✓ SHA-256 of SHA-256 of the 80 bytes, computed by this browser: the same${codec.meets(found, full.bits) ? ", and not above the target" : ""}.`);
  }
}
