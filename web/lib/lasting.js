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
 * Remembers what our nodes said last, and says it again when the job is over, and whenever its
 * workflow comes back into sight. The host writes the lines of a job under the nodes of whichever
 * workflow is open, so those are taken away where they do not belong.
 *
 * @param {{
 *   isOurs: (executionId: string) => boolean,
 *   show: (executionId: string, text: string) => void,
 *   hide: (executionId: string) => void,
 *   later: (work: () => void) => void,
 *   goesOn: (taskId: string, isPractice: boolean) => string,
 *   workflow: () => string,
 * }} host `isOurs`, `show` and `hide` mean the workflow that is open, which `workflow` names.
 */
export function makeLasting({ isOurs, show, hide, later, goesOn, workflow }) {
  /** @typedef {{ of: string, said: Map<string, string> }} Job */
  /** @type {Map<string, Map<string, string>>} */
  const kept = new Map();
  /** Of each job that waits in the queue, the workflow that was open when Run was pressed. */
  /** @type {string[]} */
  let queued = [];
  /** @type {Job | null} */
  let job = null;

  /**
   * @param {unknown} node
   * @param {string} text
   */
  function keep(node, text) {
    // After a reload the start of the job was not seen.
    job ??= { of: workflow(), said: new Map() };
    if (text) job.said.set(String(node ?? ""), text);
  }

  function again() {
    later(() => kept.get(workflow())?.forEach((text, id) => isOurs(id) && show(id, text)));
  }

  return {
    /** @param {{ batchCount?: number }} news Run was pressed. */
    queueing({ batchCount = 1 }) {
      for (let n = 0; n < batchCount; n += 1) queued.push(workflow());
    },
    /** Nothing waits in the queue. */
    idle: () => (queued = []),
    started() {
      job = { of: queued.shift() ?? workflow(), said: new Map() };
      kept.delete(job.of);
    },
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
      if (!job) return;
      const { of, said } = job;
      job = null;
      kept.set(of, said);
      if (of !== workflow()) later(() => said.forEach((_, id) => isOurs(id) && hide(id)));
      again();
    },
    /** Another workflow, or another level of this one, has come into sight. */
    again,
  };
}
