/**
 * Elements in one call. Text goes in as text, so nothing that a server or a workflow says can
 * become markup.
 */

/**
 * @typedef {Node | string | null | undefined | false} Child
 * @typedef {{
 *   class?: string,
 *   on?: Record<string, (event: any) => void>,
 *   [attribute: string]: unknown,
 * }} Props
 */

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props] Attributes; `on` holds listeners, true and false switch an attribute.
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(/** @type {any} */ (value))) {
        made.addEventListener(event, /** @type {EventListener} */ (listener));
      }
    } else if (value === true) {
      made.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, String(value));
    }
  }
  made.append(...present(children));
  return made;
}

/**
 * Put other children in the place of those that are there.
 *
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

/**
 * A button with words on it.
 *
 * @param {string} text
 * @param {() => void} act
 * @param {Props} [props]
 */
export function button(text, act, props = {}) {
  const { class: extra = "", ...rest } = props;
  return element(
    "button",
    { type: "button", class: `apixo-button ${extra}`.trim(), on: { click: act }, ...rest },
    text,
  );
}

/** @param {Child[]} children */
function present(children) {
  return /** @type {(Node | string)[]} */ (
    children.filter((child) => child !== null && child !== undefined && child !== false)
  );
}
