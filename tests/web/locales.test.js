import assert from "node:assert/strict";
import { test } from "node:test";
import { SPECS, wordsOf } from "../../web/lib/settings.js";
import { LANGUAGES, readJson, readLocales, readScripts } from "./page.js";

const FILES = ["main", "settings", "nodeDefs"];

/** Every message with its path, such as `panel.title`. */
function flat(messages, path = "") {
  return Object.entries(messages).flatMap(([key, value]) =>
    typeof value === "string" ? [[path + key, value]] : flat(value, `${path}${key}.`),
  );
}

for (const file of FILES) {
  for (const language of LANGUAGES.filter((name) => name !== "en")) {
    test(`${language}/${file}.json has just the messages that en has`, () => {
      const keys = (name) => flat(readJson(`locales/${name}/${file}.json`)).map(([key]) => key);
      assert.deepEqual(keys(language).sort(), keys("en").sort());
    });

    test(`${language}/${file}.json keeps every place for a value`, () => {
      const other = Object.fromEntries(flat(readJson(`locales/${language}/${file}.json`)));
      for (const [key, words] of flat(readJson(`locales/en/${file}.json`))) {
        const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
        assert.deepEqual(places(other[key] ?? ""), places(words), key);
      }
    });
  }
}

test("no message is empty", () => {
  for (const language of LANGUAGES) {
    for (const file of FILES) {
      for (const [key, words] of flat(readJson(`locales/${language}/${file}.json`))) {
        assert.ok(words.trim(), `${language}/${file}: ${key}`);
      }
    }
  }
});

test("what the host compiles itself holds none of its signs", () => {
  for (const language of LANGUAGES) {
    const { settings, nodeDefs, settingsCategories, apixoWan } = readLocales()[language];
    const compiled = { settings, nodeDefs, settingsCategories, tabs: [apixoWan.tab, apixoWan.tabHelp] };
    for (const [key, words] of flat(compiled)) assert.doesNotMatch(words, /[@{}|]/, key);
  }
});

test("the panel's words are all there, and none is left over", () => {
  const known = flat(readLocales().en.apixoWan).map(([key]) => key);
  const scripts = Object.values(readScripts()).join("\n");
  const all = (pattern) => [...scripts.matchAll(pattern)].map((found) => found[1]);
  const asked = all(/\bt\(\s*"([\w.]+)"/g);
  const open = all(/\bt\(`([\w.]+)\$\{/g);
  assert.ok(asked.length > 40 && open.length > 4);
  assert.deepEqual(asked.filter((key) => !known.includes(key)), []);
  const isUsed = (key) =>
    scripts.includes(`"${key}"`) ||
    scripts.includes(`"apixoWan.${key}"`) ||
    open.some((start) => key.startsWith(start));
  assert.deepEqual(known.filter((key) => !isUsed(key)), []);
});

test("every setting has a name and a tooltip, and no other has", () => {
  const words = readJson("locales/en/settings.json");
  assert.deepEqual(Object.keys(words).sort(), SPECS.map(wordsOf).sort());
  for (const [key, { name, tooltip }] of Object.entries(words)) assert.ok(name && tooltip, key);
});

test("every group of the settings page is translated", () => {
  const groups = [...new Set(SPECS.map((spec) => spec.group))];
  for (const language of LANGUAGES) {
    const known = readLocales()[language].settingsCategories;
    for (const group of groups) assert.ok(known[group], `${language}: ${group}`);
  }
});
