/** Where a new node goes, so that it is seen and lies on no other. */

/** @typedef {{ x: number, y: number, width: number, height: number }} Box */

/** Nodes draw a little beyond their size, and links want room between them. */
const GAP = 24;
/** Less than this share of the canvas is no place to put anything. */
const LEAST_OPEN = 0.25;

/**
 * The part of the canvas that a panel at its side leaves open.
 *
 * @param {Box} canvas
 * @param {Box} cover In the same units; may lie beside the canvas.
 * @returns {Box}
 */
export function openPart(canvas, cover) {
  const [left, right] = [canvas.x, canvas.x + canvas.width];
  const isLeft = cover.x + cover.width / 2 < canvas.x + canvas.width / 2;
  const from = isLeft ? Math.min(right, Math.max(left, cover.x + cover.width)) : left;
  const to = isLeft ? right : Math.max(left, Math.min(right, cover.x));
  return to - from < canvas.width * LEAST_OPEN ? canvas : { ...canvas, x: from, width: to - from };
}

/**
 * The nearest free place to the middle of what is seen: straight to one of the four sides.
 *
 * @param {Box} seen
 * @param {{ width: number, height: number }} size
 * @param {Box[]} taken
 * @returns {Box}
 */
export function freePlace(seen, size, taken) {
  const middle = {
    x: seen.x + (seen.width - size.width) / 2,
    y: seen.y + (seen.height - size.height) / 2,
    width: size.width,
    height: size.height,
  };
  /** @type {((box: Box, other: Box) => Box)[]} */
  const sides = [
    (box, other) => ({ ...box, x: other.x + other.width + GAP }),
    (box, other) => ({ ...box, y: other.y + other.height + GAP }),
    (box, other) => ({ ...box, x: other.x - box.width - GAP }),
    (box, other) => ({ ...box, y: other.y - box.height - GAP }),
  ];
  const found = sides.map((pass) => slide(middle, taken, pass));
  const way = (/** @type {Box} */ box) => Math.abs(box.x - middle.x) + Math.abs(box.y - middle.y);
  const whole = found.filter((box) => isInside(box, seen));
  return (whole.length ? whole : found).reduce((best, box) => (way(box) < way(best) ? box : best));
}

/**
 * @param {Box} inner
 * @param {Box} outer
 */
export function isInside(inner, outer) {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

/**
 * Go past every box in the way; each step leads further, so it ends.
 *
 * @param {Box} from
 * @param {Box[]} taken
 * @param {(box: Box, other: Box) => Box} pass
 */
function slide(from, taken, pass) {
  let box = from;
  const left = new Set(taken);
  for (;;) {
    const hit = [...left].find((other) => overlap(box, other));
    if (!hit) return box;
    left.delete(hit);
    box = pass(box, hit);
  }
}

/**
 * @param {Box} a
 * @param {Box} b
 */
function overlap(a, b) {
  return (
    a.x < b.x + b.width + GAP &&
    b.x < a.x + a.width + GAP &&
    a.y < b.y + b.height + GAP &&
    b.y < a.y + a.height + GAP
  );
}
