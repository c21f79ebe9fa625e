// The lessons, as data. A step says something; `act` does it, through the same calls as the buttons; it is done when `until`
// holds for the state. Nothing here draws.

import { running, tips } from "./model.js";

function halves(state) {
  const all = running(state).map(node => node.node).sort((a, b) => a - b);
  const half = Math.ceil(all.length / 2);
  return [all.slice(0, half), all.slice(half)];
}
/// A node of the one group, and of the other.
const one = state => (state.partition ?? halves(state))[0][0];
const other = state => (state.partition ?? halves(state))[1]?.[0];
const agree = state => !state.partition && tips(state).length === 1;
const forked = state => tips(state).length > 1;
const saying = (state, text) => [...state.blocks.values()].findLast(block => block.text === text);

const step = (say, label, act, until) => ({say, label, act, until});
const calm = step("First, everybody is to agree: no cut, and nobody mines unasked.", "Heal, and stop mining",
  async act => { await act.setMining("off"); await act.heal(); }, agree);
const cut = step("Cut the network in two. Nobody notices: each half still hears its own.", "Cut it in halves",
  (act, state) => act.cut(halves(state)), state => state.partition);
const heal = say => step(say, "Heal", act => act.heal(), agree);

export const LESSONS = [
  {
    id: "fork", title: "Fork and reorg", about: "Two honest halves write two histories. Which one stays, and who decides?",
    steps: [
      calm, cut,
      step("One half finds two blocks …", "Mine 2 in one half", (act, state) => act.mine({node: other(state), count: 2}), forked),
      step("… and the other three. Both histories keep every rule. Look at the tree: two branches, two colours.", "Mine 3 in the other",
        (act, state) => act.mine({node: one(state), count: 3}), state => state.nodes.get(one(state)).tip === state.best),
      heal("Now let them meet. Nobody votes: each node counts the work in both branches, and takes the one with more."),
      step("Read the sentence above the tree: who gave up what, and why. The letters jumped lanes; no block moved. The hollow blocks are valid still, but none builds on them."),
    ],
  },
  {
    id: "heal", title: "A message that was lost, and was not", about: "What happens to a message in a block that is given up?",
    steps: [
      calm, cut,
      step("In one half, a message gets into a block. One confirmation: is it safe?", "Mine a message there",
        (act, state) => act.mine({node: other(state), content: "paid in full"}), state => saying(state, "paid in full")),
      step("The other half finds two blocks meanwhile, without it.", "Mine 2 in the other half",
        (act, state) => act.mine({node: one(state), count: 2}), forked),
      heal("Heal. The block with the message has less work behind it, and is given up."),
      step("The message is back in the pools: see “Waiting” at the top. The next block takes it in again. That is why one waits for confirmations.",
        "Mine a block", act => act.mine({}), state => agree(state) && running(state).every(node => !node.pool)),
    ],
  },
  {
    id: "late", title: "A late joiner", about: "Whom does a newcomer believe?",
    steps: [
      step("Let there be something to catch up with.", "Mine 5 blocks", act => act.mine({count: 5}), state => state.highest >= 5),
      step("A new node knows the first block only. It asks for headers, checks the work in each, and fetches the blocks. It need trust nobody: work cannot be made up.",
        "Add a node", act => act.add(1), agree),
      step("Its disc has everybody’s colour. Press it, and read in its log how it got there."),
    ],
  },
  {
    id: "tamper", title: "Tampering", about: "Why not simply change what an old block says?",
    steps: [
      step("Put a promise into the chain, and two blocks on top of it.", "Mine a promise",
        async act => { await act.mine({content: "I owe you 10"}); await act.mine({count: 2}); }, state => saying(state, "I owe you 10")),
      step("Now change it to 1: every hash is computed in this browser, and you see what falls.", "Tamper with it",
        (act, state) => act.app.cards.tamper.open(saying(state, "I owe you 10").hash)),
    ],
  },
];
