/** Which settings the page offers, and what is known of their values. */

/**
 * @typedef {"key" | "switch" | "text" | "host" | "address" | "callback"} Control
 * @typedef {{
 *   id: string,
 *   name: string,
 *   group: string,
 *   control: Control,
 *   placeholder?: string,
 *   numeric?: boolean,
 *   warning?: boolean,
 *   zero?: string,
 * }} Spec
 *   `id` is the setting's name in the page, `name` that of the server; `warning`: what agreeing
 *   means stands beside the switch; `zero`: the words for what 0 does.
 *
 * @typedef {import("./client.js").SettingsReply} SettingsReply
 * @typedef {{ phase: "loading" }
 *   | { phase: "refused", message: string }
 *   | { phase: "broken", message: string }
 *   | { phase: "ready", known: SettingsReply }} SettingsState
 */

export const PAGE = "Wan Animate (APIXO)";

/** Groups and their settings in the order of the page. @type {readonly Spec[]} */
export const SPECS = Object.freeze([
  { id: "apixo.key", name: "api_key", group: "APIXO account", control: "key" },
  { id: "apixo.practice", name: "practice", group: "APIXO account", control: "switch" },

  { id: "apixo.uploads", name: "", group: "Hosting", control: "host" },
  {
    id: "apixo.store",
    name: "store",
    group: "Hosting",
    control: "text",
    placeholder: "s3://bucket/prefix",
  },
  {
    id: "apixo.store_public_url",
    name: "store_public_url",
    group: "Hosting",
    control: "text",
    placeholder: "https://media.example.org",
  },
  { id: "apixo.store_delete", name: "store_delete", group: "Hosting", control: "switch" },
  {
    id: "apixo.public_url",
    name: "public_url",
    group: "Hosting",
    control: "address",
    placeholder: "https://comfy.example.org",
  },
  {
    id: "apixo.temporary_host",
    name: "temporary_host",
    group: "Hosting",
    control: "switch",
    warning: true,
  },

  {
    id: "apixo.price_480p",
    name: "price_480p",
    group: "Spending",
    control: "text",
    placeholder: "0.05",
    numeric: true,
  },
  {
    id: "apixo.price_720p",
    name: "price_720p",
    group: "Spending",
    control: "text",
    placeholder: "0.08",
    numeric: true,
  },
  {
    id: "apixo.daily_seconds",
    name: "daily_seconds",
    group: "Spending",
    control: "text",
    placeholder: "600",
    numeric: true,
    zero: "setting.dailyZero",
  },

  {
    id: "apixo.wait_minutes",
    name: "wait_minutes",
    group: "Tasks and results",
    control: "text",
    placeholder: "60",
    numeric: true,
  },
  {
    id: "apixo.output",
    name: "output",
    group: "Tasks and results",
    control: "text",
    placeholder: "wan_animate",
  },
  { id: "apixo.callback", name: "callback", group: "Tasks and results", control: "callback" },
]);

/**
 * The key under which the host looks up the words of a setting.
 *
 * @param {Spec} spec
 */
export function wordsOf(spec) {
  return spec.id.replaceAll(".", "_");
}

/**
 * A value as the text of a field.
 *
 * @param {string | number | boolean | null | undefined} value
 */
export function asText(value) {
  return value === null || value === undefined ? "" : String(value);
}

/**
 * The settings as the server knows them, for every field of the page together.
 *
 * @param {ReturnType<typeof import("./client.js").makeClient>} client
 */
export function makeSettings(client) {
  /** @type {SettingsState} */
  let state = { phase: "loading" };
  /** @type {Set<(state: SettingsState) => void>} */
  const listeners = new Set();

  /** @param {SettingsState} next */
  function become(next) {
    state = next;
    for (const listener of listeners) listener(state);
  }

  return {
    client,
    state: () => state,

    /**
     * Be told of every change, and at once of what is known.
     *
     * @param {(state: SettingsState) => void} listener
     */
    watch(listener) {
      listeners.add(listener);
      listener(state);
    },

    /** @param {SettingsReply} known */
    learn: (known) => become({ phase: "ready", known }),

    /** Read everything from the server, as when the page is opened. */
    async load() {
      become({ phase: "loading" });
      try {
        become({ phase: "ready", known: await client.settings() });
      } catch (error) {
        const { message = "", status = 0 } = /** @type {import("./client.js").RouteError} */ (error);
        become({ phase: status === 403 ? "refused" : "broken", message });
      }
    },

    /** Look again, because another page has changed something; what cannot be read stays. */
    async refresh() {
      if (state.phase !== "ready") return;
      const known = await client.settings().catch(() => null);
      if (known && state.phase === "ready") become({ phase: "ready", known });
    },

    /**
     * Save one setting.
     *
     * @param {string} name
     * @param {string | boolean} value
     */
    async save(name, value) {
      become({ phase: "ready", known: await client.saveSettings({ [name]: value }) });
    },
  };
}

/** @typedef {ReturnType<typeof makeSettings>} Settings */
