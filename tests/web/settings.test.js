import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { RouteError } from "../../web/lib/client.js";
import { makeField } from "../../web/lib/fields.js";
import { SPECS, makeSettings } from "../../web/lib/settings.js";
import { englishTexts, openPage, settled } from "./page.js";

const KEY = "sk-marked-secret-0123456789";

function makeServer() {
  const server = { saved: [], keys: [], refuse: null, set: false, fixed: [], values: { practice: false, store: "" } };
  const view = () => ({
    settings: { ...server.values },
    key: { set: server.set, tail: server.set ? "…6789" : "" },
    from_environment: server.fixed,
    variables: { api_key: "APIXO_API_KEY", practice: "APIXO_WAN_PRACTICE", store: "APIXO_WAN_STORE" },
    ways: [],
  });
  const may = () => {
    if (server.refuse) throw server.refuse;
  };
  server.client = {
    settings: async () => (may(), view()),
    saveSettings: async (changes) => {
      may();
      server.saved.push(changes);
      Object.assign(server.values, changes);
      return view();
    },
    saveKey: async (key) => {
      server.keys.push(key);
      may();
      server.set = true;
      return { ...view(), dollars: "12.5" };
    },
    forgetKey: async () => ((server.set = false), view()),
    testKey: async () => (may(), { dollars: "3", practice: false }),
    testHost: async () => ({ ok: true, message: "Read back in 1.2 s.", warnings: [] }),
    testPublicAddress: async () => {
      throw new RouteError("The address cannot be reached. Check it.", 502);
    },
  };
  return server;
}

async function show(server, id) {
  const settings = makeSettings(server.client);
  const field = makeField({ spec: SPECS.find((spec) => spec.id === id), settings, texts: englishTexts() });
  document.body.append(field);
  await settings.load();
  return { field, settings, said: () => field.querySelector("[role=status]").textContent };
}

const press = async (field, words) => {
  [...field.querySelectorAll("button")].find((made) => made.textContent === words).click();
  await settled();
};

beforeEach(openPage);

test("the key leaves the page before the answer is there, and never comes back", async () => {
  const server = makeServer();
  const { field, said } = await show(server, "apixo.key");
  const input = field.querySelector("input");
  input.value = KEY;
  const pressed = press(field, "Save");
  assert.equal(input.value, "");
  await pressed;
  assert.deepEqual(server.keys, [KEY]);
  assert.ok(!document.documentElement.outerHTML.includes(KEY));
  assert.match(field.textContent, /A key is set: …6789/);
  assert.match(said(), /\$12\.50/);
});

test("a refused key leaves the old one, and says why", async () => {
  const server = makeServer();
  server.set = true;
  const { field, said } = await show(server, "apixo.key");
  server.refuse = new RouteError("APIXO refused this key (401). Copy it again.", 400);
  field.querySelector("input").value = KEY;
  await press(field, "Save");
  assert.match(said(), /refused this key/);
  assert.equal(field.querySelector("[role=status]").dataset.mood, "bad");
  assert.match(field.textContent, /A key is set/);
});

test("an empty key field is not sent", async () => {
  const server = makeServer();
  const { field, said } = await show(server, "apixo.key");
  await press(field, "Save");
  assert.deepEqual(server.keys, []);
  assert.match(said(), /empty/);
});

test("no password store of the browser is offered the key", async () => {
  const { field } = await show(makeServer(), "apixo.key");
  const input = field.querySelector("input");
  assert.equal(input.getAttribute("autocomplete"), "off");
  assert.equal(input.getAttribute("name"), null);
  assert.equal(field.closest("form"), null);
});

test("a switch that could not be saved goes back", async () => {
  const server = makeServer();
  const { field, said } = await show(server, "apixo.practice");
  const input = field.querySelector("input");
  server.refuse = new RouteError("The folder cannot be written. Check it.", 400);
  input.click();
  await settled();
  assert.equal(input.checked, false);
  assert.match(said(), /cannot be written/);
  server.refuse = null;
  input.click();
  await settled();
  assert.deepEqual(server.saved, [{ practice: true }]);
  assert.equal(input.checked, true);
});

test("consent to temporary hosts has its warning beside it", async () => {
  const { field } = await show(makeServer(), "apixo.temporary_host");
  assert.match(field.querySelector(".apixo-warning").textContent, /cannot be deleted/);
});

test("text is saved when it is left, and only when it has changed", async () => {
  const server = makeServer();
  const { field, said } = await show(server, "apixo.store");
  const input = field.querySelector("input");
  input.dispatchEvent(new Event("change"));
  await settled();
  assert.deepEqual(server.saved, []);
  input.value = " s3://bucket ";
  input.dispatchEvent(new Event("change"));
  await settled();
  assert.deepEqual(server.saved, [{ store: "s3://bucket" }]);
  assert.equal(input.value, "s3://bucket");
  assert.match(said(), /Saved/);
});

test("a daily limit of nothing says that it stops everything", async () => {
  const { field, said } = await show(makeServer(), "apixo.daily_seconds");
  const input = field.querySelector("input");
  for (const [typed, expected] of [["0", /no billable task/], ["600", /Saved/], ["", /Cleared/]]) {
    input.value = typed;
    input.dispatchEvent(new Event("change"));
    await settled();
    assert.match(said(), expected);
  }
});

test("a refused text stays in the field, to be mended", async () => {
  const server = makeServer();
  const { field, said } = await show(server, "apixo.store");
  server.refuse = new RouteError("That is no object store. Write s3://bucket.", 400);
  const input = field.querySelector("input");
  input.value = "ftp://x";
  input.dispatchEvent(new Event("change"));
  await settled();
  assert.equal(input.value, "ftp://x");
  assert.match(said(), /no object store/);
});

/** Press a key; whether the page hears of it. */
function pressKey(input, key) {
  let heard = false;
  document.body.addEventListener("keydown", () => (heard = true), { once: true });
  input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  return heard;
}

for (const id of ["apixo.store", "apixo.key", "apixo.callback"]) {
  test(`Escape in ${id} takes back what was typed, and only then closes the dialog`, async () => {
    const { field } = await show(makeServer(), id);
    const input = field.querySelector("input");
    input.value = "typed";
    assert.equal(pressKey(input, "a"), false);
    assert.equal(pressKey(input, "Escape"), false);
    assert.equal(input.value, "");
    assert.equal(pressKey(input, "Escape"), true);
  });
}

for (const mend of ["Escape", "typed anew"]) {
  test(`a refusal is gone with what was refused (${mend})`, async () => {
    const server = makeServer();
    const { field, said } = await show(server, "apixo.store");
    server.refuse = new RouteError("That is no object store. Write s3://bucket.", 400);
    const input = field.querySelector("input");
    input.value = "ftp://x";
    input.dispatchEvent(new Event("change"));
    await settled();
    assert.match(said(), /no object store/);
    if (mend === "Escape") pressKey(input, "Escape");
    else {
      input.value = "";
      input.dispatchEvent(new Event("change"));
    }
    assert.equal(said(), "");
  });
}

test("what the environment decides is locked, and names its variable", async () => {
  const server = makeServer();
  server.fixed = ["store"];
  const { field, said } = await show(server, "apixo.store");
  assert.ok(field.querySelector("input").disabled);
  assert.match(said(), /APIXO_WAN_STORE/);
});

test("from another machine every field is locked, and the first says why", async () => {
  for (const { id } of SPECS) {
    const server = makeServer();
    server.refuse = new RouteError("Only on the machine itself. Use the variables.", 403);
    const { field, said } = await show(server, id);
    for (const control of field.querySelectorAll("input, select, button")) {
      assert.ok(control.disabled, `${id}: ${control.outerHTML}`);
    }
    assert.equal(said(), id === "apixo.key" ? "Only on the machine itself. Use the variables." : "", id);
  }
});

test("what another page has saved is shown at once, and nothing that is being typed is lost", async () => {
  const server = makeServer();
  const { field, settings, said } = await show(server, "apixo.store");
  const input = field.querySelector("input");
  const phases = [];
  settings.watch((state) => phases.push(state.phase));
  server.values.store = "s3://other";
  await settings.refresh();
  assert.equal(input.value, "s3://other");
  assert.deepEqual([...new Set(phases)], ["ready"]);
  input.focus();
  input.value = "s3://mi";
  server.values.store = "s3://third";
  await settings.refresh();
  assert.equal(input.value, "s3://mi");
  server.refuse = new RouteError("The server does not answer.", 0);
  await settings.refresh();
  assert.ok(!input.disabled);
  assert.equal(said(), "");
});

test("the test of a host says how it went", async () => {
  const { field, said } = await show(makeServer(), "apixo.uploads");
  assert.match(field.textContent, /nowhere yet/);
  await press(field, "Test");
  assert.match(said(), /Read back in 1.2 s/);
});

test("the test of the public address says why it failed", async () => {
  const { field } = await show(makeServer(), "apixo.public_url");
  await press(field, "Test");
  assert.match(field.textContent, /cannot be reached/);
});

test("callbacks are off, to this ComfyUI, or to an address that is typed in", async () => {
  const server = makeServer();
  server.values.callback = "";
  const { field } = await show(server, "apixo.callback");
  const [select, input] = [field.querySelector("select"), field.querySelector("input")];
  assert.ok(input.hidden);
  select.value = "on";
  select.dispatchEvent(new Event("change"));
  await settled();
  select.value = "own";
  select.dispatchEvent(new Event("change"));
  await settled();
  assert.ok(!input.hidden);
  input.value = "https://example.org/hook";
  input.dispatchEvent(new Event("change"));
  await settled();
  assert.deepEqual(server.saved, [{ callback: "1" }, { callback: "https://example.org/hook" }]);
  assert.equal(select.value, "own");
});

test("every control is named by its label or by its own words", async () => {
  for (const { id } of SPECS) {
    const { field } = await show(makeServer(), id);
    for (const control of field.querySelectorAll("input, select, button")) {
      const named = control.getAttribute("aria-labelledby") || control.closest("label");
      assert.ok(named || control.textContent.trim(), `${id}: ${control.outerHTML}`);
    }
  }
});

test("the owner's word for an address is saved for that address, and shown for it alone", async () => {
  const server = makeServer();
  server.values.public_url = "https://comfy.example.org";
  const { field, settings } = await show(server, "apixo.public_url");
  const confirmed = field.querySelector("input[type=checkbox]");
  assert.equal(confirmed.checked, false);
  confirmed.click();
  await settled();
  assert.deepEqual(server.saved, [{ public_url_confirmed: "https://comfy.example.org" }]);
  assert.equal(confirmed.checked, true);
  await settings.save("public_url", "https://other.example.org");
  await settled();
  assert.equal(confirmed.checked, false);
});

test("the owner's word that comes from the environment cannot be changed here", async () => {
  const server = makeServer();
  server.values = { ...server.values, public_url: "https://comfy.example.org", public_url_confirmed: "1" };
  server.fixed = ["public_url_confirmed"];
  const { field } = await show(server, "apixo.public_url");
  const confirmed = field.querySelector("input[type=checkbox]");
  assert.deepEqual([confirmed.checked, confirmed.disabled], [true, true]);
});
