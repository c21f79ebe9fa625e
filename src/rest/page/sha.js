// SHA-256 as in FIPS 180-4. A browser's own is a promise for each hash, and only for pages of this machine.

const [K, FIRST] = constants();
export const INITIAL = FIRST;

/// The fractions of the cube roots of the first 64 primes, and of the square roots of the first eight.
function constants() {
  const primes = [];
  for (let n = 2; primes.length < 64; n += 1) if (primes.every(prime => n % prime)) primes.push(n);
  const fraction = value => (value % 1) * 2 ** 32 | 0;
  return [Int32Array.from(primes, prime => fraction(prime ** (1 / 3))), Int32Array.from(primes.slice(0, 8), prime => fraction(prime ** 0.5))];
}

const W = new Int32Array(64);
/// One block of 16 words, on top of `state`; the result in `out`.
export function compress(state, words, out) {
  W.set(words);
  for (let t = 16; t < 64; t += 1) {
    const [x, y] = [W[t - 15], W[t - 2]];
    W[t] = W[t - 16] + W[t - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let t = 0; t < 64; t += 1) {
    const one = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[t] + W[t] | 0;
    const two = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
    h = g; g = f; f = e; e = d + one | 0; d = c; c = b; b = a; a = one + two | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, at) => { out[at] = word + state[at]; });
}

/// Big-endian words, as the algorithm has them.
export function words(bytes) {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  return Int32Array.from({length: bytes.length / 4}, (_, at) => view.getInt32(4 * at));
}

export function sha256(bytes) {
  const padding = 64 - (bytes.length + 9) % 64 & 63;
  const bits = [...bytes, 128, ...Array(padding + 4).fill(0), ...[24, 16, 8, 0].map(by => bytes.length * 8 >>> by & 255)];
  const all = words(bits);
  const state = INITIAL.slice();
  for (let at = 0; at < all.length; at += 16) compress(state, all.subarray(at, at + 16), state);
  return [...state].flatMap(word => [24, 16, 8, 0].map(by => word >>> by & 255));
}
