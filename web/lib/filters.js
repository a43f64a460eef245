/** Which tasks a person wants to see. */

import { element } from "./elements.js";

/**
 * @typedef {import("./texts.js").Texts} Texts
 * @typedef {import("./tasks.js").Group} Group
 */

/**
 * @param {Texts} texts
 * @param {{ text: string, group: Group | "" }} wanted Is changed.
 * @param {() => void} draw
 */
export function makeFilters({ t }, wanted, draw) {
  const search = element("input", {
    type: "search",
    class: "apixo-input",
    placeholder: t("panel.search"),
    "aria-label": t("panel.search"),
    on: {
      input: (event) => {
        wanted.text = event.target.value;
        draw();
      },
    },
  });
  const groups = /** @type {const} */ (["", "asking", "underway", "finished", "failed"]);
  const select = element(
    "select",
    {
      class: "apixo-input",
      "aria-label": t("panel.filter"),
      on: {
        change: (event) => {
          wanted.group = event.target.value;
          draw();
        },
      },
    },
    ...groups.map((group) => element("option", { value: group }, t(`group.${group || "every"}`))),
  );
  return element("div", { class: "apixo-filters" }, search, select);
}
