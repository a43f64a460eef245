/** The pack's own routes, as functions. */

const PREFIX = "/apixo_wan_animate";

/**
 * @typedef {import("./tasks.js").TasksReply} TasksReply
 * @typedef {import("./spending.js").Spent} Spent
 * @typedef {import("./spending.js").Prices} Prices
 * @typedef {(path: string, options?: RequestInit) => Promise<Response>} Fetch
 *
 * @typedef {{ practice: boolean, key_set: boolean, owner: boolean }} Status
 * @typedef {{
 *   settings: Record<string, string | number | boolean | null>,
 *   key: { set: boolean, tail: string },
 *   from_environment: string[],
 *   variables: Record<string, string>,
 *   ways: string[],
 * }} SettingsReply
 * @typedef {{ today: string, days: Spent[], prices: Prices }} SpendingReply
 * @typedef {{ ok: boolean, message: string, warnings: string[] }} TrialReply
 */

/** What a route said instead of an answer; the message is the server's own two sentences. */
export class RouteError extends Error {
  /**
   * @param {string} message
   * @param {number} status 0 where the server could not be reached.
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {Fetch} fetch The host's way to its own server.
 * @param {() => string} unreachable What to say where it does not answer at all.
 */
export function makeClient(fetch, unreachable) {
  /**
   * @param {string} path
   * @param {object} [body] Sent as JSON; without one the route is only read.
   */
  async function call(path, body) {
    /** @type {RequestInit} */
    const options = body
      ? {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        }
      : { cache: "no-store" };
    /** @type {Response} */
    let reply;
    try {
      reply = await fetch(PREFIX + path, options);
    } catch {
      throw new RouteError(unreachable(), 0);
    }
    const said = await reply.json().catch(() => null);
    if (!reply.ok) throw new RouteError(said?.error ?? `HTTP ${reply.status}`, reply.status);
    return said;
  }

  return {
    /** @returns {Promise<Status>} */
    status: () => call("/status"),

    /** @returns {Promise<SettingsReply>} */
    settings: () => call("/settings"),
    /**
     * @param {Record<string, string | number | boolean>} changes
     * @returns {Promise<SettingsReply>}
     */
    saveSettings: (changes) => call("/settings", { changes }),
    /**
     * @param {string} key
     * @returns {Promise<SettingsReply & { dollars: string }>}
     */
    saveKey: (key) => call("/key", { key }),
    /** @returns {Promise<SettingsReply>} */
    forgetKey: () => call("/key/forget", {}),
    /** @returns {Promise<{ dollars: string, practice: boolean }>} */
    testKey: () => call("/key/test", {}),
    /** @returns {Promise<TrialReply>} */
    testHost: () => call("/host/test", {}),
    /** @returns {Promise<TrialReply>} */
    testPublicAddress: () => call("/public_address/test", {}),

    /**
     * @param {number | null} since The revision that is known; null for everything.
     * @returns {Promise<TasksReply>}
     */
    tasks: (since) => call(since === null ? "/tasks" : `/tasks?since=${since}`),
    /**
     * @param {number} count
     * @returns {Promise<TasksReply>}
     */
    newestTasks: (count) => call(`/tasks?newest=${count}`),
    /** @returns {Promise<SpendingReply>} */
    spending: () => call("/spending"),
    /** @param {number} row */
    collect: (row) => call("/tasks/collect", { row }),
    /**
     * @param {number} row
     * @param {string} taskId
     */
    adopt: (row, taskId) => call("/tasks/adopt", { row, task_id: taskId }),
    /** @param {number} row */
    abandon: (row) => call("/tasks/abandon", { row }),
    /** @param {number} row */
    forget: (row) => call("/tasks/forget", { row }),
  };
}

/**
 * Where the small picture of a task's character is, below the host's address of its API.
 *
 * @param {number} row
 */
export function thumbnailPath(row) {
  return `${PREFIX}/tasks/thumbnail/${row}`;
}

/**
 * Where the host shows a file of its output folder, below the same address.
 *
 * @param {string} file Relative to the output folder, with slashes.
 */
export function viewPath(file) {
  const cut = file.lastIndexOf("/");
  const query = new URLSearchParams({
    filename: file.slice(cut + 1),
    subfolder: cut < 0 ? "" : file.slice(0, cut),
    type: "output",
  });
  return `/view?${query}`;
}
