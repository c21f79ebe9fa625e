// Bytes and hashes as docs/protocol.md has them: headers of 80 bytes, ids of transactions, Merkle roots, targets.

import { sha256 } from "./sha.js";

export const toHex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
export const fromHex = hex => (hex.match(/../g) ?? []).map(pair => parseInt(pair, 16));
/// As hashes are written: the last byte first.
export const shown = bytes => toHex([...bytes].reverse());
const unshown = hex => fromHex(hex).reverse();

/// Little-endian.
const number = (value, bytes) => Array.from({length: bytes}, (_, at) => Number((BigInt(value) >> BigInt(8 * at)) & 255n));

export const doubleSha256 = bytes => sha256(sha256(bytes));

/// (name, first byte, bytes) of a header's fields.
export const fields = [["version", 0, 4], ["previous", 4, 32], ["merkle_root", 36, 32], ["time", 68, 4], ["bits", 72, 4],
  ["nonce", 76, 4]];

export const header = ({version, previous, merkle_root, time, bits, nonce}) => [...number(version, 4), ...unshown(previous),
  ...unshown(merkle_root), ...number(time, 4), ...unshown(bits), ...number(nonce, 4)];

const sized = bytes => [...number(bytes.length, 8), ...bytes];
const utf8 = text => [...new TextEncoder().encode(text)];

/// A transaction's canonical encoding.
const encoded = tx => tx.type === "coinbase"
  ? [...number(0, 4), ...number(tx.height, 8), ...fromHex(tx.miner), ...number(tx.extra_nonce, 8), ...sized(utf8(tx.note))]
  : [...number(1, 4), ...number(tx.nonce, 8), ...sized(tx.text === undefined ? Array.from(atob(tx.base64), char => char.charCodeAt(0)) : utf8(tx.text))];

export function transactionId(tx) {
  const tag = sha256(utf8("p2pnode/tx"));
  return sha256([...tag, ...tag, ...encoded(tx)]);
}

export function merkleRoot(level) {
  while (level.length > 1) {
    level = level.filter((_, at) => at % 2 === 0).map((id, at) => doubleSha256([...id, ...(level[2 * at + 1] ?? id)]));
  }
  return level[0];
}

/// The target that eight hex digits stand for, in digits as a hash has them: so they can be compared.
export function target(bits) {
  const size = BigInt(parseInt(bits.slice(0, 2), 16));
  const mantissa = BigInt(parseInt(bits.slice(2), 16) & 0x7fffff);
  return (size <= 3n ? mantissa >> (8n * (3n - size)) : mantissa << (8n * (size - 3n))).toString(16).padStart(64, "0");
}
export const meets = (hash, bits) => hash <= target(bits);

/// Hashes that it takes on average to find one that is not above the target.
export const tries = bits => 2 ** 256 / (Number(`0x${target(bits)}`) + 1);

/// Zero bits that a hash begins with.
export const zeroBits = hash => 256 - BigInt(`0x${hash}`).toString(2).replace(/^0$/, "").length;
