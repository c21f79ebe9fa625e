// What a changed block costs: its words are changed here, every hash is computed here, the rules say what breaks, and a
// new proof of work is searched for here. Nothing of it leaves the page.

import { get } from "./api.js";
import * as codec from "./codec.js";
import { attr, el, on, show, text } from "./dom.js";
import { branch } from "./model.js";
import { count, plural, short } from "./words.js";

/// Blocks shown: the changed one and what follows it.
const MAX_SHOWN = 8;

export class Tamper {
  constructor(app, cards) {
    Object.assign(this, {app, cards});
  }

  async open(hash) {
    const {app: {state}, cards} = this;
    const first = state.blocks.get(hash);
    const body = el("div.tamper");
    cards.fill({title: `Tamper with block ${first.height}`, sign: "✎", kind: `.square.c${first.colour}`, block: hash}, body);
    const chain = branch(state, first);
    const some = chain.slice(0, MAX_SHOWN);
    try {
      // Who has the last of them has those below it.
      const api = await cards.block.at(some.at(-1).hash);
      this.lay(body, await Promise.all(some.map(({hash}) => get(`${api}blocks/${hash}`))), chain.length - 1);
    } catch ({message}) {
      text(body, message);
    }
  }

  lay(body, blocks, above) {
    const [block] = blocks;
    const tx = block.transactions.find(tx => tx.text !== undefined) ?? block.transactions[0];
    const field = tx.text === undefined ? "note" : "text";
    const was = tx[field];
    const mined = blocks.map(block => ({...block}));
    const {highest} = this.app.state;
    const [input, repair, rows, said] = [el("textarea#tampered", {maxlength: field === "note" && 90}, was), el("input#repair", {type: "checkbox"}), el("ol.chainlets"), el("p.result", {role: "status"})];
    const [mine, tries, again] = [el("button#mine-again", {onclick: () => this.mine(tries, blocks, at, compute)}), el("p#tries.note", {role: "status"}), el("div")];
    again.append(mine, tries);
    const corrects = el("label.row", repair, "and its Merkle root corrected");
    body.replaceChildren(el("label", field === "note" ? "The miner’s note in it" : "What it says", input), corrects, rows, said, again);
    // A browser has ends of lines of its own.
    const words = input.value;
    // The first block that breaks a rule; and the tries that went into new proofs of work.
    let at;
    this.tries = 0;
    const compute = () => {
      const root = codec.shown(codec.merkleRoot(block.transactions.map(codec.transactionId)));
      if (repair.checked) block.merkle_root = root;
      const hashes = blocks.map(one => codec.shown(codec.doubleSha256(codec.header(one))));
      const faults = blocks.map((one, at) => {
        if (at === 0 && root !== one.merkle_root) return ["BadMerkleRoot", `its contents come to the root ${short(root)}, its header says ${short(one.merkle_root)}`];
        if (one.height && !codec.meets(hashes[at], one.bits)) return ["BadPow", `its hash is above the target, ${codec.target(one.bits).slice(0, 18)}…: the work is gone`];
        if (at && one.previous !== hashes[at - 1]) return ["Unlinked", `it names ${short(one.previous)} as its parent, which is ${short(hashes[at - 1])} now`];
        return null;
      });
      at = faults.findIndex(Boolean);
      rows.replaceChildren(...blocks.map((one, i) => {
        const isNew = hashes[i] !== mined[i].hash;
        return el(`li.${faults[i] ? "bad" : at >= 0 && i > at ? "after" : "good"}`, {"data-rule": faults[i]?.[0], "data-again": isNew && !faults[i]},
          el("b", `${at >= 0 && i >= at ? "✕" : "✓"} Block ${one.height}`), el("span.mono", `${hashes[i].slice(0, 18)}…`),
          el("span.note", faults[i]?.join(": ") ?? (at >= 0 && i > at ? "Whole in itself, but what it stands on is not." : !isNew ? "As it was mined." : one.height ? `Valid, but not ${short(mined[i].hash)}, which the others have.` : "Another network’s first block.")));
      }));
      show(corrects, input.value !== words);
      attr(said, "class", `result ${at < 0 ? "good" : "bad"}`);
      const [rate, left, grown] = [count(codec.tries((blocks[at] ?? block).bits)), plural(above + 1 - Math.max(at, 0), "block"), this.app.state.highest - highest];
      const rest = above + 1 - blocks.length;
      const meanwhile = grown > 0 ? ` Meanwhile the others found ${plural(grown, "block")} more.` : "";
      text(said, input.value === words ? "Change the words above, and see what falls."
        : at < 0 && !block.height ? "This is another network now: no node of this one takes it, whatever work is in it."
        : at < 0 ? `${plural(blocks.length, "block")} mined again, each valid${rest > 0 ? `; ${rest} more to go` : ""}. Still no peer takes them: nodes change only for more work than they have.${meanwhile} Whoever rewrites must be faster than all others together.`
        : !repair.checked ? "Every node computes the root from the contents: all would refuse it. So the header must be changed, too."
        : at === 0 ? `The header’s hash has no work in it now: all would refuse it. To mend it, ${left} must be mined again, while the others mine on.`
        : `What stands above names a block that is gone: ${left} to go.${meanwhile}`);
      show(again, repair.checked && at >= 0);
      text(mine, at ? `Mine block ${blocks[at]?.height} again, on top of that` : "Find a new proof of work for it");
      text(tries, `About ${rate} tries each; every one has the same chance.`);
    };
    on(input, {input: () => {
      this.stop();
      // What stood above stands there again, until it is mined anew.
      blocks.forEach((block, i) => Object.assign(block, {previous: mined[i].previous, nonce: mined[i].nonce, merkle_root: mined[i].merkle_root}));
      tx[field] = input.value === words ? was : input.value;
      compute();
    }});
    on(repair, {change: () => {
      this.stop();
      block.merkle_root = mined[0].merkle_root;
      compute();
    }});
    compute();
  }

  stop() {
    this.worker?.terminate();
    this.worker = null;
  }

  /// Searches a nonce for the block at `at`, on top of the one below; in a thread that ends with the card.
  mine(tries, blocks, at, compute) {
    this.stop();
    const block = blocks[at];
    if (at) block.previous = codec.shown(codec.doubleSha256(codec.header(blocks[at - 1])));
    const worker = this.worker = new Worker(new URL("./miner.js", import.meta.url), {type: "module"});
    worker.onmessage = ({data: {tries: so, nonce}}) => {
      if (!tries.isConnected) return this.stop();
      text(tries, `${count(so)} tries so far; on average it takes ${count(codec.tries(block.bits))}.`);
      if (nonce === undefined) return;
      this.stop();
      block.nonce = nonce;
      compute();
      text(tries, `Found after ${so.toLocaleString("en")} tries. ${tries.textContent}`);
    };
    worker.postMessage({header: codec.header(block), target: codec.fromHex(codec.target(block.bits))});
  }
}
