import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { RouteError } from "../../web/lib/client.js";
import { makePanel } from "../../web/lib/panel.js";
import { englishTexts, makeRow, openPage, settled } from "./page.js";

/** A server with rows in memory, and a host that notes what it is asked. */
function makeWorld(rows) {
  const world = {
    rows: new Map(rows.map((row) => [row.id, row])),
    days: [],
    calls: [],
    toasts: [],
    answer: "",
    gone: false,
    broken: null,
  };
  const of = (row) => row.revision ?? 1;
  const revisionOf = () => Math.max(0, ...[...world.rows.values()].map(of));
  const change = (id, changes) => {
    world.rows.set(id, { ...world.rows.get(id), ...changes, revision: revisionOf() + 1 });
  };
  world.change = change;
  const client = {
    tasks: async (since) => {
      world.calls.push(["tasks", since]);
      await world.wait;
      if (world.broken) throw world.broken;
      const found = [...world.rows.values()].filter((row) => since === null || of(row) > since);
      return { rows: found, revision: revisionOf(), count: world.rows.size, whole: since === null };
    },
    newestTasks: async (count) => {
      if (world.broken) throw world.broken;
      const found = [...world.rows.values()].sort((a, b) => b.id - a.id).slice(0, count);
      return { rows: found, revision: 0, count: world.rows.size, whole: false };
    },
    spending: async () => ({ today: "2026-11-03", days: world.days, prices: {} }),
    adopt: async (id, taskId) => change(id, { state: "submitted", task_id: taskId }),
    abandon: async (id) => change(id, { state: "abandoned" }),
    forget: async (id) => void world.rows.delete(id),
    collect: async (id) => void world.calls.push(["collect", id]),
  };
  const host = {
    confirm: async () => world.answer === "yes",
    prompt: async () => world.answer,
    toast: (toast) => world.toasts.push(toast),
    copy: async (text) => void world.calls.push(["copy", text]),
    addCollectNode: (taskId) => world.calls.push(["node", taskId]) > 0,
    openSettings: () => {},
    usePractice: async () => void world.calls.push(["practice"]),
    thumbnailUrl: (row) => `/thumbnail/${row.id}`,
    resultUrl: (row) => `/view/${row.file}`,
    isGone: async () => world.gone,
    now: () => 2000,
  };
  Object.assign(world, { client, host });
  world.panel = makePanel({ texts: englishTexts(), client, host });
  return world;
}

async function open(world) {
  const container = document.createElement("div");
  document.body.append(container);
  world.panel.open(container);
  await settled();
  return container;
}

let world;
beforeEach(() => openPage());
afterEach(() => world.panel.close());

const press = async (place, words) => {
  [...place.querySelectorAll("button")].find((made) => made.textContent === words).click();
  await settled();
};

test("a row shows what is known of its task, as text", async () => {
  world = makeWorld([makeRow({ prompt: "<b>x</b>", fail_message: "<img src=x>", state: "failed", thumbnail: true })]);
  const place = await open(world);
  const card = place.querySelector("article");
  for (const words of ["failed", "replace · 480p · 6 s billable", "task-1", "1:30", "<img src=x>"]) {
    assert.ok(card.textContent.includes(words), words);
  }
  assert.equal(card.querySelectorAll("img").length, 1);
  assert.equal(card.querySelector("img").getAttribute("src"), "/thumbnail/1");
});

test("what a card cuts off can be read when pointed at", async () => {
  world = makeWorld([makeRow(), makeRow({ id: 2, revision: 2, state: "unknown", task_id: "" })]);
  const place = await open(world);
  const titles = [...place.querySelectorAll(".apixo-line[title], .apixo-message[title]")].map((line) => line.title);
  assert.ok(titles.includes("replace · 480p · 6 s billable"));
  assert.equal(titles.length, 5);
  assert.ok(titles.every(Boolean));
});

test("practice tasks are marked and called a clip's seconds, not billable", async () => {
  world = makeWorld([makeRow({ practice: true })]);
  const place = await open(world);
  assert.ok(place.querySelector(".apixo-practice"));
  assert.ok(!place.querySelector("article").textContent.includes("billable"));
});

test("without a task the panel says how to get one", async () => {
  world = makeWorld([]);
  const place = await open(world);
  assert.match(place.querySelector(".apixo-notice:not(.apixo-setup)").textContent, /No tasks yet/);
});

test("a panel that cannot read says why, and tries again on demand", async () => {
  world = makeWorld([makeRow()]);
  world.broken = new RouteError("The ledger is damaged. Move it away.", 500);
  const place = await open(world);
  assert.match(place.textContent, /The ledger is damaged/);
  world.broken = null;
  await press(place, "Try again");
  assert.equal(place.querySelectorAll("article").length, 1);
});

test("after the first look only what is new is asked for", async () => {
  world = makeWorld([makeRow({ id: 1, revision: 4 })]);
  const place = await open(world);
  world.change(1, { state: "failed" });
  await world.panel.refresh();
  assert.deepEqual(world.calls, [["tasks", null], ["tasks", 4]]);
  assert.match(place.querySelector("article").textContent, /failed/);
});

test("a long history shows its newest rows before the whole list is there", async () => {
  world = makeWorld(Array.from({ length: 300 }, (_, n) => makeRow({ id: n + 1, revision: n + 1 })));
  let release;
  world.wait = new Promise((resolve) => (release = resolve));
  const place = await open(world);
  const sizes = () => place.querySelector(".apixo-row").getAttribute("aria-setsize");
  assert.equal(sizes(), "40");
  release();
  await settled();
  assert.equal(sizes(), "300");
});

test("rows that vanish elsewhere vanish here", async () => {
  world = makeWorld([makeRow({ id: 1 }), makeRow({ id: 2, revision: 2 })]);
  const place = await open(world);
  world.rows.delete(1);
  await world.panel.refresh();
  assert.equal(place.querySelectorAll("article").length, 1);
});

test("many wishes to refresh at once ask the server twice at most", async () => {
  world = makeWorld([makeRow()]);
  await open(world);
  world.calls.length = 0;
  await Promise.all(Array.from({ length: 50 }, () => world.panel.refresh()));
  await settled();
  assert.ok(world.calls.length <= 2, String(world.calls.length));
});

test("a row of unknown fate is adopted with the id that is typed in", async () => {
  world = makeWorld([makeRow({ state: "unknown", task_id: "" })]);
  const place = await open(world);
  world.answer = "  task-found ";
  await press(place, "Adopt …");
  assert.equal(world.rows.get(1).task_id, "task-found");
  assert.match(place.querySelector("article").textContent, /waiting/);
});

test("an id that is refused can be mended instead of typed anew", async () => {
  world = makeWorld([makeRow({ state: "unknown", task_id: "" })]);
  const place = await open(world);
  const asked = [];
  const answers = ["task fond", "task-found"];
  world.host.prompt = async (about) => (asked.push(about), answers.shift());
  const take = world.client.adopt;
  world.client.adopt = async (id, taskId) => {
    if (taskId.includes(" ")) throw new RouteError("An id has no blanks. Copy it again.", 400);
    await take(id, taskId);
  };
  await press(place, "Adopt …");
  assert.deepEqual(asked.map((about) => about.defaultValue), ["", "task fond"]);
  assert.match(asked[1].message, /no blanks/);
  assert.equal(world.rows.get(1).task_id, "task-found");
});

test("the question before forgetting names the task", async () => {
  world = makeWorld([makeRow()]);
  const place = await open(world);
  let asked;
  world.host.confirm = async (about) => void (asked = about);
  await press(place, "Forget …");
  assert.match(asked.itemList.join(), /replace.*task-1/);
});

test("nothing happens to a row without a yes", async () => {
  world = makeWorld([makeRow({ state: "unknown", task_id: "" })]);
  const place = await open(world);
  world.answer = "";
  await press(place, "Adopt …");
  await press(place, "Abandon …");
  assert.equal(world.rows.get(1).state, "unknown");
  world.answer = "yes";
  await press(place, "Abandon …");
  assert.equal(world.rows.get(1).state, "abandoned");
});

/** Press a button that has the focus; the host's dialog takes it, and gives it back to nothing. */
const pressByKey = async (place, words) => {
  const made = [...place.querySelectorAll("button")].find((one) => one.textContent === words);
  made.focus();
  made.click();
  made.blur();
  await settled();
};

test("after forgetting, the next task has the focus, and in an empty list the list", async () => {
  world = makeWorld([1, 2, 3].map((id) => makeRow({ id, revision: id, task_id: `task-${id}` })));
  const place = await open(world);
  world.answer = "yes";
  const focused = () => document.activeElement.closest("article")?.querySelector("code").textContent;
  await pressByKey(place, "Forget …");
  assert.equal(focused(), "task-2");
  await pressByKey(place.querySelectorAll("article")[1], "Forget …");
  assert.equal(focused(), "task-2");
  await pressByKey(place, "Forget …");
  assert.equal(document.activeElement, place.querySelector(".apixo-scroll"));
});

test("a row that was settled keeps the focus", async () => {
  world = makeWorld([makeRow({ id: 1, state: "unknown", task_id: "" }), makeRow({ id: 2, revision: 2 })]);
  const place = await open(world);
  world.answer = "yes";
  await pressByKey(place, "Abandon …");
  assert.equal(document.activeElement.closest("article"), place.querySelector(".apixo-failed"));
});

test("a refusal of the server is shown with its own words", async () => {
  world = makeWorld([makeRow()]);
  const place = await open(world);
  world.answer = "yes";
  world.rows.delete = () => {
    throw new RouteError("The row is under way. Wait for it.", 400);
  };
  await press(place, "Forget …");
  assert.equal(world.toasts[0].detail, "The row is under way. Wait for it.");
});

test("a finished task can be put into the graph, copied and opened", async () => {
  world = makeWorld([makeRow()]);
  const place = await open(world);
  await press(place, "Add to graph");
  place.querySelector("[data-action=copy]").click();
  await settled();
  assert.deepEqual(world.calls.slice(1), [["node", "task-1"], ["copy", "task-1"]]);
  assert.equal(place.querySelector("a[data-action=open]").getAttribute("href"), "/view/wan_animate/fox.mp4");
});

for (const gone of [true, false]) {
  test(`a result that does not play is ${gone ? "called gone when it is" : "still opened when it is there"}`, async () => {
    world = makeWorld([makeRow()]);
    world.gone = gone;
    const place = await open(world);
    place.querySelector("video").dispatchEvent(new Event("error"));
    await settled();
    assert.equal(place.querySelector("article").textContent.includes("file is gone"), gone);
    assert.equal(place.querySelector("[data-action=open]").hasAttribute("href"), !gone);
    assert.equal(place.querySelector("video") === null, gone);
  });
}

test("a row that cannot be drawn does not stop the others", async () => {
  world = makeWorld([
    makeRow({ id: 1, created_at: 1e18 }),
    makeRow({ id: 2, revision: 2, resolution: Symbol("no text") }),
    makeRow({ id: 3, revision: 3 }),
  ]);
  const place = await open(world);
  const cards = [...place.querySelectorAll("article")].map((card) => card.textContent);
  assert.equal(cards.length, 3);
  assert.match(cards[0], /finished/);
  assert.match(cards[1], /Row 2 .* cannot be shown/);
  assert.match(cards[2], /– · /);
});

test("sums and chart appear with the first billed second", async () => {
  world = makeWorld([makeRow()]);
  const place = await open(world);
  assert.ok(place.querySelector(".apixo-sums").hidden);
  world.days = [{ day: "2026-11-03", resolution: "480p", seconds: 12 }];
  await world.panel.refresh();
  assert.ok(!place.querySelector(".apixo-sums").hidden);
  assert.match(place.querySelector(".apixo-sums").textContent, /Today12 s/);
  assert.equal(place.querySelectorAll(".apixo-bars li").length, 30);
});

test("the search narrows the list, and says when nothing fits", async () => {
  world = makeWorld([makeRow({ id: 1, prompt: "fox" }), makeRow({ id: 2, revision: 2, prompt: "owl" })]);
  const place = await open(world);
  const search = place.querySelector("input[type=search]");
  search.value = "owl";
  search.dispatchEvent(new Event("input"));
  assert.equal(place.querySelectorAll("article").length, 1);
  search.value = "wolf";
  search.dispatchEvent(new Event("input"));
  assert.match(place.textContent, /No task matches/);
});

test("without a key the panel offers practice mode", async () => {
  world = makeWorld([]);
  const place = await open(world);
  assert.ok(place.querySelector(".apixo-setup").hidden);
  world.panel.setKeyMissing(true, true);
  assert.ok(!place.querySelector(".apixo-setup").hidden);
  await press(place, "Switch practice mode on");
  assert.ok(world.calls.some(([what]) => what === "practice"));
});

test("from another machine the panel offers nothing that would be refused", async () => {
  world = makeWorld([]);
  const place = await open(world);
  world.panel.setKeyMissing(true, false);
  const notice = place.querySelector(".apixo-setup");
  assert.match(notice.textContent, /only in a browser on the machine that runs ComfyUI/);
  assert.equal(notice.querySelector("button"), null);
});

test("every button has words that can be read out", async () => {
  world = makeWorld([makeRow(), makeRow({ id: 2, revision: 2, state: "unknown" })]);
  const place = await open(world);
  for (const control of place.querySelectorAll("button, a[href]:not([aria-hidden]), input, select")) {
    const words = control.getAttribute("aria-label") || control.textContent.trim();
    assert.ok(words, control.outerHTML);
  }
});
