/** What the panel knows of tasks: how rows are merged, ordered, searched, and what may be done. */

/**
 * One task as the routes give it; times are Unix seconds.
 *
 * @typedef {{
 *   id: number,
 *   state: "preparing" | "sending" | "submitted" | "running" | "succeeded" | "collected"
 *     | "refused" | "failed" | "unknown" | "abandoned",
 *   practice: boolean,
 *   task_id: string,
 *   kind: string,
 *   resolution: string,
 *   prompt: string,
 *   clip_s: number | null,
 *   billable_s: number | null,
 *   created_at: number,
 *   submitted_at: number | null,
 *   finished_at: number | null,
 *   thumbnail: boolean,
 *   file: string,
 *   fail_code: string,
 *   fail_message: string,
 *   note: string,
 *   usual: [number, number] | null,
 * }} TaskRow `usual`: how long such tasks took here before, where enough are known.
 *
 * @typedef {{ rows: TaskRow[], revision: number, count: number, whole: boolean }} TasksReply
 * @typedef {"asking" | "underway" | "finished" | "failed"} Group
 * @typedef {"open" | "addNode" | "collect" | "adopt" | "abandon" | "forget"} Action
 */

/** @type {Record<TaskRow["state"], Group>} */
const GROUPS = {
  unknown: "asking",
  preparing: "underway",
  sending: "underway",
  submitted: "underway",
  running: "underway",
  succeeded: "underway",
  collected: "finished",
  refused: "failed",
  failed: "failed",
  abandoned: "failed",
};

/** @type {Record<TaskRow["state"], Action[]>} */
const ACTIONS = {
  unknown: ["adopt", "abandon"],
  preparing: [],
  sending: [],
  submitted: ["addNode", "collect"],
  running: ["addNode", "collect"],
  succeeded: ["addNode", "collect"],
  collected: ["open", "addNode", "forget"],
  refused: ["forget"],
  failed: ["forget"],
  abandoned: ["adopt", "forget"],
};

/**
 * @param {TaskRow} row
 * @returns {Group}
 */
export function groupOf(row) {
  return GROUPS[row.state] ?? "underway";
}

/**
 * What a person may do with a task, the most likely first.
 *
 * @param {TaskRow} row
 * @returns {Action[]}
 */
export function actionsFor(row) {
  const actions = ACTIONS[row.state] ?? [];
  return actions.filter((action) => action !== "open" || row.file !== "");
}

/**
 * Take in what a route said.
 *
 * @param {ReadonlyMap<number, TaskRow>} known
 * @param {TasksReply} reply
 * @returns {{ rows: Map<number, TaskRow>, complete: boolean }} Not complete: rows have vanished,
 *   and everything must be read anew.
 */
export function merge(known, reply) {
  const rows = reply.whole ? new Map() : new Map(known);
  for (const row of reply.rows) rows.set(row.id, row);
  return { rows, complete: rows.size === reply.count };
}

/**
 * Rows that ask for a decision first, then the newest.
 *
 * @param {Iterable<TaskRow>} rows
 * @returns {TaskRow[]}
 */
export function inOrder(rows) {
  const rank = (/** @type {TaskRow} */ row) => (groupOf(row) === "asking" ? 0 : 1);
  return [...rows].sort((a, b) => rank(a) - rank(b) || b.id - a.id);
}

/**
 * @param {TaskRow} row
 * @param {{ text: string, group: Group | "" }} wanted
 * @param {import("./texts.js").Translate} t A search finds what the card says, in its language.
 */
export function matches(row, { text, group }, t) {
  if (group && groupOf(row) !== group) return false;
  const words = text.trim().toLowerCase();
  if (!words) return true;
  const said = [
    ...[row.task_id, row.prompt, row.kind, row.resolution, row.state, t(`state.${row.state}`)],
    ...[row.fail_code, row.fail_message, row.note, row.file, row.practice ? t("practice") : ""],
  ];
  return said.some((part) => part.toLowerCase().includes(words));
}

/**
 * How long a task has taken, or took.
 *
 * @param {TaskRow} row
 * @param {number} now Unix seconds.
 */
export function elapsedSeconds(row, now) {
  const start = row.submitted_at ?? row.created_at;
  const end = groupOf(row) === "underway" ? now : (row.finished_at ?? now);
  return Math.max(0, end - start);
}
