// All events, for going back and for keeping: the newest in memory, and as a file one event a line (NDJSON). What a
// recording begins with is a `snapshot`, so that it plays without a network.

import { apply, empty } from "./model.js";

/// Events kept, and how many more gather before the oldest go: they are applied to what the rest begins with.
const MAX_EVENTS = 8192;
const SLACK = 1024;

export class Recording {
  constructor(events = [], isBounded = true) {
    Object.assign(this, {events, isBounded, base: empty(), cursor: null});
  }

  /// Takes more events; comes to how many of the oldest went.
  push(batch) {
    for (const event of batch) this.events.push(event);
    if (!this.isBounded || this.events.length < MAX_EVENTS + SLACK) return 0;
    const gone = this.events.splice(0, this.events.length - MAX_EVENTS);
    for (const event of gone) apply(this.base, event);
    this.cursor = null;
    return gone.length;
  }

  /// The state after so many of the events: from the one before, or from the beginning.
  at(index) {
    if (!this.cursor || this.cursor.index > index) this.cursor = structuredClone({index: 0, state: this.base});
    for (const {cursor} = this; cursor.index < index; cursor.index += 1) apply(cursor.state, this.events[cursor.index]);
    return this.cursor.state;
  }

  file() {
    const events = this.base.rules ? [dump(this.base), ...this.events] : this.events;
    return new Blob(events.map(event => `${JSON.stringify(event)}\n`), {type: "application/x-ndjson"});
  }
}

/// What cannot be done without: hashes are text, lists have plural names, the rest are numbers.
const BLOCK = "hash previous height";
const NEEDS = {block: `time node ${BLOCK}`, tip: "time node hash height",
  reorg: "time node depth old.hash old.height new.hash new.height returned.count",
  snapshot: "time network.rules.expected_hashes network.nodes network.links tree.blocks"};

const wrong = (event, needs = "") => needs.split(" ").find(path => {
  const value = path && path.split(".").reduce((at, member) => at?.[member], event);
  return !(/hash|previous/.test(path) ? value?.big : /s$/.test(path) ? value?.map : !path || Number.isFinite(value));
});

/// Reads a recording; an error says which line is none, and why. All of it is applied once: what can be, can be again.
export async function read(file) {
  const [state, events, heights] = [empty(), [], new Map()];
  const check = event => {
    const member = wrong(event, NEEDS[event.type]);
    if (member) return `${event.type} without “${member}”`;
    for (const block of event.tree?.blocks ?? (event.type === "block" ? [event] : [])) {
      const {hash, previous, height} = block;
      // So nothing is its own ancestor.
      for (const [one, at] of [[hash, height], [previous, height - 1]]) {
        if (wrong(block, BLOCK) || (heights.get(one) ?? at) !== at) return `block ${height} is not one above its parent`;
        heights.set(one, at);
      }
    }
  };
  (await file.text()).split("\n").forEach((line, at) => {
    if (!line.trim()) return;
    let why;
    try {
      const event = JSON.parse(line);
      events.push(event);
      why = events[0].type !== "snapshot" ? "no recording begins with this" : check(event);
      if (!why) apply(state, event);
    } catch ({message}) {
      why = message;
    }
    if (why) throw new Error(`${file.name}, line ${at + 1}: ${why}`);
  });
  if (!events.length) throw new Error(`${file.name} is empty`);
  return new Recording(events, false);
}

/// A state as an event that brings it about.
function dump({kind, run, at: time, rules, mining, partition, said, propagation, nodes, links, blocks}) {
  return {type: "snapshot", kind, time, network: {events: {run}, rules, mining, partition, propagation, verdict: {condition: said},
    nodes: [...nodes.values()].map(node => ({...node, peers: [...node.peers]})), links: [...links.values()]},
  tree: {blocks: [...blocks.values()].map(({holders, near, best, spread, over, held, ...block}) =>
    ({...block, work: `${block.work}`, held_by: [...(holders?.keys() ?? [])]}))}};
}
