// Finds a proof of work, in a thread of its own: the page goes on while it tries.

import { INITIAL, compress, words } from "./sha.js";

/// Tries between two reports.
const BATCH = 1 << 15;
const NONCES = 2 ** 32;

/// Header bytes and a target as 32 of them, first the highest; answers how many tries there were, at last with the nonce.
onmessage = ({data: {header, target}}) => {
  const [all, wanted] = [words(header), words(target)];
  const [middle, second, found] = [new Int32Array(8), new Int32Array(16), new Int32Array(8)];
  compress(INITIAL, all.subarray(0, 16), middle);
  const tail = new Int32Array(16);
  tail.set(all.subarray(16, 19));
  tail.set([1 << 31], 4);
  tail[15] = 640;
  second.set([1 << 31], 8);
  second[15] = 256;
  const swapped = word => (word << 24 | (word & 0xff00) << 8 | word >>> 8 & 0xff00 | word >>> 24) >>> 0;
  const isLow = () => {
    for (let at = 0; at < 8; at += 1) {
      const difference = swapped(found[7 - at]) - (wanted[at] >>> 0);
      if (difference) return difference < 0;
    }
    return true;
  };
  for (let nonce = 0; nonce < NONCES; nonce += 1) {
    tail[3] = swapped(nonce);
    compress(middle, tail, second);
    second[8] = 1 << 31;
    compress(INITIAL, second, found);
    if (isLow()) return postMessage({tries: nonce + 1, nonce});
    if (nonce % BATCH === BATCH - 1) postMessage({tries: nonce + 1});
  }
  postMessage({tries: NONCES, nonce: null});
};
