// What a changed block costs: its words are changed here, every hash is computed here, and the rules say what breaks.
// Nothing of it leaves the page.

import { get } from "./api.js";
import * as codec from "./codec.js";
import { attr, el, on, show, text } from "./dom.js";
import { running } from "./model.js";
import { count, plural, short } from "./words.js";

/// Blocks shown: the changed one and what follows it.
const MAX_SHOWN = 4;

export class Tamper {
  constructor(app, cards) {
    Object.assign(this, {app, cards});
  }

  async open(hash) {
    const {app} = this;
    const {blocks, best} = app.state;
    const first = blocks.get(hash);
    const body = el("div.tamper");
    this.cards.fill({title: `Tamper with block ${first.height}`, mark: el(`span.mark.square.c${first.colour}`, {"aria-hidden": "true"}, "✎"), block: hash}, body);
    if (!codec.canHash || !app.source) return text(body, "This needs a running network, and a page opened as 127.0.0.1.");
    const above = [];
    for (let at = blocks.get(best); at && at.height > first.height; at = blocks.get(at.previous)) above.unshift(at);
    const chain = [first, ...above].slice(0, MAX_SHOWN);
    try {
      const api = app.source.api(running(app.state)[0].node);
      this.lay(body, await Promise.all(chain.map(({hash}) => get(`${api}blocks/${hash}`))), above.length);
    } catch ({message}) {
      text(body, message);
    }
  }

  lay(body, blocks, above) {
    const [block] = blocks;
    const tx = block.transactions.find(tx => tx.text !== undefined) ?? block.transactions[0];
    const field = tx.text === undefined ? "note" : "text";
    const [was, root] = [tx[field], block.merkle_root];
    const [input, repair, rows, said] = [el("input#tampered", {value: was, maxlength: 90}), el("input#repair", {type: "checkbox"}), el("ol.chainlets"), el("p.result", {role: "status"})];
    const corrects = el("label.row", repair, "and its Merkle root corrected");
    body.replaceChildren(el("label", field === "note" ? "The miner’s note in it" : "What it says", input), corrects, rows, said);
    const compute = async () => {
      const turn = this.turn = {};
      tx[field] = input.value;
      const isRoot = codec.shown(await codec.merkleRoot(await Promise.all(block.transactions.map(codec.transactionId))));
      block.merkle_root = repair.checked ? isRoot : root;
      const hashes = await Promise.all(blocks.map(async one => codec.shown(await codec.doubleSha256(codec.header(one)))));
      if (turn !== this.turn) return;
      const faults = blocks.map((one, at) => {
        if (at === 0 && isRoot !== one.merkle_root) return ["BadMerkleRoot", `its contents come to the root ${short(isRoot)}, its header says ${short(one.merkle_root)}`];
        if (one.height && !codec.meets(hashes[at], one.bits)) return ["BadPow", `its hash begins with ${codec.zeroBits(hashes[at])} zero bits, ${codec.neededBits(one.bits)} are needed: the work is gone`];
        if (at && one.previous !== hashes[at - 1]) return ["Unlinked", `it names ${short(one.previous)} as its parent, which is ${short(hashes[at - 1])} now`];
        return null;
      });
      const bad = faults.findIndex(Boolean);
      rows.replaceChildren(...blocks.map((one, at) => el(`li.${faults[at] ? "bad" : bad >= 0 && at > bad ? "after" : "good"}`, {"data-rule": faults[at]?.[0]},
        el("b", `${bad >= 0 && at >= bad ? "✕" : "✓"} Block ${one.height}`), el("span.mono", `${hashes[at].slice(0, 14)}${short(hashes[at])}`),
        el("span.note", faults[at]?.join(": ") ?? (bad >= 0 && at > bad ? "Whole in itself, but what it stands on is not." : "As it was mined.")))));
      show(corrects, input.value !== was);
      attr(said, "class", `result ${bad < 0 ? "good" : "bad"}`);
      text(said, bad < 0 ? "Change the words above, and see what falls."
        : !repair.checked ? "Every node computes the root from the contents: all would refuse the block. So the header must be changed, too."
        : `The header has another hash now, with no work in it: all would refuse it. To mend it, ${plural(above + 1, "block")} must be mined again, each about ${count(2 ** codec.neededBits(block.bits))} tries, while everybody else mines on.`);
    };
    on(input, {input: compute});
    on(repair, {change: compute});
    compute();
  }
}
