import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { makeWindowedList, offsetsOf, rowsBetween } from "../../web/lib/window.js";
import { openPage } from "./page.js";

beforeEach(openPage);

test("rows lie one below the other", () => {
  assert.deepEqual([...offsetsOf([10, 20, 5])], [0, 10, 30, 35]);
});

for (const [from, to, start, end] of [
  [0, 10, 0, 1],
  [9, 11, 0, 2],
  [10, 30, 1, 2],
  [-50, 5, 0, 1],
  [30, 900, 2, 3],
  [900, 950, 3, 3],
]) {
  test(`between ${from} and ${to} px lie the rows from ${start} up to ${end}`, () => {
    assert.deepEqual(rowsBetween(offsetsOf([10, 20, 5]), from, to), { start, end });
  });
}

function makeList() {
  const drawn = [];
  const list = makeWindowedList({
    keyOf: (row) => row.id,
    heightOf: () => 100,
    draw: (row) => {
      drawn.push(row.id);
      const card = document.createElement("article");
      const press = document.createElement("button");
      press.setAttribute("data-action", "forget");
      card.append(String(row.id), press);
      return card;
    },
    label: "rows",
  });
  document.body.append(list.element);
  return { list, drawn };
}

const rowsOf = (count) => Array.from({ length: count }, (_, id) => ({ id }));

test("of five thousand rows only those in sight are elements", () => {
  const { list, drawn } = makeList();
  list.show(rowsOf(5000));
  assert.ok(drawn.length <= 13, String(drawn.length));
  assert.equal(list.element.querySelector("ul").style.height, "500000px");
  const first = list.element.querySelector("li");
  assert.equal(first.getAttribute("aria-setsize"), "5000");
  assert.equal(first.getAttribute("aria-posinset"), "1");
});

test("scrolling brings other rows, and takes the old ones away", () => {
  const { list } = makeList();
  list.show(rowsOf(5000));
  list.element.scrollTop = 250_000;
  list.place();
  const shown = [...list.element.querySelectorAll("li")].map((item) => Number(item.textContent));
  assert.ok(shown.includes(2500));
  assert.ok(!shown.includes(0));
  assert.deepEqual(shown, [...shown].sort((a, b) => a - b));
});

test("a row is drawn anew only when it is another object", () => {
  const { list, drawn } = makeList();
  const rows = rowsOf(3);
  list.show(rows);
  list.show([{ id: 9 }, ...rows.slice(0, 2), { id: 2 }]);
  assert.deepEqual(drawn, [0, 1, 2, 9, 2]);
});

test("a row that changes under the finger keeps the focus", () => {
  const { list } = makeList();
  list.show(rowsOf(2));
  list.element.querySelector("li button").focus();
  list.show([{ id: 0 }, { id: 1 }]);
  assert.equal(document.activeElement, list.element.querySelector("li button"));
});
