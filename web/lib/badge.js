/** The badge on nodes that says that nothing of this is real. */

/** Nodes whose doing practice mode changes. */
const MARKED = new Set([
  "ApixoWanAnimate",
  "ApixoWanSubmit",
  "ApixoWanCollect",
  "ApixoWanEstimate",
  "ApixoUploadImage",
  "ApixoUploadVideo",
  "ApixoBalance",
]);

/** @param {string | undefined} type The class of a node. */
export function isMarked(type) {
  return type !== undefined && MARKED.has(type);
}

/**
 * A badge that appears and vanishes with practice mode. Both renderers take a function that
 * returns one, and draw nothing for an empty text.
 *
 * @template Badge
 * @param {{
 *   make: (options: { text: string, fgColor: string, bgColor: string }) => Badge,
 *   isPractice: () => boolean,
 *   word: () => string,
 * }} parts
 * @returns {() => Badge}
 */
export function practiceBadge({ make, isPractice, word }) {
  const colors = { fgColor: "#1f1300", bgColor: "#f2b33d" };
  const none = make({ text: "", ...colors });
  let shown = none;
  let text = "";
  return () => {
    if (!isPractice()) return none;
    if (text !== word()) {
      text = word();
      shown = make({ text, ...colors });
    }
    return shown;
  };
}
