// Names, figures and sentences. Pure.

/// A, B, … Z, AA: how a node is called on the page.
export const letters = number =>
  (number < 26 ? "" : letters(Math.floor(number / 26) - 1)) + String.fromCharCode(65 + number % 26);

export const name = (state, node) => state.nodes.get(node)?.name ?? "?";

/// What tells blocks apart: the first digits after the zeros, as on the command line.
export const brief = hash => /^!?0*(.{4})/.exec(hash)?.[1] ?? "";
export const short = hash => hash ? `${brief(hash)}…` : "unknown";

/// Text from outside within a sentence: its direction of writing ends with it.
export const foreign = text => `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "")}\u2069`;

export const plural = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

/// "A", "A and B", "A, B and C".
export const list = names => [names.slice(0, -1).join(", "), ...names.slice(-1)].filter(Boolean).join(" and ");

/// "node A", "nodes A and B", "all 6 nodes".
export function nodes(state, numbers) {
  if (numbers.length > 2 && numbers.length === state.nodes.size) return `all ${numbers.length} nodes`;
  if (state.kind === "node") return "this node";
  const names = numbers.sort((a, b) => a - b).map(node => name(state, node));
  if (names.length > 8) names.splice(7, names.length, `${names.length - 7} more`);
  return `${names.length === 1 ? "node" : "nodes"} ${list(names)}`;
}

const upper = text => text[0].toUpperCase() + text.slice(1);
const digits = (value, count) => `${Number(value.toPrecision(count))}`;

/// 950 ms, 4 s, 3 min, 2 h.
export function seconds(value) {
  if (value < 0.9995) return `${value < 0.01 ? digits(value * 1000, 2) : Math.round(value * 1000)} ms`;
  if (value < 10) return `${digits(value, 2)} s`;
  if (value < 100) return `${Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return value < 172800 ? `${Math.round(value / 3600)} h` : `${Math.round(value / 86400)} days`;
}
export const millis = value => value === null || value === undefined ? "–" : seconds(value / 1000);
/// As seconds go by: whole ones.
export const ago = value => value < 1 ? "now" : `${seconds(value < 10 ? Math.floor(value) : value)} ago`;

const UNITS = ["", "k", "M", "G", "T", "P", "E"];
function scaled(value, step, unit) {
  let at = 0;
  for (; value >= step && at < UNITS.length - 1; at += 1) value /= step;
  return `${value < 100 ? digits(value, 3) : Math.round(value)} ${UNITS[at]}${unit}`.trim();
}
export const count = value => scaled(Number(value), 1000, "");
export const hashrate = value => value ? scaled(value, 1000, "H/s") : "none";
export const bytes = value => scaled(value, 1000, "B");
export const percent = share => `${Math.round(share * 100)} %`;
export const clock = time => time ? new Date(time * 1000).toLocaleTimeString("en-GB") : "";

/// Who gave up what, and why.
export const reorg = (state, {nodes: who, depth, meet, won, returned}) =>
  `${upper(nodes(state, [...who]))} gave up ${plural(depth, "block")} for ${won - meet || "others"}: the other branch had more work.` +
  (returned ? ` ${plural(returned, "message")} went back to the pool.` : "");

const LIVES = {running: "takes part", paused: "is paused: it hears nothing", ended: "has ended",
  restarting: "is being started again", returning: "is back, and catches up"};

/// What happened, in one sentence.
const SENTENCES = {
  reorg,
  block(state, {hash, height}) {
    const block = state.blocks.get(hash);
    if (!block) return `Block ${height} was found.`;
    const by = Number.isInteger(block.miner) ? state.kind === "node" ? "This node" : name(state, block.miner) : block.miner?.slice(0, 8) ?? "Somebody";
    const running = [...state.nodes.values()].filter(node => node.state === "running").length;
    const spread = state.kind === "node" ? "" : block.spread === null ? `; ${block.held} of ${running} nodes have it`
      : `; on ${block.over < running ? plural(block.over, "node") : `all ${running}`} after ${millis(block.spread)}`;
    return `${by} found block ${height}${block.text ? `, with ${foreign(`“${block.text.slice(0, 40)}”`)} in it` : ""}${spread}.`;
  },
  partition: (state, {groups}) => !groups ? "The cut was healed: everybody can reach everybody again."
    : `The network was cut: ${groups.map(group => list(group.map(node => name(state, node)))).join(" | ")}. Each side goes on by itself.`,
  node: (state, {node, state: life}) => `Node ${name(state, node)} ${LIVES[life] ?? life}.`,
  refused: (state, {nodes: who, hash, rule}) =>
    `${upper(nodes(state, [...who]))} refused block ${short(hash)}: it breaks the rule ${rule}.`,
  link: (state, {a, b, cut, latency_ms}) => `The link ${name(state, a)}–${name(state, b)} ` +
    (cut ? "was cut." : latency_ms ? `takes ${millis(latency_ms)} each way now.` : "is whole."),
  fault: (state, {node, why}) => `Node ${name(state, node)} cannot keep what it learns, and stops: ${why}.`,
  lost: (state, {count}) => `${plural(count, "event")} lost; the state was read anew.`,
};
export const sentence = (state, entry) => SENTENCES[entry.kind](state, entry);
