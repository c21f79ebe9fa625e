// Where blocks stand in the tree: x is their height, y a lane. Pure. A block that has its place keeps it.

/// Colours of branches that a page tells apart; page.css has them as .c0 to .c5.
const COLOURS = 6;

const cell = (lane, height) => `${lane}:${height}`;
export const isFree = ({cells}, lane, height) => !cells.has(cell(lane, height));

/// Gives a block its lane and its colour: those of its parent for a first child; a fork takes the nearest lane that
/// is free from its height on. One that was `drawn` before has them already.
export function place(state, block, drawn) {
  const {lanes} = state;
  const parent = state.blocks.get(block.previous) ?? {lane: 0, colour: 0};
  const {height} = block;
  if (drawn?.lane !== undefined && isFree(lanes, drawn.lane, height)) ({lane: block.lane, colour: block.colour} = drawn);
  else if (isFree(lanes, parent.lane, height) && (parent.hash || (lanes.last[0] ?? -1) < height)) {
    ({lane: block.lane, colour: block.colour} = parent);
  } else {
    block.lane = nearest(lanes.last, parent.lane, height);
    block.colour = unused(state, parent.colour);
  }
  lanes.cells.set(cell(block.lane, height), block.hash);
  lanes.last[block.lane] = Math.max(lanes.last[block.lane] ?? -1, height);
}

function nearest(last, home, height) {
  // The lower first: what is free again is taken again, and the tree does not drift away.
  for (let away = 1; ; away += 1) {
    const lane = away > home ? away : home - away;
    // One block between, so that two branches do not look like one.
    if (!(last[lane] >= height - 1)) return lane;
  }
}

/// The next colour that nobody's tip has, nor the branch that this one leaves.
function unused(state, left) {
  const used = new Set([left]);
  for (const {tip} of state.nodes.values()) used.add(state.blocks.get(tip)?.colour);
  const next = at => (left + at + state.lanes.forks) % COLOURS;
  state.lanes.forks += 1;
  for (let at = 0; at < COLOURS; at += 1) if (!used.has(next(at))) return next(at);
  return (left + 1) % COLOURS;
}

/// Frees the place of a block that is forgotten.
export const leave = (state, block) => state.lanes.cells.delete(cell(block.lane, block.height));
