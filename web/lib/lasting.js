/**
 * The last line under a node stays there. Newer pages take every line away when the queue's job
 * ends, also one that says why there are no frames, that nothing new was bought, what went wrong,
 * or that a task goes on.
 */

/**
 * The node that an id of an execution means, such as `12` or, inside of a subgraph, `12:7`.
 *
 * @param {any} graph The outermost graph.
 * @param {string} executionId
 * @returns {any} Nothing where there is no such node in this workflow.
 */
export function nodeAt(graph, executionId) {
  /** @type {any} */
  let [level, node] = [graph, undefined];
  for (const part of executionId.split(":")) {
    node = level?.getNodeById?.(part) ?? level?.getNodeById?.(Number(part));
    level = node?.subgraph;
  }
  return node ?? undefined;
}

/**
 * The words for a task that a node has left and that goes on.
 *
 * @param {string} id "" while the answer to its submit is not there.
 * @param {boolean} isPractice
 * @param {import("./texts.js").Texts} texts
 */
export function goesOn(id, isPractice, { t }) {
  if (!id) return t("node.left");
  return isPractice ? t("node.leftPractice", { id }) : t("node.leftTask", { id });
}

/**
 * Remembers what our nodes said last, and says it again when the job is over.
 *
 * @param {{
 *   isOurs: (executionId: string) => boolean,
 *   show: (executionId: string, text: string) => void,
 *   later: (work: () => void) => void,
 *   goesOn: (taskId: string, isPractice: boolean) => string,
 * }} host
 */
export function makeLasting({ isOurs, show, later, goesOn }) {
  /** @type {Map<string, string>} */
  let said = new Map();

  /**
   * @param {unknown} node
   * @param {string} text
   */
  function keep(node, text) {
    const id = String(node ?? "");
    if (text && isOurs(id)) said.set(id, text);
  }

  return {
    /** @param {{ node?: unknown, output?: { text?: unknown } }} news */
    executed({ node, output }) {
      if (Array.isArray(output?.text)) keep(node, output.text.join("\n"));
    },
    /**
     * The page itself says only that there was an error, and hides which.
     *
     * @param {{ node_id?: unknown, exception_message?: unknown }} news
     */
    failed({ node_id: node, exception_message: message }) {
      keep(node, String(message ?? "").trim());
    },
    /**
     * A node no longer watches a task that may have been bought.
     *
     * @param {{ node?: unknown, task_id?: string, practice?: boolean }} news
     */
    left({ node, task_id: taskId = "", practice = false }) {
      keep(node, goesOn(taskId, practice));
    },
    ended() {
      const again = said;
      said = new Map();
      later(() => again.forEach((text, id) => show(id, text)));
    },
  };
}
