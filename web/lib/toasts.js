/** Which news is worth a toast. */

/**
 * @typedef {{
 *   state: string,
 *   task_id: string,
 *   practice: boolean,
 *   watched: boolean,
 *   file: string,
 *   fail_code: string,
 *   fail_message: string,
 * }} Ended What the server says of a task that has come to its end.
 *
 * @typedef {{ severity: "success" | "warn" | "error", summary: string, detail: string }} Toast
 */

/**
 * The toast for a task that no node waited for; null where a node has said it already.
 *
 * @param {Ended} ended
 * @param {import("./texts.js").Texts} texts
 * @returns {Toast | null}
 */
export function toastFor(ended, { t }) {
  if (ended.watched) return null;
  if (ended.state === "collected" && ended.fail_message) {
    return { severity: "warn", summary: t("toast.collected"), detail: ended.fail_message };
  }
  if (ended.state === "collected") {
    return { severity: "success", summary: t("toast.collected"), detail: ended.file };
  }
  if (ended.state === "failed") {
    const why = [ended.fail_code, ended.fail_message].filter(Boolean).join(" · ");
    return { severity: "error", summary: t("toast.failed"), detail: `${ended.task_id} ${why}`.trim() };
  }
  if (ended.state === "unknown") {
    return { severity: "warn", summary: t("toast.unknown"), detail: t("toast.unknownDetail") };
  }
  return null;
}
