/**
 * The sample pictures and clips of the templates. They lie in the pack; when a workflow names one
 * that is not in the input folder yet, the page puts it there, as a person would by hand.
 */

/** @type {Readonly<Record<string, string>>} File name → media type. */
export const SAMPLES = Object.freeze({
  "wan_animate_fox.png": "image/png",
  "wan_animate_fox_blue.jpg": "image/jpeg",
  "wan_animate_fox_green.jpg": "image/jpeg",
  "wan_animate_fox_violet.jpg": "image/jpeg",
  "wan_animate_walk.mp4": "video/mp4",
  "wan_animate_dance.mp4": "video/mp4",
});

/**
 * The samples that a workflow names.
 *
 * @param {any} workflow As the page loads it.
 * @returns {string[]}
 */
export function samplesIn(workflow) {
  const parts = workflow?.definitions?.subgraphs ?? [];
  const nodes = [workflow, ...parts].flatMap((/** @type {any} */ part) => part?.nodes ?? []);
  const values = nodes.flatMap((node) => Object.values(node?.widgets_values ?? {}));
  return [...new Set(values)].filter((value) => typeof value === "string" && Object.hasOwn(SAMPLES, value));
}

/**
 * Put samples where the workflow looks for them; one that is there already is left alone.
 *
 * @param {string[]} names
 * @param {{
 *   isThere: (name: string) => Promise<boolean>,
 *   read: (name: string) => Promise<Blob>,
 *   put: (name: string, content: Blob) => Promise<void>,
 * }} host
 * @returns {Promise<string[]>} What was put there.
 */
export async function placeSamples(names, host) {
  const placed = await Promise.all(
    names.map(async (name) => {
      if (await host.isThere(name)) return "";
      const content = await host.read(name);
      await host.put(name, new Blob([content], { type: SAMPLES[name] ?? "" }));
      return name;
    }),
  );
  return placed.filter(Boolean);
}
