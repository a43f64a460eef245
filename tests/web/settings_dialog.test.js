import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { entryOf, pressEntry } from "../../web/lib/settings_dialog.js";
import { openPage } from "./page.js";

const NAMES = ["Wan Animate (APIXO)", "Wan アニメート"];

beforeEach(openPage);

for (const [pages, markup] of [
  ["newer", '<div role="button" data-nav-id="root/Wan Animate (APIXO)"><i></i><span>Wan アニメート</span></div>'],
  ["older", '<li role="option"><span>Wan Animate (APIXO)</span></li>'],
]) {
  test(`the entry of our page is found in ${pages} dialogs`, () => {
    document.body.innerHTML = `<div role="option">Wan Animate (APIXO)</div>
      <div role="dialog"><div data-nav-id="root/Comfy">Comfy</div>${markup}</div>`;
    assert.equal(entryOf(document, NAMES), document.querySelector("[role=dialog]").lastElementChild);
  });
}

test("words inside of a page are no entry", () => {
  document.body.innerHTML = '<div role="dialog"><h2>Wan Animate (APIXO)</h2></div>';
  assert.equal(entryOf(document, NAMES), null);
});

test("the entry is pressed once it is there, and not waited for without end", async () => {
  let [frames, pressed] = [0, 0];
  const entry = document.createElement("div");
  entry.addEventListener("click", () => (pressed += 1));
  const frame = (call) => {
    frames += 1;
    call();
  };
  assert.equal(await pressEntry({ find: () => (frames > 4 ? entry : null), frame }), true);
  assert.equal(pressed, 1);
  frames = 0;
  assert.equal(await pressEntry({ find: () => null, frame }), false);
  assert.ok(frames <= 100);
});
