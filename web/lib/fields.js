/** The controls of the settings page: each saves by itself, and says how that went. */

import { button, element } from "./elements.js";
import { attempt, lockOf, makeFeedback } from "./feedback.js";
import { makeKeyField } from "./key_field.js";
import { asText, wordsOf } from "./settings.js";

/**
 * @typedef {import("./settings.js").Spec} Spec
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {import("./settings.js").SettingsState} SettingsState
 * @typedef {import("./texts.js").Texts} Texts
 * @typedef {{ spec: Spec, settings: Settings, texts: Texts }} FieldParts
 * @typedef {import("./feedback.js").Mood} Mood
 */

/**
 * The control of one setting.
 *
 * @param {FieldParts} parts
 * @returns {HTMLElement}
 */
export function makeField(parts) {
  switch (parts.spec.control) {
    case "key":
      return makeKeyField(parts);
    case "switch":
      return makeSwitch(parts);
    case "host":
      return makeTrial(parts);
    case "address":
      return makeText(parts, makeAddressTest(parts));
    default:
      return makeText(parts);
  }
}

/** @param {FieldParts} parts */
function makeSwitch({ spec, settings, texts }) {
  const { t } = texts;
  const feedback = makeFeedback();
  const input = element("input", {
    type: "checkbox",
    role: "switch",
    class: "apixo-switch",
    "aria-labelledby": `${spec.id}-label`,
    on: { change: () => void save() },
  });
  const warning = spec.warning
    ? element("p", { class: "apixo-warning" }, t(`warning.${wordsOf(spec)}`))
    : null;

  async function save() {
    const wanted = input.checked;
    const good = await attempt({
      feedback,
      controls: [input],
      busy: t("setting.saving"),
      work: async () => {
        await settings.save(spec.name, wanted);
        return { text: t(wanted ? "setting.isOn" : "setting.isOff"), mood: "good" };
      },
    });
    if (!good) input.checked = !wanted;
  }

  settings.watch((state) => {
    const lock = lockOf(state, spec, texts);
    input.disabled = lock !== "";
    if (state.phase === "ready") input.checked = state.known.settings[spec.name] === true;
    if (lock) feedback.say(lock, state.phase === "broken" ? "bad" : "quiet");
    else if (feedback.mood() === "quiet") feedback.say("");
  });
  return element("div", { class: "apixo-field apixo-field-switch" }, input, warning, feedback.element);
}

/**
 * A line of text that is saved on Enter, or when it is left.
 *
 * @param {FieldParts} parts
 * @param {{ button: HTMLButtonElement, show: (state: SettingsState) => void }} [extra]
 */
function makeText({ spec, settings, texts }, extra) {
  const { t } = texts;
  const feedback = makeFeedback();
  let saved = "";
  const input = element("input", {
    type: "text",
    class: "apixo-input",
    inputmode: spec.numeric ? "decimal" : "text",
    placeholder: spec.placeholder ?? "",
    spellcheck: "false",
    autocomplete: "off",
    "aria-labelledby": `${spec.id}-label`,
    on: {
      change: () => void save(),
      keydown: (event) => {
        // The page's own shortcuts must not fire, and Escape must take back, not close.
        event.stopPropagation();
        if (event.key === "Escape" && input.value !== saved) {
          event.preventDefault();
          input.value = saved;
        }
      },
    },
  });

  async function save() {
    if (input.value.trim() === saved) return;
    await attempt({
      feedback,
      controls: [input],
      busy: t("setting.saving"),
      work: async () => {
        await settings.save(spec.name, input.value.trim());
        return { text: t(input.value ? "setting.saved" : "setting.cleared"), mood: "good" };
      },
    });
  }

  settings.watch((state) => {
    const lock = lockOf(state, spec, texts);
    input.disabled = lock !== "";
    extra?.show(state);
    if (state.phase === "ready") {
      saved = asText(state.known.settings[spec.name]);
      if (feedback.mood() !== "bad") input.value = saved;
    }
    if (lock) feedback.say(lock, state.phase === "broken" ? "bad" : "quiet");
    else if (feedback.mood() === "quiet") feedback.say("");
  });
  const line = element("div", { class: "apixo-together" }, input, extra?.button);
  return element("div", { class: "apixo-field" }, line, feedback.element);
}

/**
 * A button that tries the public address, and shows the outcome beside it.
 *
 * @param {FieldParts} parts
 */
function makeAddressTest({ settings, texts: { t } }) {
  const outcome = makeFeedback();
  const test = button(t("setting.test"), () => void run());
  const place = element("span", {}, outcome.element);

  async function run() {
    test.closest(".apixo-field")?.append(place);
    await attempt({
      feedback: outcome,
      controls: [test],
      busy: t("setting.testing"),
      work: async () => said(await settings.client.testPublicAddress()),
    });
  }
  return {
    button: test,
    show: (/** @type {SettingsState} */ state) => {
      test.disabled = state.phase !== "ready";
    },
  };
}

/**
 * What is used for uploads, with a test that puts a small file there and reads it back.
 *
 * @param {FieldParts} parts
 */
function makeTrial({ spec, settings, texts }) {
  const { t } = texts;
  const feedback = makeFeedback();
  const ways = element("p", { class: "apixo-ways" });
  const test = button(t("setting.test"), () => void run(), {
    "aria-describedby": `${spec.id}-label`,
  });

  async function run() {
    await attempt({
      feedback,
      controls: [test],
      busy: t("setting.testing"),
      work: async () => said(await settings.client.testHost()),
    });
  }

  settings.watch((state) => {
    const lock = state.phase === "ready" ? "" : lockOf(state, spec, texts);
    test.disabled = lock !== "";
    if (state.phase === "ready") ways.textContent = waysOf(state.known.settings, t).join(" → ");
    if (lock) feedback.say(lock, state.phase === "broken" ? "bad" : "quiet");
    else if (feedback.mood() === "quiet") feedback.say("");
  });
  return element(
    "div",
    { class: "apixo-field" },
    element("div", { class: "apixo-together" }, ways, test),
    feedback.element,
  );
}

/**
 * Where uploads go, in the order in which it is tried.
 *
 * @param {Record<string, unknown>} known
 * @param {import("./texts.js").Translate} t
 */
export function waysOf(known, t) {
  if (known.practice) return [t("way.practice")];
  const ways = [
    known.store && t("way.store"),
    known.public_url && t("way.self"),
    known.temporary_host && t("way.temporary"),
  ].filter((way) => typeof way === "string");
  return ways.length ? ways : [t("way.none")];
}

/**
 * @param {import("./client.js").TrialReply} reply
 * @returns {{ text: string, mood: Mood }}
 */
function said({ ok, message, warnings }) {
  return { text: [message, ...warnings].join(" "), mood: ok && !warnings.length ? "good" : "bad" };
}
