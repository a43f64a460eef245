import assert from "node:assert/strict";
import { test } from "node:test";
import { cardHeight, roomOf } from "../../web/lib/card.js";
import { bars, sum, sums } from "../../web/lib/spending.js";
import { actionsFor, elapsedSeconds, groupOf, inOrder, matches, merge } from "../../web/lib/tasks.js";
import { makeTexts } from "../../web/lib/texts.js";
import { englishTexts, makeRow, readLocales } from "./page.js";

const STATES = [
  "preparing",
  "sending",
  "submitted",
  "running",
  "succeeded",
  "collected",
  "refused",
  "failed",
  "unknown",
  "abandoned",
];

test("rows that ask for a decision stand first, then the newest", () => {
  const rows = [
    makeRow({ id: 1 }),
    makeRow({ id: 2, state: "unknown" }),
    makeRow({ id: 3 }),
    makeRow({ id: 4, state: "unknown" }),
  ];
  assert.deepEqual(inOrder(rows).map((row) => row.id), [4, 2, 3, 1]);
});

test("news changes the rows that it names and keeps the others", () => {
  const known = new Map([1, 2].map((id) => [id, makeRow({ id })]));
  const reply = { rows: [makeRow({ id: 2, state: "failed" }), makeRow({ id: 3 })], revision: 9, count: 3, whole: false };
  const { rows, complete } = merge(known, reply);
  assert.ok(complete);
  assert.equal(rows.get(1), known.get(1));
  assert.equal(rows.get(2).state, "failed");
  assert.equal(known.get(2).state, "collected");
});

test("a row that has vanished elsewhere is noticed", () => {
  const known = new Map([1, 2].map((id) => [id, makeRow({ id })]));
  assert.ok(!merge(known, { rows: [], revision: 9, count: 1, whole: false }).complete);
  const whole = merge(known, { rows: [makeRow({ id: 2 })], revision: 9, count: 1, whole: true });
  assert.ok(whole.complete);
  assert.deepEqual([...whole.rows.keys()], [2]);
});

const ALLOWED = {
  preparing: [],
  sending: [],
  submitted: ["addNode", "collect"],
  running: ["addNode", "collect"],
  succeeded: ["addNode", "collect"],
  collected: ["open", "addNode", "forget"],
  refused: ["forget"],
  failed: ["forget"],
  unknown: ["adopt", "abandon"],
  abandoned: ["adopt", "forget"],
};
for (const state of STATES) {
  test(`a task that is ${state} offers ${ALLOWED[state].join(", ") || "nothing"}`, () => {
    assert.deepEqual(actionsFor(makeRow({ state })), ALLOWED[state]);
  });
}

test("a result without a file cannot be opened", () => {
  assert.deepEqual(actionsFor(makeRow({ file: "" })), ["addNode", "forget"]);
});

const { t } = englishTexts();

test("a search looks at id, prompt, kind, state, reason, note and file", () => {
  const row = makeRow({
    prompt: "A Red fox",
    fail_code: "CONTENT_VIOLATION",
    fail_message: "Refused by the filter",
    note: "Asked again at noon",
    state: "failed",
  });
  const found = ["TASK-1", "red FOX", "replace", "480p", "fail", "content_", "the filter", "noon", "fox.mp4"];
  for (const text of found) assert.ok(matches(row, { text, group: "" }, t), text);
  assert.ok(!matches(row, { text: "wolf", group: "" }, t));
  assert.ok(!matches(row, { text: "fox", group: "finished" }, t));
  assert.ok(matches(row, { text: " ", group: "failed" }, t));
});

for (const [state, language, text] of [
  ["collected", "en", "finished"],
  ["submitted", "en", "Waiting"],
  ["unknown", "en", "fate"],
  ["collected", "ja", "完了"],
  ["failed", "zh", "失败"],
]) {
  test(`a search for “${text}” finds what a card in ${language} calls so`, () => {
    const texts = makeTexts(readLocales(), () => language);
    assert.ok(matches(makeRow({ state }), { text, group: "" }, texts.t));
    assert.ok(!matches(makeRow({ state: "refused" }), { text, group: "" }, texts.t));
  });
}

test("a task under way counts up from its acceptance, an ended one stands still", () => {
  assert.equal(elapsedSeconds(makeRow({ state: "running", finished_at: null }), 1042), 32);
  assert.equal(elapsedSeconds(makeRow({ state: "preparing", submitted_at: null }), 1042), 42);
  assert.equal(elapsedSeconds(makeRow(), 99_999), 90);
});

test("every state belongs to a group and has a height", () => {
  for (const state of STATES) {
    assert.match(groupOf(makeRow({ state })), /asking|underway|finished|failed/);
    assert.ok(cardHeight(makeRow({ state }), "wide") >= 90);
  }
});

test("a narrow card is higher: its lines break, and so do its buttons", () => {
  const heights = ["wide", "slim", "narrow"].map((room) => cardHeight(makeRow(), room));
  assert.equal(heights[0], heights[1]);
  assert.ok(heights[2] > heights[1] + 60);
  assert.deepEqual([0, 220, 312, 700].map(roomOf), ["wide", "narrow", "slim", "wide"]);
});

const SPENT = [
  { day: "2026-10-31", resolution: "480p", seconds: 30 },
  { day: "2026-11-01", resolution: "720p", seconds: 20 },
  { day: "2026-11-03", resolution: "480p", seconds: 5 },
  { day: "2026-11-03", resolution: "720p", seconds: 10 },
];
const PRICES = { "480p": "0.05", "720p": "0.08" };

test("seconds and money are summed for today, this month and in all", () => {
  const found = sums(SPENT, { today: "2026-11-03", prices: PRICES });
  assert.deepEqual([found.today.seconds, found.month.seconds, found.all.seconds], [15, 35, 65]);
  assert.equal(found.today.dollars?.toFixed(4), "1.0500");
  assert.equal(found.all.dollars?.toFixed(4), "4.1500");
});

test("no money is shown where a price is missing for some of the seconds", () => {
  assert.equal(sum(SPENT, { "480p": "0.05", "720p": null }).dollars, null);
  assert.equal(sum(SPENT.slice(0, 1), { "480p": "0.05", "720p": null }).dollars, 1.5);
  assert.equal(sum([], { "480p": null, "720p": null }).dollars, null);
});

test("the chart has a bar for each day, empty ones too, and no day twice", () => {
  const found = bars(SPENT, { today: "2026-11-03", prices: PRICES, count: 30 });
  assert.equal(found.length, 30);
  assert.equal(new Set(found.map((bar) => bar.day)).size, 30);
  assert.deepEqual([found[0].day, found[29].day], ["2026-10-05", "2026-11-03"]);
  assert.equal(found[29].share, 0.5);
  assert.equal(found.find((bar) => bar.day === "2026-10-31").share, 1);
  assert.equal(found[28].seconds, 0);
});
