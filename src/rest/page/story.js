// What happened, newest first, in sentences.

import { $, attr, changed, el, keep, on, text } from "./dom.js";
import { reorgs } from "./model.js";
import { clock, reorg, sentence } from "./words.js";

const SHOWN = 60;
/// A reorg is news for so many seconds.
const FRESH = 15;
const SIGNS = {block: "■", reorg: "⤴", partition: "✂", node: "●", refused: "✕", link: "─", fault: "!", lost: "…"};

export class Story {
  constructor(openBlock, openNode) {
    this.items = new Map();
    on($("#story"), {click: event => {
      const {hash, node} = event.target.closest("li")?.dataset ?? {};
      if (hash) openBlock(hash);
      else if (node) openNode(Number(node));
    }});
  }

  draw(state, now) {
    keep(this.items, new Map(state.story.slice(-SHOWN).map(entry => [entry.serial, entry])), entry => {
      const item = el("li", {"data-hash": entry.hash ?? entry.new, "data-node": entry.node},
        el("span.sign", {"aria-hidden": "true"}, SIGNS[entry.kind]), el("p"), el("time", clock(entry.time)));
      $("#story").prepend(item);
      return {g: item, entry};
    });
    for (const item of this.items.values()) {
      const {g, entry} = item;
      const block = entry.kind === "block" && state.blocks.get(entry.hash);
      attr(g, "class", block ? `block c${block.colour}` : entry.kind);
      // Words again only if something came to be known.
      const key = block ? [block.held, block.spread, block.miner].join() : [entry.nodes?.size, entry.returned, entry.won].join();
      changed(item, key, () => text(g.children[1], sentence(state, entry)));
    }
    const last = state.reorg;
    text($("#reorg"), last ? reorgs(state, last.time).map(entry => reorg(state, entry)).join(" ") : state.highest ? "" : "Only the first block is here, the same for all. Mine one to go on.");
    attr($("#reorg"), "class", last && now - last.time < FRESH ? "hint fresh" : "hint");
  }
}
