// The state, and what each event makes of it. Pure: no clock, no page, no calls; so a recording that is applied
// again comes to the same. Everything here is bounded.

import { leave, place } from "./lanes.js";
import { letters, plural } from "./words.js";

/// Blocks kept, the lowest forgotten first, some hundred at a time; and those of which each arrival is kept.
const MAX_BLOCKS = 4000;
const FORGOTTEN = 250;
const MAX_FRESH = 512;
const MAX_STORY = 200;
const MAX_REFUSED = 100;

/// Every node tells of the same reorg; so many seconds apart they are one.
const TOGETHER = 5;

export const linkKey = (a, b) => a < b ? `${a}-${b}` : `${b}-${a}`;

export const empty = () => ({
  kind: "network", run: null, at: 0, rules: null, nodes: new Map(), links: new Map(), mining: null, partition: null, said: null,
  propagation: null, blocks: new Map(), fresh: [], lanes: {cells: new Map(), last: [], forks: 0}, best: null, highest: 0,
  story: [], serial: 0, reorg: null, refused: new Map(),
});

/// Applies one event.
export function apply(state, event) {
  state.at = Math.max(state.at, event.time ?? 0);
  HANDLERS[event.type]?.(state, event);
}

const HANDLERS = {
  snapshot: load,
  block(state, event) {
    const {hash, node, from, time, origin} = event;
    // What was refused under its name was its header with what is not its own. Where that was drawn, it is.
    const was = state.blocks.get(hash);
    state.refused.delete(hash);
    if (was?.refused) {
      leave(state, was);
      state.blocks.delete(hash);
    }
    const block = known(state, event, was ?? event);
    const news = !block.holders?.has(node);
    if (origin === "mined") block.miner ??= node;
    hold(state, block, node, time, from, origin);
    const link = state.links.get(linkKey(from, node));
    if (link && news) link.blocks += 1;
  },
  block_mined(state, {hash, node}) {
    const block = state.blocks.get(hash);
    if (block) block.miner = node;
  },
  block_refused(state, event) {
    const {rule, why, node, time} = event;
    // Changed contents leave the header, and so the name, as they were: the block of that name is whole.
    const own = state.blocks.get(event.hash);
    const hash = own && !own.refused ? `!${event.hash}` : event.hash;
    let entry = state.refused.get(hash);
    if (!entry) {
      state.refused.set(hash, entry = {kind: "refused", hash, rule, why, nodes: new Set()});
      if (state.refused.size > MAX_REFUSED) state.refused.delete(state.refused.keys().next().value);
      tell(state, time, entry);
    }
    entry.nodes.add(node);
    // Where it would stand, if the teller knows.
    if (Number.isInteger(event.height)) known(state, {...event, hash, seen: time, refused: `${rule}: ${why}`});
  },
  tip(state, event) {
    const {node, hash, height, work, time} = event;
    if (!state.nodes.has(node)) return;
    Object.assign(state.nodes.get(node), {tip: hash, height});
    const block = state.blocks.get(hash);
    if (block) {
      if (work) block.work = BigInt(work);
      hold(state, block, node, time);
    }
    choose(state);
    // A node takes a branch over in steps, of which the first is told as a reorg.
    for (const entry of reorgs(state, time)) if (entry.nodes.has(node)) win(state, entry, block);
  },
  reorg(state, {node, time, old, new: now, depth, returned}) {
    const last = reorgs(state, time).find(entry => entry.old === old.hash);
    if (!last) return gaveUp(state, time, {old: old.hash, new: now.hash, depth, meet: old.height - depth, won: now.height, returned: returned.count, nodes: new Set([node])});
    last.nodes.add(node);
    last.returned = Math.max(last.returned, returned.count);
  },
  pool: (state, {node, count}) => amend(state, node, {pool: count}),
  mining: (state, {node, hashrate}) => amend(state, node, {hashrate}),
  peer_ready: (state, event) => connection(state, event, true),
  peer_closed: (state, event) => connection(state, event, false),
  mining_set: (state, event) => { state.mining = event; },
  verdict: (state, event) => { state.said = event.condition; },
  partition(state, {groups, time}) {
    state.partition = groups;
    const side = node => groups?.findIndex(group => group.includes(node));
    for (const link of state.links.values()) link.cut = groups ? link.cut || side(link.a) !== side(link.b) : false;
    tell(state, time, {kind: "partition", groups});
  },
  link(state, {seq, type, time, ...event}) {
    const link = linked(state, event.a, event.b);
    const news = link.cut !== event.cut || link.latency_ms !== event.latency_ms;
    Object.assign(link, event);
    // Of a partition one sentence says all.
    if (news && !state.partition) tell(state, time, {kind: "link", ...event});
  },
  node(state, {node, state: life, pid, time}) {
    if (!state.nodes.has(node)) join(state, {node});
    else if (state.nodes.get(node).state === life) return;
    amend(state, node, {state: life, since: time, ...(pid && {pid}), ...(life === "ended" && {hashrate: 0})});
    tell(state, time, {kind: "node", node, state: life});
    choose(state);
  },
  // What no event tells, and is asked for now and then.
  figures(state, {nodes, links, run, ...more}) {
    // They may be of a network that is about to be told of.
    if (run && run !== state.run) return;
    for (const {peers, ...node} of nodes) amend(state, node.node, {...node, ...(peers && {peers: new Set(peers)})});
    for (const link of links ?? []) if (state.nodes.has(link.a) && state.nodes.has(link.b)) Object.assign(linked(state, link.a, link.b), link);
    for (const name of ["rules", "mining", "propagation"]) state[name] = more[name] ?? state[name];
  },
  fault: (state, {node, why, time}) => tell(state, time, {kind: "fault", node, why}),
  lost: (state, {count}) => tell(state, state.at, {kind: "lost", count}),
};

/// Begins anew with what the API says; what was told so far stays told, and what was drawn stays where it is.
function load(state, {network, tree, kind, time}) {
  const {story, serial, refused, blocks} = state;
  // The chain and what was told are another network's, if it is another run of events.
  const run = network.events?.run ?? null;
  const same = state.rules?.id === network.rules.id && state.run === run;
  Object.assign(state, empty(), same && {story, serial, refused});
  const {rules, mining, partition, propagation, verdict, last_reorg: last} = network;
  Object.assign(state, {kind, run, at: time, rules, mining, partition: partition ?? null, propagation, said: verdict?.condition});
  for (const node of network.nodes) join(state, node);
  for (const link of network.links) Object.assign(linked(state, link.a, link.b), link);
  const top = tree.blocks.at(-1)?.height;
  for (const one of tree.blocks) {
    const block = known(state, one, same ? blocks.get(one.hash) : undefined);
    block.held = one.held_by?.length ?? 0;
    // Arrivals are not in the tree; only those to come will be known.
    block.holders = block.height > top - 50 ? new Map((one.held_by ?? []).map(node => [node, {}])) : null;
  }
  choose(state);
  state.reorg = state.story.findLast(entry => entry.kind === "reorg") ?? null;
  if (!last || state.reorg) return;
  const [old, now] = [state.blocks.get(last.old), state.blocks.get(last.new)];
  gaveUp(state, last.time, {...last, meet: old?.height - last.depth, won: now?.height, nodes: new Set(last.nodes ?? [last.node])});
}

function join(state, node) {
  const {peers, name} = node;
  state.nodes.set(node.node, {id: "", state: "running", tip: null, height: null, pool: 0, hashrate: 0, mined: 0, ...node,
    name: name ?? letters(node.node), peers: new Set(peers)});
}

const amend = (state, node, more) => {
  if (state.nodes.has(node)) Object.assign(state.nodes.get(node), more);
};

function linked(state, a, b) {
  const key = linkKey(a, b);
  if (!state.links.has(key)) {
    state.links.set(key, {a: Math.min(a, b), b: Math.max(a, b), up: false, cut: false, latency_ms: 0, jitter_ms: 0, loss: 0, blocks: 0});
  }
  return state.links.get(key);
}

function connection(state, {node, peer}, up) {
  // With other programs there are connections, too, but no link of this network.
  if (!state.nodes.has(node) || !state.nodes.has(peer)) return;
  state.nodes.get(node).peers[up ? "add" : "delete"](peer);
  linked(state, node, peer).up = up;
}

function gaveUp(state, time, reorg) {
  state.reorg = {...reorg, kind: "reorg"};
  tell(state, time, state.reorg);
  win(state, state.reorg, state.blocks.get(state.best));
}

/// What was given up at about that time.
export const reorgs = ({story}, time) => story.filter(entry => entry.kind === "reorg" && time - entry.time < TOGETHER);

/// How long the branch was that won: what was on it by then. A node that tells of itself alone hears of the rest a little later.
function win(state, entry, block) {
  const until = entry.time + (state.kind === "node" ? 1 : 0);
  let won;
  for (let at = block; at?.height > entry.meet; at = state.blocks.get(at.previous)) {
    if (at.seen <= until) won ??= at.height;
    if (at.hash === entry.new) entry.won = won ?? entry.won;
  }
}

/// The block that an event or an answer tells of.
function known(state, from, drawn = from) {
  const {hash, previous, height, bits, text, seen, time, refused} = from;
  if (state.blocks.has(hash)) return state.blocks.get(hash);
  const work = from.work ? BigInt(from.work) : (state.blocks.get(previous)?.work ?? 0n) + 1n;
  const block = {hash, previous, height, bits, text, work, seen: seen ?? time, miner: from.miner ?? null, best: false,
    refused, holders: new Map(), held: 0, spread: null, over: 0};
  place(state, block, drawn);
  state.blocks.set(hash, block);
  if (!block.refused) state.highest = Math.max(state.highest, height);
  state.fresh.push(hash);
  if (seen === undefined && from.origin !== "loaded") tell(state, time, {kind: "block", hash, height});
  if (state.fresh.length > MAX_FRESH) {
    const old = state.blocks.get(state.fresh.shift());
    if (old) old.holders = null;
  }
  if (state.blocks.size > MAX_BLOCKS + FORGOTTEN) {
    const lowest = [...state.blocks.values()].sort((a, b) => a.height - b.height).slice(0, FORGOTTEN);
    for (const block of lowest) {
      leave(state, block);
      state.blocks.delete(block.hash);
    }
  }
  return block;
}

/// Notes that a node has a block, and how long it took until all had it who were there to hear of it and had a way to
/// the first: the time of a cut is none of that.
function hold(state, block, node, time, from = null, origin = null) {
  const {holders} = block;
  if (!holders) return;
  if (holders.has(node)) {
    if (from !== null) Object.assign(holders.get(node), {from, origin});
    return;
  }
  holders.set(node, {time, from, origin});
  block.held = holders.size;
  if (block.held === 1) block.near = groups(state, true).find(group => group.has(node));
  if (block.spread !== null) return;
  const wanted = running(state).filter(({node, since}) => block.near?.has(node) && !(since > block.seen));
  const times = wanted.map(({node}) => holders.get(node)?.time);
  if (times.length < 2 || times.includes(undefined)) return;
  Object.assign(block, {spread: (Math.max(...times) - Math.min(...times)) * 1000, over: times.length});
}

/// The groups of running nodes that have a way to each other, over links that are not cut; `up`: and that are up.
function groups(state, up) {
  const left = new Set(running(state).map(({node}) => node));
  const ways = [...state.links.values()].filter(link => !link.cut && (link.up || !up) && left.has(link.a) && left.has(link.b));
  const all = [];
  for (const first of left) {
    const group = new Set([first]);
    // It grows on the way.
    for (const one of group) if (group.size < left.size) for (const {a, b} of ways) if (one === a || one === b) group.add(a).add(b);
    for (const one of group) left.delete(one);
    all.push(group);
  }
  return all;
}

/// Which chain is the best: the one with the most work that a node has for its tip.
function choose(state) {
  let best = null;
  for (const {block} of tips(state)) {
    if (block && (!best || block.work > best.work || (block.work === best.work && block.hash === state.best))) best = block;
  }
  if (!best || best.hash === state.best) return;
  let at = best;
  for (; at && !at.best; at = state.blocks.get(at.previous)) at.best = true;
  // What the old one had above the place where they meet is given up.
  const now = new Set();
  for (let one = best; one && one !== at; one = state.blocks.get(one.previous)) now.add(one);
  for (let old = state.blocks.get(state.best); old && old !== at && !now.has(old); old = state.blocks.get(old.previous)) old.best = false;
  state.best = best.hash;
}

/// A block and what stands on it, as far as is known: on the best chain that, else the branch with the most work.
export function branch({blocks, best}, first) {
  let top = first.best ? blocks.get(best) : first;
  const on = new Set([first.hash]);
  for (const block of first.best ? [] : [...blocks.values()].sort((a, b) => a.height - b.height)) {
    if (!on.has(block.previous) || block.refused) continue;
    on.add(block.hash);
    if (block.work > top.work) top = block;
  }
  const found = [];
  for (; top?.height >= first.height; top = blocks.get(top.previous)) found.unshift(top);
  return found;
}

function tell(state, time, entry) {
  state.story.push(Object.assign(entry, {time, serial: state.serial += 1}));
  if (state.story.length > MAX_STORY) state.story.shift();
}

export const running = state => [...state.nodes.values()].filter(node => node.state === "running" && !node.ghost);

/// The tips that running nodes have, most nodes first.
export function tips(state) {
  const found = new Map();
  for (const {tip, node} of running(state)) {
    if (tip && !found.has(tip)) found.set(tip, {hash: tip, block: state.blocks.get(tip), nodes: []});
    found.get(tip)?.nodes.push(node);
  }
  return [...found.values()].sort((a, b) => b.nodes.length - a.nodes.length || (a.hash < b.hash ? -1 : 1));
}

/// Whether the nodes agree: in a word for the page, in one for people, and in a sentence. In the order of the manager's
/// `verdict.rs`; that nothing comes any more is for the manager to say, who knows since when somebody mines.
export function verdict(state) {
  const own = [...state.nodes.values()].filter(node => !node.ghost);
  const active = running(state);
  const away = own.length - active.length;
  const rest = away ? ` ${away} of ${own.length} ${away === 1 ? "takes" : "take"} no part.` : "";
  const found = tips(state);
  if (!active.length) return own.every(node => node.state === "paused") ? ["down", "Paused", "All nodes are paused."] : ["down", "Down", "No node runs."];
  if (state.kind === "node") return ["in-sync", `At block ${active[0].height}`, state.nodes.size > 1
    ? `connected to ${plural(state.nodes.size - 1, "peer")}` : "with no peer yet"];
  const apart = groups(state).length;
  const cut = apart > 1 ? `${apart} groups cannot hear each other` : "";
  if (!found.every(({block}) => !block || block.best)) {
    const tie = found.filter(({block}) => block?.work === state.blocks.get(state.best).work).length > 1 ? " A tie: the next block decides." : "";
    return ["forked", "Forked", `${found.length} tips, ${found.slice(0, 4).map(tip => tip.nodes.length).join(" to ")}.${tie}${cut && ` ${cut}.`}${rest}`];
  }
  if (cut) return ["partitioned", "Partitioned", `${cut}, still on one chain.${rest}`];
  if (found.length !== 1) return ["syncing", "Catching up", `One chain; some are behind.${rest}`];
  if (state.said === "stalled") return ["stalled", "Stalled", `No block for ten times as long as it takes.${rest}`];
  return ["in-sync", "In sync", active.length === 1 ? `One node runs, alone.${rest}`
    : rest ? `${active.length} nodes agree.${rest}` : `${active.length === 2 ? "Both" : `All ${active.length}`} nodes agree.`];
}

/// Seconds that a block takes on average now; none: nobody mines by itself.
export function expectedSeconds(state) {
  if (state.mining?.mode === "interval") return state.mining.interval;
  const rate = running(state).reduce((sum, node) => sum + node.hashrate, 0);
  return rate ? Number(state.rules.expected_hashes) / rate : null;
}
