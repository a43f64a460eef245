/** How a setting says how it went, and why it cannot be changed. */

import { element } from "./elements.js";
import { SPECS } from "./settings.js";

/**
 * @typedef {import("./settings.js").Spec} Spec
 * @typedef {import("./settings.js").SettingsState} SettingsState
 * @typedef {import("./texts.js").Texts} Texts
 * @typedef {"quiet" | "good" | "bad" | "busy"} Mood
 */

/**
 * A line that says how it went, and reads itself out.
 */
export function makeFeedback() {
  const line = element("p", { class: "apixo-feedback", role: "status" });
  /** @type {Mood} */
  let mood = "quiet";
  return {
    element: line,
    mood: () => mood,
    /**
     * @param {string} text
     * @param {Mood} [feeling]
     */
    say(text, feeling = "quiet") {
      mood = feeling;
      line.textContent = text;
      line.dataset.mood = mood;
    },
    /**
     * Say why nothing can be changed, or take that back; what was said of a change stays.
     *
     * @param {string} lock
     * @param {SettingsState} state
     * @param {Spec} spec
     */
    lock(lock, state, spec) {
      // The same refusal under every field says nothing more.
      if (state.phase === "refused" && spec !== SPECS[0]) this.say("");
      else if (lock) this.say(lock, state.phase === "broken" ? "bad" : "quiet");
      else if (mood === "quiet") this.say("");
    },
  };
}

/**
 * Do something that takes a while, with its outcome in words.
 *
 * @param {{
 *   feedback: ReturnType<typeof makeFeedback>,
 *   controls: (HTMLButtonElement | HTMLInputElement)[],
 *   busy: string,
 *   work: () => Promise<{ text: string, mood: Mood }>,
 * }} about `controls` are disabled meanwhile.
 */
export async function attempt({ feedback, controls, busy, work }) {
  const before = controls.map((control) => control.disabled);
  const focused = document.activeElement;
  controls.forEach((control) => (control.disabled = true));
  feedback.say(busy, "busy");
  try {
    const { text, mood } = await work();
    feedback.say(text, mood);
    return true;
  } catch (error) {
    feedback.say(error instanceof Error ? error.message : String(error), "bad");
    return false;
  } finally {
    controls.forEach((control, n) => (control.disabled = before[n] ?? false));
    if (focused instanceof HTMLElement && document.activeElement === document.body) focused.focus();
  }
}

/**
 * Why a setting cannot be changed here; "" where it can.
 *
 * @param {SettingsState} state
 * @param {Spec} spec
 * @param {Texts} texts
 */
export function lockOf(state, spec, { t }) {
  if (state.phase === "loading") return t("setting.loading");
  if (state.phase !== "ready") return state.message;
  const { from_environment: fixed, variables } = state.known;
  const variable = variables[spec.name] ?? "";
  return fixed.includes(spec.name) ? t("setting.fromEnvironment", { variable }) : "";
}

/**
 * @param {import("./client.js").TrialReply} reply
 * @returns {{ text: string, mood: Mood }}
 */
export function outcomeOf({ ok, message, warnings }) {
  return { text: [message, ...warnings].join(" "), mood: ok ? "good" : "bad" };
}
