import assert from "node:assert/strict";
import { test } from "node:test";
import { makeClient } from "../../web/lib/client.js";

test("a server that does not answer is told in our words, not the browser's", async () => {
  const fetch = async () => {
    throw new TypeError("Failed to fetch");
  };
  const client = makeClient(fetch, () => "ComfyUI does not answer.");
  await assert.rejects(client.status(), { message: "ComfyUI does not answer.", status: 0 });
});

test("a refusal comes with the server's own words and its status", async () => {
  const reply = { ok: false, status: 400, json: async () => ({ error: "No. Change it." }) };
  const client = makeClient(async () => reply, () => "");
  await assert.rejects(client.forget(1), { message: "No. Change it.", status: 400 });
});
