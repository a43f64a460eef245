/** A page without a browser, and the pack's own words, for the tests of this folder. */

import { readFileSync, readdirSync } from "node:fs";
import { Window } from "happy-dom";
import { makeTexts } from "../../web/lib/texts.js";

const ROOT = new URL("../../", import.meta.url);

/** Put a fresh document in the place of the browser's. */
export function openPage() {
  const window = new Window({ url: "http://127.0.0.1:8188/" });
  for (const name of ["document", "Node", "HTMLElement", "Element", "CSS", "Event", "KeyboardEvent"]) {
    globalThis[name] = window[name];
  }
  globalThis.requestAnimationFrame = (call) => setTimeout(call, 0);
  return window;
}

/** @param {string} path Below the pack's folder. */
export function readText(path) {
  return readFileSync(new URL(path, ROOT), "utf-8");
}

/** @param {string} path */
export function readJson(path) {
  return JSON.parse(readText(path));
}

export const LANGUAGES = ["en", "ja", "zh"];

/** As `/i18n` of the host gives it. */
export function readLocales() {
  return Object.fromEntries(
    LANGUAGES.map((language) => [
      language,
      {
        ...readJson(`locales/${language}/main.json`),
        settings: readJson(`locales/${language}/settings.json`),
        nodeDefs: readJson(`locales/${language}/nodeDefs.json`),
      },
    ]),
  );
}

/** English words that need no locale file to exist in the other languages. */
export function englishTexts() {
  return makeTexts({ en: readJson("locales/en/main.json") }, () => "en");
}

/** Every script of the browser side, path → text. */
export function readScripts() {
  const names = readdirSync(new URL("web/lib/", ROOT)).filter((name) => name.endsWith(".js"));
  const paths = ["web/apixo.js", ...names.map((name) => `web/lib/${name}`)];
  return Object.fromEntries(paths.map((path) => [path, readText(path)]));
}

/** A row as the routes give it. */
export function makeRow(changes = {}) {
  return {
    id: 1,
    state: "collected",
    practice: false,
    task_id: "task-1",
    kind: "replace",
    resolution: "480p",
    prompt: "",
    clip_s: 5.2,
    billable_s: 6,
    created_at: 1000,
    submitted_at: 1010,
    finished_at: 1100,
    thumbnail: false,
    file: "wan_animate/fox.mp4",
    fail_code: "",
    fail_message: "",
    note: "",
    usual: null,
    ...changes,
  };
}

/** Let every promise that is settled be seen. */
export function settled() {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
