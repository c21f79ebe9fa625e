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

/// Reads a recording; an error says which line is none.
export async function read(file) {
  const events = (await file.text()).split("\n").filter(line => line.trim()).map((line, at) => {
    let event = null;
    try { event = JSON.parse(line); } catch {
    // Said below.
  }
    if (typeof event?.type !== "string") throw new Error(`${file.name}, line ${at + 1}: not an event as one line of JSON`);
    return event;
  });
  if (events[0]?.type !== "snapshot") throw new Error(`${file.name} is no recording of this page: it does not begin with a snapshot`);
  return new Recording(events, false);
}

/// A state as an event that brings it about.
function dump({kind, run, at: time, rules, mining, partition, said, propagation, nodes, links, blocks}) {
  return {type: "snapshot", kind, time, network: {events: {run}, rules, mining, partition, propagation, verdict: {condition: said},
    nodes: [...nodes.values()].map(node => ({...node, peers: [...node.peers]})), links: [...links.values()]},
  tree: {blocks: [...blocks.values()].map(({holders, best, spread, over, held, ...block}) =>
    ({...block, work: `${block.work}`, held_by: [...(holders?.keys() ?? [])]}))}};
}
