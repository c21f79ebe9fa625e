// Each block on its way along a link, as a dot. On one machine that takes a millisecond; here it takes as long as an eye
// needs, each hop after the one before. Who asked for stillness sees marks that do not move.

import { $, attr, isStill, svg } from "./dom.js";

const HOP = 420;
const RING = 900;
/// A slow link takes its latency longer, up to this.
const MAX_SLOW = 2000;
/// A dot leaves no later than this, however many hops there were.
const MAX_LATE = 1500;
const MAX_DOTS = 160;
/// Discs of this radius and less have no rings.
const FEW = 20;

export class Flights {
  constructor(network) {
    Object.assign(this, {network, layer: $("#flights"), dots: [], landed: new Map()});
  }

  fly(hash, from, to, colour, latency = 0) {
    const now = performance.now();
    const begin = Math.min(Math.max(now, this.landed.get(hash + from) ?? 0), now + MAX_LATE);
    const takes = HOP + Math.min(MAX_SLOW, latency);
    this.add("dot", from, to, begin, takes, colour);
    this.land(hash, to, begin + takes, colour);
  }

  land(hash, node, at, colour) {
    this.landed.set(hash + node, at);
    if (this.landed.size > 4 * MAX_DOTS) this.landed.delete(this.landed.keys().next().value);
    // Of many small discs, each with a ring, none would be seen.
    if (this.network.radius > FEW) this.add("ring", node, node, at, RING, colour);
  }

  add(kind, from, to, begin, takes, colour) {
    if (document.hidden || this.dots.length >= MAX_DOTS) return;
    this.dots.push({kind, from, to, begin, takes, circle: svg(`circle.${kind}.c${colour}`)});
    this.frame ??= requestAnimationFrame(now => this.step(now));
  }

  step(now) {
    this.dots = this.dots.filter(({kind, from, to, begin, takes, circle}) => {
      const {points, radius} = this.network;
      const [a, b] = [points.get(from), points.get(to)];
      if (now >= begin + takes || !a || !b) {
        circle.remove();
        return false;
      }
      if (now < begin) return true;
      if (!circle.parentNode) this.layer.append(circle);
      const share = isStill() ? 0.4 : (now - begin) / takes;
      const eased = share * share * (3 - 2 * share);
      attr(circle, "cx", (a.x + (b.x - a.x) * eased).toFixed(1));
      attr(circle, "cy", (a.y + (b.y - a.y) * eased).toFixed(1));
      attr(circle, "r", kind === "dot" ? 8 : (radius * (1 + share)).toFixed(1));
      if (kind === "ring") attr(circle, "opacity", (0.8 * (1 - share)).toFixed(2));
      return true;
    });
    this.frame = this.dots.length ? requestAnimationFrame(now => this.step(now)) : null;
  }
}
