/** Billable seconds day by day, as bars that can also be read out. */

import { element, fill } from "./elements.js";
import { dayName, dollars, wholeSeconds } from "./format.js";

/**
 * @typedef {import("./spending.js").Bar} Bar
 * @typedef {import("./spending.js").Sum} Sum
 * @typedef {import("./texts.js").Texts} Texts
 */

/**
 * Seconds, and money where it is known.
 *
 * @param {Sum} sum
 * @param {Texts} texts
 */
function amount(sum, { t, language }) {
  const seconds = t("spending.seconds", { seconds: wholeSeconds(sum.seconds, language()) });
  return sum.dollars === null ? seconds : `${seconds} · ${dollars(sum.dollars, language())}`;
}

/**
 * @param {HTMLElement} list Is filled.
 * @param {Record<"today" | "month" | "all", Sum>} sums
 * @param {Texts} texts
 */
export function drawSums(list, sums, texts) {
  const names = /** @type {const} */ (["today", "month", "all"]);
  const parts = names.map((name) =>
    element(
      "div",
      {},
      element("dt", {}, texts.t(`spending.${name}`)),
      element("dd", {}, amount(sums[name], texts)),
    ),
  );
  fill(list, ...parts);
}

/**
 * @param {HTMLElement} figure Is filled.
 * @param {Bar[]} bars
 * @param {Texts} texts
 */
export function drawChart(figure, bars, texts) {
  const { t, language } = texts;
  const spoken = (/** @type {Bar} */ bar) => `${dayName(bar.day, language())}: ${amount(bar, texts)}`;
  const first = bars[0];
  const last = bars[bars.length - 1];
  fill(
    figure,
    element(
      "ol",
      { class: "apixo-bars", "aria-label": t("spending.chart", { count: bars.length }) },
      ...bars.map((bar) =>
        element(
          "li",
          { title: spoken(bar), class: bar.seconds > 0 ? "apixo-some" : "" },
          element("span", { class: "apixo-bar", style: `height: ${Math.round(bar.share * 100)}%` }),
          element("span", { class: "apixo-spoken" }, spoken(bar)),
        ),
      ),
    ),
    first && last
      ? element(
          "figcaption",
          { class: "apixo-axis", "aria-hidden": "true" },
          element("span", {}, dayName(first.day, language())),
          element("span", {}, dayName(last.day, language())),
        )
      : null,
  );
}
