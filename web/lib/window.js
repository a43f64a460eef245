/** A list of thousands of rows, of which only those in sight are elements. */

import { element } from "./elements.js";

const OVERSCAN_PX = 400;
const ACTIONS = "[data-action]:not([data-action=copy])";

/**
 * Where each row begins, and at the end where the list ends.
 *
 * @param {number[]} heights
 * @returns {Float64Array}
 */
export function offsetsOf(heights) {
  const offsets = new Float64Array(heights.length + 1);
  heights.forEach((height, n) => {
    offsets[n + 1] = (offsets[n] ?? 0) + height;
  });
  return offsets;
}

/**
 * The rows that overlap a stretch of the list.
 *
 * @param {Float64Array} offsets
 * @param {number} from
 * @param {number} to
 * @returns {{ start: number, end: number }} `end` is the first row beyond.
 */
export function rowsBetween(offsets, from, to) {
  const count = offsets.length - 1;
  const start = Math.max(0, firstAbove(offsets, from) - 1);
  return { start: Math.min(start, count), end: Math.min(count, firstAtLeast(offsets, to)) };
}

/**
 * @param {Float64Array} offsets
 * @param {number} value
 */
function firstAbove(offsets, value) {
  return search(offsets, (offset) => offset > value);
}

/**
 * @param {Float64Array} offsets
 * @param {number} value
 */
function firstAtLeast(offsets, value) {
  return search(offsets, (offset) => offset >= value);
}

/**
 * @param {Float64Array} offsets
 * @param {(offset: number) => boolean} reached True from some place on.
 */
function search(offsets, reached) {
  let [low, high] = [0, offsets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reached(offsets[middle] ?? Infinity)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * @template Row
 * @typedef {{
 *   keyOf: (row: Row) => number,
 *   heightOf: (row: Row) => number,
 *   draw: (row: Row) => HTMLElement,
 *   label: string,
 * }} ListOptions
 */

/**
 * A scrolling list that draws only what is in sight.
 *
 * @template Row
 * @param {ListOptions<Row>} options A row that is another object is drawn anew.
 */
export function makeWindowedList({ keyOf, heightOf, draw, label }) {
  const list = element("ul", { class: "apixo-rows", "aria-label": label });
  const root = element("div", { class: "apixo-scroll", tabindex: 0 }, list);
  /** @type {Row[]} */
  let rows = [];
  let offsets = offsetsOf([]);
  /** @type {Map<number, { item: HTMLElement, row: Row }>} */
  const drawn = new Map();
  let pending = 0;

  function place() {
    const { start, end } = rowsBetween(
      offsets,
      root.scrollTop - OVERSCAN_PX,
      root.scrollTop + (root.clientHeight || 800) + OVERSCAN_PX,
    );
    const wanted = new Map(rows.slice(start, end).map((row, n) => [keyOf(row), start + n]));
    for (const [key, { item }] of drawn) {
      if (wanted.has(key)) continue;
      if (item.contains(document.activeElement)) root.focus({ preventScroll: true });
      item.remove();
      drawn.delete(key);
    }
    /** @type {Element | null} */
    let before = null;
    for (const [key, index] of wanted) {
      const item = itemFor(key, index);
      const next = /** @type {Element | null} */ (before ? before.nextSibling : list.firstChild);
      if (next !== item) list.insertBefore(item, next);
      before = item;
    }
  }

  /**
   * @param {number} key
   * @param {number} index
   */
  function itemFor(key, index) {
    const row = /** @type {Row} */ (rows[index]);
    const known = drawn.get(key);
    const item = known?.item ?? element("li", { class: "apixo-row" });
    if (known?.row !== row) {
      const focus = focusIn(item);
      item.replaceChildren(draw(row));
      restoreFocus(item, focus);
      drawn.set(key, { item, row });
    }
    item.style.top = `${offsets[index]}px`;
    item.style.height = `${heightOf(row)}px`;
    item.setAttribute("aria-setsize", String(rows.length));
    item.setAttribute("aria-posinset", String(index + 1));
    return item;
  }

  root.addEventListener("scroll", () => {
    pending ||= requestAnimationFrame(() => {
      pending = 0;
      place();
    });
  });

  return {
    element: root,
    /** Draw what is in sight, after the list has come into the page or changed its size. */
    place,
    /**
     * Show other rows; the place in the list stays.
     *
     * @param {Row[]} next
     */
    show(next) {
      rows = next;
      offsets = offsetsOf(rows.map(heightOf));
      list.style.height = `${offsets[rows.length]}px`;
      place();
    },
    /**
     * Give the focus to a row's first action, or to the row that has taken its place.
     *
     * @param {number} key
     * @param {number} index Where it was.
     */
    focusRow(key, index) {
      const near = rows[Math.min(index, rows.length - 1)];
      const item = (drawn.get(key) ?? (near && drawn.get(keyOf(near))))?.item;
      const action = item?.querySelector(ACTIONS) ?? item?.querySelector("button, a[href]");
      (action instanceof HTMLElement ? action : root).focus({ preventScroll: true });
    },
    /** Whether nothing that can be used has the focus. */
    hasLostFocus: () => [null, document.body, root].includes(/** @type {any} */ (document.activeElement)),
    /** The rows that are elements now. */
    inSight: () => [...drawn.values()],
  };
}

/**
 * Which button of an item has the focus.
 *
 * @param {HTMLElement} item
 */
function focusIn(item) {
  const active = document.activeElement;
  return active && item.contains(active) ? (active.getAttribute("data-action") ?? "") : null;
}

/**
 * @param {HTMLElement} item
 * @param {string | null} action
 */
function restoreFocus(item, action) {
  if (action === null) return;
  const same = action ? item.querySelector(`[data-action="${action}"]`) : null;
  const other = same ?? item.querySelector("button, a[href]");
  if (other instanceof HTMLElement) other.focus();
}
