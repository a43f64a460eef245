/** A line of text that is saved on Enter, or when it is left. */

import { element } from "./elements.js";
import { attempt, lockOf, makeFeedback } from "./feedback.js";
import { asText } from "./settings.js";

/**
 * @typedef {import("./fields.js").FieldParts} FieldParts
 * @typedef {{ beside?: HTMLElement, below?: HTMLElement[] }} Company
 */

/**
 * @param {FieldParts} parts
 * @param {Company} [company] What stands with it.
 */
export function makeTextField({ spec, settings, texts }, { beside, below = [] } = {}) {
  const { t } = texts;
  const feedback = makeFeedback();
  let saved = "";
  const input = makeLine({
    placeholder: spec.placeholder ?? "",
    numeric: spec.numeric === true,
    labelledBy: `${spec.id}-label`,
    saved: () => saved,
    change: () => void save(),
    takenBack: () => feedback.say(""),
  });

  async function save() {
    if (input.value.trim() === saved) {
      // What was refused is no longer there.
      if (feedback.mood() === "bad") feedback.say("");
      return;
    }
    await attempt({
      feedback,
      controls: [input],
      busy: t("setting.saving"),
      work: async () => {
        await settings.save(spec.name, input.value.trim());
        input.value = saved;
        const zero = saved !== "" && Number(saved) === 0 ? spec.zero : "";
        return { text: t(zero || (saved ? "setting.saved" : "setting.cleared")), mood: "good" };
      },
    });
  }

  settings.watch((state) => {
    const lock = lockOf(state, spec, texts);
    input.disabled = lock !== "";
    if (state.phase === "ready") {
      const isTyping = document.activeElement === input && input.value !== saved;
      saved = asText(state.known.settings[spec.name]);
      // What was refused stays, to be mended.
      if (feedback.mood() !== "bad" && !isTyping) input.value = saved;
    }
    feedback.lock(lock, state, spec);
  });
  const line = element("div", { class: "apixo-together" }, input, beside);
  return element("div", { class: "apixo-field" }, line, feedback.element, ...below);
}

/**
 * @param {{
 *   placeholder: string,
 *   numeric?: boolean,
 *   labelledBy: string,
 *   saved: () => string,
 *   change: () => void,
 *   takenBack: () => void,
 * }} options
 */
export function makeLine({ placeholder, numeric = false, labelledBy, saved, change, takenBack }) {
  /** @type {HTMLInputElement} */
  const input = element("input", {
    type: "text",
    class: "apixo-input",
    inputmode: numeric ? "decimal" : "text",
    placeholder,
    spellcheck: "false",
    autocomplete: "off",
    "aria-labelledby": labelledBy,
    on: {
      change,
      keydown: (event) => {
        // The page's own shortcuts must not fire, and Escape takes back before it closes.
        const isTakingBack = event.key === "Escape" && input.value !== saved();
        if (event.key !== "Escape" || isTakingBack) event.stopPropagation();
        if (!isTakingBack) return;
        event.preventDefault();
        input.value = saved();
        takenBack();
      },
    },
  });
  return input;
}
