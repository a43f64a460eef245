import assert from "node:assert/strict";
import { test } from "node:test";
import { clockFace, dayName, dollars, moment, wholeSeconds } from "../../web/lib/format.js";
import { makeTexts } from "../../web/lib/texts.js";
import { samplesIn, placeSamples } from "../../web/lib/samples.js";
import { advise, toastFor } from "../../web/lib/toasts.js";
import { goesOn, makeLasting, nodeAt } from "../../web/lib/lasting.js";
import { isMarked, practiceBadge } from "../../web/lib/badge.js";
import { thumbnailPath, viewPath } from "../../web/lib/client.js";
import { englishTexts } from "./page.js";

for (const [seconds, face] of [
  [0, "0:00"],
  [42.9, "0:42"],
  [61, "1:01"],
  [3599, "59:59"],
  [3600, "1:00:00"],
  [36_123, "10:02:03"],
  [-5, "0:00"],
  [Infinity, "–"],
]) {
  test(`${seconds} seconds stand on the clock as ${face}`, () => {
    assert.equal(clockFace(seconds), face);
  });
}

test("money has cents, and more digits where a cent is too coarse", () => {
  assert.equal(dollars(1234.5, "en"), "$1,234.50");
  assert.equal(dollars(0.0125, "en"), "$0.0125");
  assert.equal(dollars(0, "en"), "$0.00");
});

test("numbers follow the language of the page", () => {
  assert.equal(wholeSeconds(12_345.4, "en"), "12,345");
  assert.equal(wholeSeconds(12_345.4, "de"), "12.345");
});

test("a time that is none is a dash", () => {
  for (const none of [1e18, -1e18, NaN]) assert.equal(moment(none, { language: "en", now: 1 }), "–");
});

test("a moment of today is only a time, one of another year names the year", () => {
  const now = new Date(2026, 10, 3, 12, 0).getTime() / 1000;
  const at = { language: "en-GB", now };
  assert.equal(moment(now - 3600, at), "11:00");
  assert.match(moment(now - 86_400 * 2, at), /1 Nov/);
  assert.match(moment(now - 86_400 * 700, at), /2024/);
});

test("a day is the same day in every time zone", () => {
  assert.match(dayName("2026-11-03", "en"), /Nov 3/);
});

test("words come in the nearest language that has them", () => {
  const locales = {
    en: { apixoWan: { a: "A", only: "English {n}" } },
    zh: { apixoWan: { a: "甲" } },
  };
  const { t } = makeTexts(locales, () => "zh-TW");
  assert.equal(t("a"), "甲");
  assert.equal(t("only", { n: 3 }), "English 3");
});

test("missing words show their key, and missing values their name", () => {
  const { t } = makeTexts({}, () => "en");
  assert.equal(t("panel.title"), "panel.title");
  const given = makeTexts({ en: { apixoWan: { x: "{a} of {b}" } } }, () => "en");
  assert.equal(given.t("x", { a: 1 }), "1 of {b}");
});

test("only the pack's own samples are found in a workflow, also inside subgraphs", () => {
  const workflow = {
    nodes: [
      { widgets_values: ["wan_animate_fox.png", "image"] },
      { widgets_values: { video: "wan_animate_walk.mp4", other: "mine.mp4" } },
      { widgets_values: ["constructor", "toString", null, 3] },
      {},
    ],
    definitions: { subgraphs: [{ nodes: [{ widgets_values: ["wan_animate_fox.png"] }] }] },
  };
  assert.deepEqual(samplesIn(workflow), ["wan_animate_fox.png", "wan_animate_walk.mp4"]);
  assert.deepEqual(samplesIn(undefined), []);
});

test("a sample that is there already is left alone", async () => {
  const put = [];
  const placed = await placeSamples(["wan_animate_fox.png", "wan_animate_walk.mp4"], {
    isThere: async (name) => name.endsWith(".png"),
    read: async (name) => new Blob([name]),
    put: async (name, content) => void put.push([name, content.type, await content.text()]),
  });
  assert.deepEqual(placed, ["wan_animate_walk.mp4"]);
  assert.deepEqual(put, [["wan_animate_walk.mp4", "video/mp4", "wan_animate_walk.mp4"]]);
});

const ended = {
  state: "collected",
  task_id: "t-1",
  practice: false,
  watched: false,
  file: "wan_animate/a.mp4",
  fail_code: "",
  fail_message: "",
};

test("a result that was kept although it is no sound clip is a warning that says so", () => {
  const kept = { ...ended, state: "collected", fail_code: "unverified", fail_message: "It is kept." };
  const toast = toastFor(kept, englishTexts());
  assert.deepEqual([toast.severity, toast.detail], ["warn", "It is kept."]);
});

test("a task that a node waits for gets no toast", () => {
  assert.equal(toastFor({ ...ended, watched: true }, englishTexts()), null);
  assert.equal(toastFor({ ...ended, state: "running" }, englishTexts()), null);
});

for (const [state, severity] of [
  ["collected", "success"],
  ["failed", "error"],
  ["unknown", "warn"],
]) {
  test(`an unwatched task that is ${state} gets a toast of kind ${severity}`, () => {
    const toast = toastFor({ ...ended, state, fail_code: "X" }, englishTexts());
    assert.equal(toast.severity, severity);
    assert.ok(toast.summary && toast.detail);
  });
}

test("advice that has been followed is taken back, in newer pages and in older ones", () => {
  const advice = { summary: "A key is needed", detail: "Enter it.", life: 8000 };
  const [newer, older] = [[], []];
  const back = advise({ info: (...said) => newer.push(said), dismiss: (id) => newer.splice(id - 1, 1) }, advice);
  assert.deepEqual(newer, [["A key is needed", { description: "Enter it.", duration: 8000 }]]);
  back();
  assert.deepEqual(newer, []);
  const remove = (message) => older.splice(older.indexOf(message), 1);
  const backHere = advise({ add: (message) => older.push(message), remove }, advice);
  assert.equal(older[0].severity, "info");
  backHere();
  assert.deepEqual(older, []);
});

test("the practice badge has words only in practice mode, and is made once", () => {
  let [practice, made] = [false, 0];
  const badge = practiceBadge({
    make: (options) => ({ ...options, number: ++made }),
    isPractice: () => practice,
    word: () => "practice",
  });
  assert.equal(badge().text, "");
  practice = true;
  assert.equal(badge().text, "practice");
  assert.equal(badge(), badge());
  assert.equal(made, 2);
});

test("only nodes that practice mode changes are marked", () => {
  assert.ok(isMarked("ApixoWanAnimate"));
  assert.ok(!isMarked("ApixoLoadFrames"));
  assert.ok(!isMarked(undefined));
});

test("a result is shown through the host's own route, whatever its name", () => {
  assert.equal(
    viewPath("wan_animate/fox & hound.mp4"),
    "/view?filename=fox+%26+hound.mp4&subfolder=wan_animate&type=output",
  );
  assert.equal(viewPath("a.mp4"), "/view?filename=a.mp4&subfolder=&type=output");
  assert.equal(thumbnailPath(7), "/apixo_wan_animate/tasks/thumbnail/7");
});

const inner = { comfyClass: "ApixoBalance" };
const outer = { subgraph: { getNodeById: (id) => (id === "7" ? inner : null) } };
const graph = { getNodeById: (id) => (id === 12 ? outer : null) };

for (const [id, found] of [
  ["12", outer],
  ["12:7", inner],
  ["12:8", undefined],
  ["9:7", undefined],
  ["", undefined],
]) {
  test(`the id “${id}” means ${found ? "its node" : "no node"}`, () => {
    assert.equal(nodeAt(graph, id), found);
  });
}

function makeLines() {
  const [shown, hidden, place] = [[], [], { workflow: "first" }];
  const lasting = makeLasting({
    isOurs: (id) => id !== "3",
    show: (...line) => shown.push(line),
    hide: (id) => hidden.push(id),
    later: (work) => work(),
    goesOn: (id, isPractice) => goesOn(id, isPractice, englishTexts()),
    workflow: () => place.workflow,
  });
  return { shown, hidden, place, lasting };
}

test("a line comes back with its workflow, and stands under no other's nodes", () => {
  const { shown, hidden, place, lasting } = makeLines();
  const [first, second] = [place.workflow, "second"];
  lasting.queueing({ batchCount: 1 });
  place.workflow = second;
  lasting.started();
  lasting.executed({ node: "4", output: { text: ["of the first"] } });
  lasting.ended();
  assert.deepEqual([shown, hidden], [[], ["4"]]);
  lasting.again();
  assert.deepEqual(shown, []);
  place.workflow = first;
  lasting.again();
  assert.deepEqual(shown, [["4", "of the first"]]);
});

test("a new job of a workflow takes its old lines away, and not those of another", () => {
  const { shown, place, lasting } = makeLines();
  const [first, second] = [place.workflow, "second"];
  for (const workflow of [first, second]) {
    place.workflow = workflow;
    lasting.started();
    lasting.executed({ node: "4", output: { text: [workflow === first ? "one" : "two"] } });
    lasting.ended();
  }
  lasting.started();
  lasting.again();
  place.workflow = first;
  lasting.again();
  assert.deepEqual(shown, [["4", "one"], ["4", "two"], ["4", "one"]]);
});

test("a job that never came does not mislead the next one", () => {
  const { shown, place, lasting } = makeLines();
  lasting.queueing({ batchCount: 2 });
  lasting.idle();
  place.workflow = "second";
  lasting.started();
  lasting.executed({ node: "4", output: { text: ["here"] } });
  lasting.ended();
  assert.deepEqual(shown, [["4", "here"]]);
});

test("what our nodes said last is said again once, when the job is over", () => {
  const { shown, lasting } = makeLines();
  lasting.executed({ node: 4, output: { text: ["reused task a", "reused task b"] } });
  lasting.executed({ node: "3", output: { text: ["of another pack"] } });
  lasting.executed({ node: "5", output: { images: [] } });
  lasting.executed({ node: "6", output: null });
  assert.deepEqual(shown, []);
  lasting.ended();
  lasting.ended();
  assert.deepEqual(shown, [["4", "reused task a\nreused task b"]]);
});

test("what went wrong stands under our node, and under no other pack's", () => {
  const { shown, lasting } = makeLines();
  lasting.failed({ node_id: "3", exception_message: "of another pack" });
  lasting.failed({ node_id: "12:7", exception_message: "No key. Enter one.\n" });
  lasting.failed({ node_id: "8" });
  lasting.ended();
  assert.deepEqual(shown, [["12:7", "No key. Enter one."]]);
});

test("a node that was cancelled says which task goes on, and whether it costs", () => {
  const { shown, lasting } = makeLines();
  lasting.left({ node: "4", task_id: "t-1", practice: false });
  lasting.left({ node: "5", task_id: "practice-1", practice: true });
  lasting.left({ node: "6" });
  lasting.left({ node: "3", task_id: "t-2", practice: false });
  lasting.ended();
  assert.deepEqual(shown.map(([id]) => id), ["4", "5", "6"]);
  assert.match(shown[0][1], /t-1.*billed/);
  assert.match(shown[1][1], /practice-1/);
  assert.doesNotMatch(shown[1][1], /billed/);
  assert.match(shown[2][1], /may go on/);
});
