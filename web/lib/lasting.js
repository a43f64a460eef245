/**
 * The last line under a node stays there. Newer pages take every line away when the queue's job
 * ends, also one that says why there are no frames, or that nothing new was bought.
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
 * Remembers what our nodes said last, and says it again when the job is over.
 *
 * @param {{
 *   isOurs: (executionId: string) => boolean,
 *   show: (executionId: string, text: string) => void,
 *   later: (work: () => void) => void,
 * }} host
 */
export function makeLasting({ isOurs, show, later }) {
  /** @type {Map<string, string>} */
  let said = new Map();
  return {
    /** @param {{ node?: unknown, output?: { text?: unknown } }} news */
    executed({ node, output }) {
      const [id, lines] = [String(node ?? ""), output?.text];
      if (Array.isArray(lines) && isOurs(id)) said.set(id, lines.join("\n"));
    },
    ended() {
      const again = said;
      said = new Map();
      later(() => again.forEach((text, id) => show(id, text)));
    },
  };
}
