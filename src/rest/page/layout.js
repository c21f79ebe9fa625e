// Where nodes are drawn. Pure, and the same for the same links: a page that is opened again shows the same picture.
// Cut links count, so that a cut moves nobody.

const {atan2, cos, hypot, max, min, sin, sqrt, PI} = Math;

export const WIDTH = 920;
export const HEIGHT = 440;

/// Points by node number, and the discs' radius. Where nearly everybody is linked, a circle shows it best.
export function layout(numbers, links) {
  const count = numbers.length;
  const radius = max(11, min(46, 125 / sqrt(count) - 5));
  const points = new Map(numbers.map((node, at) => {
    // Half a step from the top: halves of the network are halves of the picture.
    const angle = ((at + 0.5) / count) * 2 * PI - PI / 2;
    return [node, count === 1 ? {x: 0, y: 0} : {x: count === 2 ? -cos(angle) : cos(angle), y: sin(angle)}];
  }));
  if (count > 3 && links.length < count * (count - 1) * 0.3) relax(numbers, links, points);
  const margin = radius + 38;
  for (const [axis, size] of [["x", WIDTH], ["y", HEIGHT]]) {
    const values = [...points.values()].map(point => point[axis]);
    const [low, span] = [min(...values), max(...values) - min(...values)];
    for (const point of points.values()) {
      point[axis] = span < 1e-6 ? size / 2 : margin + ((point[axis] - low) / span) * (size - 2 * margin);
    }
  }
  // Nobody is drawn over anybody.
  const all = [...points.values()];
  for (let round = 0; round < 30; round += 1) for (const a of all) for (const b of all) {
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const away = hypot(dx, dy) || 1e-6;
    const push = min(0, away - 2.6 * radius) / away / 2;
    if (a !== b) Object.assign(b, {x: b.x - dx * push, y: b.y - dy * push});
  }
  return {points, radius};
}

/// Majorisation of stress: distances on paper become those in links.
function relax(numbers, links, points) {
  const distances = new Map(numbers.map(node => [node, reach(node, links)]));
  const unit = 2 / sqrt(numbers.length);
  for (let round = 0; round < 120; round += 1) {
    for (const node of numbers) {
      const at = points.get(node);
      let [x, y, weights] = [0, 0, 0];
      for (const other of numbers) {
        if (other === node) continue;
        const hops = distances.get(node).get(other) ?? 6;
        const to = points.get(other);
        const [dx, dy] = [at.x - to.x, at.y - to.y];
        const scale = hops * unit / (hypot(dx, dy) || 1e-6);
        const weight = 1 / (hops * hops);
        x += weight * (to.x + dx * scale);
        y += weight * (to.y + dy * scale);
        weights += weight;
      }
      points.set(node, {x: x / weights, y: y / weights});
    }
  }
}

/// Links between `from` and everybody.
function reach(from, links) {
  const found = new Map([[from, 0]]);
  for (const [at, hops] of found) {
    for (const {a, b} of links) {
      const next = a === at ? b : b === at ? a : at;
      if (!found.has(next)) found.set(next, hops + 1);
    }
  }
  return found;
}

/// A line around points, in the order of their directions from the middle.
export function around(points) {
  const [x, y] = ["x", "y"].map(axis => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  const angle = point => atan2(point.y - y, point.x - x);
  return points.sort((a, b) => angle(a) - angle(b)).map(point => [point.x, point.y]);
}

/// Whether a point is within a line that was drawn around something.
export const within = ([x, y], line) => line.reduce((inside, [ax, ay], at) => {
  const [bx, by] = line.at(at - 1);
  return (ay > y) !== (by > y) && x < ((bx - ax) * (y - ay)) / (by - ay) + ax ? !inside : inside;
}, false);

/// A line as a path of SVG.
export const path = line => `M${line.map(point => point.map(value => value.toFixed(1)).join(" ")).join("L")}`;
