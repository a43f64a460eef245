/** The controls of the settings page: each saves by itself, and says how that went. */

import { makeCallbackField } from "./callback_field.js";
import { button, element } from "./elements.js";
import { attempt, lockOf, makeFeedback, outcomeOf } from "./feedback.js";
import { makeKeyField } from "./key_field.js";
import { asText, wordsOf } from "./settings.js";
import { makeTextField } from "./text_field.js";

/**
 * @typedef {import("./settings.js").Spec} Spec
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {import("./settings.js").SettingsState} SettingsState
 * @typedef {import("./texts.js").Texts} Texts
 * @typedef {{ spec: Spec, settings: Settings, texts: Texts }} FieldParts
 */

/** The setting that says for which public address the owner vouches; "1" for whichever is set. */
const CONFIRMED = "public_url_confirmed";

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
      return makeHostTest(parts);
    case "address":
      return makeAddress(parts);
    case "callback":
      return makeCallbackField(parts);
    default:
      return makeTextField(parts);
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
    feedback.lock(lock, state, spec);
  });
  return element("div", { class: "apixo-field apixo-field-switch" }, input, warning, feedback.element);
}

/**
 * What is used for uploads, with a test that puts a small file there and reads it back.
 *
 * @param {FieldParts} parts
 */
function makeHostTest({ spec, settings, texts }) {
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
      work: async () => outcomeOf(await settings.client.testHost()),
    });
  }

  settings.watch((state) => {
    const lock = state.phase === "ready" ? "" : lockOf(state, spec, texts);
    test.disabled = lock !== "";
    if (state.phase === "ready") ways.textContent = inWords(state.known.ways, t);
    feedback.lock(lock, state, spec);
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
 * @param {string[]} ways As the server names them.
 * @param {import("./texts.js").Translate} t
 */
function inWords(ways, t) {
  return ways.length ? ways.map((way) => t(`way.${way}`)).join(" → ") : t("way.none");
}

/**
 * The public address, with its test, and the owner's word for where the test cannot know.
 *
 * @param {FieldParts} parts
 */
function makeAddress(parts) {
  const { settings, texts } = parts;
  const { t } = texts;
  const outcome = makeFeedback();
  let address = "";
  const test = button(t("setting.test"), () => void run());
  const confirmed = element("input", { type: "checkbox", on: { change: () => void confirm() } });
  const word = element("label", { class: "apixo-together" }, confirmed, t("setting.confirmed"));

  async function run() {
    await attempt({
      feedback: outcome,
      controls: [test],
      busy: t("setting.testing"),
      work: async () => outcomeOf(await settings.client.testPublicAddress()),
    });
  }

  async function confirm() {
    const wanted = confirmed.checked;
    const good = await attempt({
      feedback: outcome,
      controls: [confirmed],
      busy: t("setting.saving"),
      work: async () => {
        await settings.save(CONFIRMED, wanted ? address : "");
        return { text: t("setting.saved"), mood: "good" };
      },
    });
    if (!good) confirmed.checked = !wanted;
  }

  settings.watch((state) => {
    const ready = state.phase === "ready";
    const known = ready ? state.known : null;
    address = asText(known?.settings.public_url);
    test.disabled = !ready;
    confirmed.disabled = !ready || state.known.from_environment.includes(CONFIRMED);
    const vouched = asText(known?.settings[CONFIRMED]);
    confirmed.checked = vouched !== "" && ["1", address].includes(vouched);
    word.hidden = !address;
    if (!ready) outcome.say("");
  });
  return makeTextField(parts, { beside: test, below: [word, outcome.element] });
}
