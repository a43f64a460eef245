/** The field of the key: it goes to our route and is kept nowhere in the browser. */

import { button, element } from "./elements.js";
import { attempt, lockOf, makeFeedback } from "./feedback.js";
import { dollars } from "./format.js";

/** @typedef {import("./settings.js").SettingsState} SettingsState */

/** @param {import("./fields.js").FieldParts} parts */
export function makeKeyField({ spec, settings, texts }) {
  const { t, language } = texts;
  const feedback = makeFeedback();
  const status = element("p", { class: "apixo-ways" });
  const input = makeInput(spec.id, t("key.placeholder"), () => void save());
  const saveButton = button(t("key.save"), () => void save(), { class: "apixo-primary" });
  const testButton = button(t("key.test"), () => void test());
  const forgetButton = button(t("key.forget"), () => void forget());
  const controls = [input, saveButton, testButton, forgetButton];

  async function save() {
    const key = input.value;
    // Out of the page before anything else happens.
    input.value = "";
    if (!key.trim()) {
      feedback.say(t("key.blank"), "bad");
      input.focus();
      return;
    }
    await attempt({
      feedback,
      controls,
      busy: t("key.checking"),
      work: async () => {
        const reply = await settings.client.saveKey(key);
        settings.learn(reply);
        return { text: t("key.saved", { left: money(reply.dollars) }), mood: "good" };
      },
    });
    show(settings.state());
  }

  async function test() {
    await attempt({
      feedback,
      controls,
      busy: t("key.checking"),
      work: async () => {
        const { dollars: left, practice } = await settings.client.testKey();
        return { text: t(practice ? "key.practice" : "key.works", { left: money(left) }), mood: "good" };
      },
    });
  }

  async function forget() {
    await attempt({
      feedback,
      controls,
      busy: t("setting.saving"),
      work: async () => {
        settings.learn(await settings.client.forgetKey());
        return { text: t("key.forgotten"), mood: "good" };
      },
    });
    show(settings.state());
  }

  /** @param {string} left */
  function money(left) {
    return dollars(Number(left), language());
  }

  /** @param {SettingsState} state */
  function show(state) {
    const lock = lockOf(state, spec, texts);
    const ready = state.phase === "ready";
    const isSet = ready && state.known.key.set;
    input.disabled = saveButton.disabled = lock !== "";
    testButton.disabled = !ready || !(isSet || state.known.settings.practice);
    forgetButton.disabled = lock !== "" || !isSet;
    status.textContent = !ready
      ? ""
      : isSet
        ? t("key.isSet", { tail: state.known.key.tail })
        : t("key.isNotSet");
    feedback.lock(lock, state, spec);
  }

  settings.watch(show);
  return element(
    "div",
    { class: "apixo-field" },
    status,
    element("div", { class: "apixo-together" }, input, saveButton),
    element("div", { class: "apixo-together" }, testButton, forgetButton),
    feedback.element,
  );
}

/**
 * A field whose content is hidden and which no password store of the browser offers to keep.
 *
 * @param {string} id
 * @param {string} placeholder
 * @param {() => void} enter
 */
function makeInput(id, placeholder, enter) {
  const canHide = globalThis.CSS?.supports?.("-webkit-text-security", "disc") ?? false;
  return element("input", {
    type: canHide ? "text" : "password",
    class: "apixo-input apixo-hidden-text",
    placeholder,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "data-1p-ignore": true,
    "data-lpignore": "true",
    "aria-labelledby": `${id}-label`,
    on: {
      keydown: (event) => {
        // The page's own shortcuts must not fire, and Escape empties the field before it closes.
        if (event.key === "Escape" && !event.target.value) return;
        event.stopPropagation();
        if (event.key === "Enter") enter();
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.target.value = "";
      },
    },
  });
}
