// Each block on its way along a link, as a dot. On one machine that takes a millisecond; here it takes as long as an eye
// needs, each hop after the one before. Who asked for stillness sees marks that do not move. Pixels and not elements: they
// change in every frame.

import { $, isStill } from "./dom.js";
import { HEIGHT, WIDTH } from "./layout.js";

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
    const canvas = $("#flights");
    Object.assign(this, {network, canvas, pen: canvas.getContext("2d"), dots: [], landed: new Map()});
    new ResizeObserver(([{contentRect: {width, height}}]) => Object.assign(canvas, {width: width * devicePixelRatio, height: height * devicePixelRatio})).observe(canvas);
  }

  fly(hash, from, to, colour, latency = 0) {
    const now = performance.now();
    const begin = Math.min(Math.max(now, this.landed.get(hash + from) ?? 0), now + MAX_LATE);
    const takes = HOP + Math.min(MAX_SLOW, latency);
    this.add(true, from, to, begin, takes, colour);
    this.land(hash, to, begin + takes, colour);
  }

  land(hash, node, at, colour) {
    this.landed.set(hash + node, at);
    if (this.landed.size > 4 * MAX_DOTS) this.landed.delete(this.landed.keys().next().value);
    // Of many small discs, each with a ring, none would be seen.
    if (this.network.radius > FEW) this.add(false, node, node, at, RING, colour);
  }

  add(isDot, from, to, begin, takes, colour) {
    if (document.hidden || this.dots.length >= MAX_DOTS) return;
    this.dots.push({isDot, from, to, begin, takes, colour});
    if (this.frame) return;
    const look = getComputedStyle(document.body);
    this.colour = name => look.getPropertyValue(`--${name}`);
    this.frame = requestAnimationFrame(now => this.step(now));
  }

  step(now) {
    const {pen, canvas: {width, height}, network: {points, radius}} = this;
    this.dots = this.dots.filter(({from, to, begin, takes}) => now < begin + takes && points.has(from) && points.has(to));
    const scale = Math.min(width / WIDTH, height / HEIGHT);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.setTransform(scale, 0, 0, scale, (width - scale * WIDTH) / 2, (height - scale * HEIGHT) / 2);
    for (const {isDot, from, to, begin, takes, colour} of this.dots) {
      if (now < begin) continue;
      const [a, b] = [points.get(from), points.get(to)];
      const share = isStill() ? 0.4 : (now - begin) / takes;
      const eased = share * share * (3 - 2 * share);
      pen.beginPath();
      pen.arc(a.x + (b.x - a.x) * eased, a.y + (b.y - a.y) * eased, isDot ? 8 : radius * (1 + share), 0, 7);
      pen.lineWidth = 3;
      pen.globalAlpha = isDot ? 1 : 0.8 * (1 - share);
      pen.strokeStyle = this.colour(isDot ? "on" : `c${colour}`);
      pen.fillStyle = this.colour(`c${colour}`);
      if (isDot) pen.fill();
      pen.stroke();
    }
    this.frame = this.dots.length ? requestAnimationFrame(now => this.step(now)) : null;
  }
}
