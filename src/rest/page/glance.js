// What is seen from the back of the room: the verdict, and the figures beside it.

import { $, attr, el, text } from "./dom.js";
import { expectedSeconds, running, verdict } from "./model.js";
import { ago, clock, count, hashrate, millis, name, nodes, percent, seconds, short } from "./words.js";

/// A sign for each verdict, so that colour is not the only one.
const SIGNS = {
  "connecting": "M24 6a18 18 0 1 1-18 18",
  "in-sync": "M10 25l10 10 19-23",
  "syncing": "M38 16A16 16 0 1 0 40 26M39 8v9h-9",
  "forked": "M8 24h12L36 10M20 24l16 14M28 9h9v9M28 39h9v-9",
  "partitioned": "M10 14l28 20M10 34l28-20M24 4v7M24 37v7",
  "stalled": "M24 6a18 18 0 1 0 .1 0M24 13v12l8 5",
  "down": "M12 12l24 24M36 12L12 36",
};

/// A bar as long as this many expected times is full; one that is later than this is late.
const FULL = 2;
const LATE = 3;

export class Glance {
  constructor() {
    this.tiles = ["nodes", "height", "last", "rate", "spread", "reorg", "pool"].map(tile => {
      const box = el("div.tile", {"data-tile": tile}, el("dt"), el("dd.value"), el("dd.note"));
      $("#tiles").append(box);
      return box;
    });
    this.meter = el("i");
    this.tiles[2].append(el("dd.meter", {"aria-hidden": "true"}, this.meter));
  }

  say(condition, word, why) {
    attr($("#verdict"), "data-condition", condition);
    attr($("#sign"), "d", SIGNS[condition]);
    text($("#word"), word);
    text($("#why"), why);
  }

  /// `since`: nobody answers from then on.
  draw(state, now, since) {
    const said = since ? ["connecting", "Nobody answers", `Below is what was at ${clock(since)}. Does the ${state.kind} still run?`] : verdict(state);
    this.say(...said);
    text($("title"), `${said[1]} · p2pnode`);
    const best = state.blocks.get(state.best);
    const alone = state.kind === "node";
    const active = running(state);
    const expected = expectedSeconds(state);
    const quiet = best?.height ? Math.max(0, now - best.seen) : null;
    const rate = active.reduce((sum, node) => sum + node.hashrate, 0);
    const miners = active.filter(node => node.hashrate).sort((a, b) => b.hashrate - a.hashrate);
    const even = miners.length > 1 && miners[0].hashrate < miners.at(-1).hashrate * 1.02;
    const {reorg, propagation: spread} = state;
    const pool = Math.max(0, ...active.map(node => node.pool));
    const all = active.length === state.nodes.size ? "all take part" : `${active.length} take part`;
    const tiles = [
      alone ? ["Peers", state.nodes.size - 1, "connected"] : ["Nodes", state.nodes.size, all],
      ["Height", best?.height ?? "–", best ? `tip ${short(best.hash)}` : ""],
      ["Last block", quiet === null ? "none yet" : ago(quiet), expected ? `one in ${seconds(expected)} expected` : "mined by hand"],
      ["Hash rate", hashrate(rate), !rate ? `a block takes ${count(state.rules.expected_hashes)} tries`
        : even ? `${miners.length} × ${percent(1 / miners.length)}` : `most: ${name(state, miners[0].node)}, ${percent(miners[0].hashrate / rate)}`],
      alone ? ["Memory", active[0]?.memory ? `${Math.round(active[0].memory / 2 ** 20)} MiB` : "–", "resident"]
        : ["Propagation", millis(spread?.p50_ms), spread?.blocks ? `half; 95 %: ${millis(spread.p95_ms)}` : "no block went round yet"],
      ["Last reorg", reorg ? `${reorg.depth} deep` : "none", reorg ? `${ago(Math.max(0, now - reorg.time))}, ${nodes(state, [...reorg.nodes])}` : "no block was given up"],
      ["Waiting", pool, "for a block"],
    ];
    tiles.forEach((words, at) => words.forEach((word, part) => text(this.tiles[at].children[part], word)));
    this.meter.style.width = `${expected && quiet !== null ? Math.min(100, (quiet / expected) * 100 / FULL) : 0}%`;
    attr(this.meter, "class", expected && quiet > expected * LATE ? "late" : null);
  }
}
