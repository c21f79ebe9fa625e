// Who is asked: a manager for its network, or a node for itself and its peers. What a node answers is told as a
// network of one, with the peers around it.

import { get, post } from "./api.js";

/// Heights read when the page opens.
const HEIGHTS = 400;

/// The program that served this page: its specification says which, and both have one.
export const source = async () => (await get("api/v1/openapi.json")).paths?.["/api/v1/info"] ? node() : network;

const both = {
  mine: body => post("api/v1/mine", body),
  send: content => post("api/v1/transactions", {content}),
};

const network = {
  ...both,
  kind: "network",
  async snapshot() {
    const [network, tree] = await Promise.all([get("api/v1/network"), get(`api/v1/tree?limit=${HEIGHTS}`)]);
    const time = Math.max(network.manager.started, ...tree.blocks.slice(-50).map(block => block.seen));
    return {type: "snapshot", kind: "network", time, network, tree};
  },
  adapt: event => event,
  async figures() {
    const {rules, mining, propagation, nodes, links, events: {run}} = await get("api/v1/network");
    return {type: "figures", run, rules, mining, propagation, links,
      nodes: nodes.map(({tip, height, state, pool, hashrate, ...node}) => node)};
  },
  api: node => `node/${node}/api/v1/`,
  setMining: body => post("api/v1/mining", body),
};

function node() {
  let peers = [];
  return {
    ...both,
    kind: "node",
    async snapshot() {
      const [info, connected, tree] = await Promise.all([get("api/v1/info"), get("api/v1/peers"), get(`api/v1/tree?limit=${HEIGHTS}`)]);
      peers = connected.peers.map(peer => peer.node);
      const {hashrate} = info.mining;
      const me = {node: 0, name: "Me", id: info.node, p2p: info.listen, ...info.tip, tip: info.tip.hash, pool: info.pool.count,
        hashrate, memory: info.memory.resident_bytes, peers: peers.map((_, at) => at + 1)};
      const others = connected.peers.map(({node, address, height}, at) =>
        ({node: at + 1, name: node.slice(0, 4), id: node, p2p: address, height, ghost: true, peers: [0]}));
      const blocks = tree.blocks.map(block => ({...block, seen: block.arrived ?? block.time,
        refused: block.status === "invalid" ? "it, or an ancestor, broke a rule" : undefined}))
        .sort((a, b) => a.height - b.height || a.seen - b.seen);
      return {type: "snapshot", kind: "node", time: blocks.at(-1).seen, tree: {blocks}, network: {
        rules: {id: info.network.id, expected_hashes: info.tip.expected_hashes}, nodes: [me, ...others],
        links: others.map(({node}) => ({a: 0, b: node, up: true})), mining: {mode: hashrate ? "background" : "off"}}};
    },
    adapt(event, resync) {
      // Peers are few, and seldom change.
      if (event.type.startsWith("peer_")) return resync();
      const from = peers.indexOf(event.from) + 1 || event.from;
      return {...event, node: 0, from};
    },
    async figures() {
      const {memory} = await get("api/v1/info");
      return {type: "figures", nodes: [{node: 0, memory: memory.resident_bytes}]};
    },
    api: () => "api/v1/",
    mine: ({count, content}) => both.mine({count, content}),
    setMining: ({mode, hashrate}) => post("api/v1/mining", {hashrate: mode === "off" ? 0 : hashrate}),
  };
}
