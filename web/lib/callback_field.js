/** Whether APIXO shall call when a task has ended, and where. */

import { element } from "./elements.js";
import { attempt, lockOf, makeFeedback } from "./feedback.js";
import { asText } from "./settings.js";
import { makeLine } from "./text_field.js";

/** @typedef {"off" | "on" | "own"} Choice */

/** @param {import("./fields.js").FieldParts} parts */
export function makeCallbackField({ spec, settings, texts }) {
  const { t } = texts;
  const feedback = makeFeedback();
  const labelledBy = `${spec.id}-label`;
  let saved = "";
  const words = { off: "setting.callbackOff", on: "setting.callbackOn", own: "setting.callbackOwn" };
  const select = element(
    "select",
    { class: "apixo-input", "aria-labelledby": labelledBy, on: { change: () => choose() } },
    ...Object.entries(words).map(([choice, key]) => element("option", { value: choice }, t(key))),
  );
  const own = makeLine({
    placeholder: "https://example.org/hook",
    labelledBy,
    saved: () => (choiceOf(saved) === "own" ? saved : ""),
    change: () => void save(own.value.trim()),
    takenBack: () => feedback.say(""),
  });

  function choose() {
    own.hidden = select.value !== "own";
    if (select.value === "own") own.focus();
    else void save(select.value === "on" ? "1" : "");
  }

  /** @param {string} wanted */
  async function save(wanted) {
    if (wanted === saved) return;
    await attempt({
      feedback,
      controls: [own],
      busy: t("setting.saving"),
      work: async () => {
        await settings.save(spec.name, wanted);
        show();
        return { text: t("setting.saved"), mood: "good" };
      },
    });
  }

  function show() {
    select.value = choiceOf(saved);
    own.hidden = select.value !== "own";
    own.value = choiceOf(saved) === "own" ? saved : "";
  }

  settings.watch((state) => {
    const lock = lockOf(state, spec, texts);
    select.disabled = own.disabled = lock !== "";
    if (state.phase === "ready") {
      saved = asText(state.known.settings[spec.name]);
      // What is being typed stays, when another page changes something.
      if (document.activeElement !== own) show();
    }
    feedback.lock(lock, state, spec);
  });
  return element("div", { class: "apixo-field" }, select, own, feedback.element);
}

/**
 * @param {string} saved
 * @returns {Choice}
 */
function choiceOf(saved) {
  if (saved === "") return "off";
  return saved === "1" ? "on" : "own";
}
