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

/**
 * Show a piece of advice that can be taken back once it has been followed.
 *
 * @param {any} toasts The host's; newer ones take it back by a number, older ones by the message.
 * @param {{ summary: string, detail: string, life: number }} advice `life` in milliseconds.
 * @returns {() => void} Takes it back.
 */
export function advise(toasts, { summary, detail, life }) {
  if (toasts.info && toasts.dismiss) {
    const id = toasts.info(summary, { description: detail, duration: life });
    return () => toasts.dismiss(id);
  }
  const message = { severity: "info", summary, detail, life };
  toasts.add(message);
  return () => toasts.remove?.(message);
}
