/**
 * The host's settings dialog opens at its own page, and ours is the last in its list. No version
 * lets an extension name the page, so its entry is pressed as a person would.
 */

const FRAMES = 60;
/** What entries are in newer pages, and in older ones. */
const ENTRIES = "[data-nav-id], [role=option], [role=menuitem]";

/**
 * The entry of a page in an open dialog.
 *
 * @param {ParentNode} root
 * @param {string[]} names The page's name, as in the settings' category and as it is shown.
 * @returns {HTMLElement | null}
 */
export function entryOf(root, names) {
  const dialogs = [...root.querySelectorAll("[role=dialog]")].reverse();
  for (const dialog of dialogs) {
    const entries = /** @type {HTMLElement[]} */ ([...dialog.querySelectorAll(ENTRIES)]);
    const found = entries.find((entry) => names.includes(entry.textContent?.trim() ?? ""));
    if (found) return found;
  }
  return null;
}

/**
 * Press the entry as soon as it is there.
 *
 * @param {{ find: () => HTMLElement | null, frame: (call: () => void) => unknown }} parts
 * @returns {Promise<boolean>} Whether it came.
 */
export async function pressEntry({ find, frame }) {
  for (let n = 0; n < FRAMES; n += 1) {
    const entry = find();
    if (entry) {
      entry.click();
      entry.scrollIntoView?.({ block: "nearest" });
      return true;
    }
    await new Promise((resolve) => frame(() => resolve(null)));
  }
  return false;
}
