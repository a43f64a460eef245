import assert from "node:assert/strict";
import { test } from "node:test";
import { freePlace, isInside, openPart } from "../../web/lib/place.js";

const SEEN = { x: 100, y: 50, width: 1000, height: 800 };
const SIZE = { width: 200, height: 120 };
const MIDDLE = { x: 500, y: 390, ...SIZE };

const overlaps = (a, b) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

test("on an empty canvas a new node goes into the middle of what is seen", () => {
  assert.deepEqual(freePlace(SEEN, SIZE, []), MIDDLE);
});

test("a new node lies on no other, however many come after each other", () => {
  const taken = [{ x: 450, y: 300, width: 300, height: 280 }];
  for (let n = 0; n < 12; n += 1) {
    const box = freePlace(SEEN, SIZE, taken);
    assert.ok(!taken.some((other) => overlaps(box, other)), JSON.stringify(box));
    taken.push(box);
  }
  assert.ok(taken.slice(1, 5).every((box) => isInside(box, SEEN)));
});

test("a place within sight is taken before a nearer one out of it", () => {
  const wall = { x: 480, y: -5000, width: 240, height: 10_000 };
  const box = freePlace(SEEN, SIZE, [wall]);
  assert.ok(isInside(box, SEEN));
  assert.ok(!overlaps(box, wall));
});

for (const [name, cover, expected] of [
  ["left", { x: 100, y: 50, width: 300, height: 800 }, { x: 400, width: 700 }],
  ["right", { x: 900, y: 50, width: 200, height: 800 }, { x: 100, width: 800 }],
  ["outside", { x: -300, y: 50, width: 300, height: 800 }, { x: 100, width: 1000 }],
  ["nearly all", { x: 110, y: 50, width: 900, height: 800 }, { x: 100, width: 1000 }],
]) {
  test(`beside a panel that covers ${name}, the rest of the canvas is seen`, () => {
    assert.deepEqual(openPart(SEEN, cover), { ...SEEN, ...expected });
  });
}
