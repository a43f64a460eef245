/** One task in the panel. */

import { button, element } from "./elements.js";
import { clockFace, moment, wholeSeconds } from "./format.js";
import { actionsFor, elapsedSeconds, groupOf } from "./tasks.js";

/**
 * @typedef {import("./tasks.js").TaskRow} TaskRow
 * @typedef {import("./tasks.js").Action} Action
 * @typedef {{
 *   texts: import("./texts.js").Texts,
 *   now: () => number,
 *   thumbnailUrl: (row: TaskRow) => string,
 *   resultUrl: (row: TaskRow) => string,
 *   act: (action: Action, row: TaskRow) => void,
 *   copy: (row: TaskRow) => void,
 *   isGone: (row: TaskRow) => Promise<boolean>,
 * }} CardOptions `now` in Unix seconds.
 */

const BASE_PX = 92;
const ID_PX = 30;
const ACTIONS_PX = 38;
const MESSAGE_PX = 58;
const QUESTION_PX = 96;
/** What facts that break into two lines need besides. */
const BROKEN_PX = 36;
const NARROW_BELOW_PX = 260;
const SLIM_BELOW_PX = 400;
const ACTIONS_A_LINE = 2;

/**
 * @typedef {"wide" | "slim" | "narrow"} Room Slim: one picture instead of two; narrow: lines break.
 */

/**
 * How a card is laid out in a panel of this width.
 *
 * @param {number} width_px 0 where it is not known.
 * @returns {Room}
 */
export function roomOf(width_px) {
  if (width_px === 0 || width_px >= SLIM_BELOW_PX) return "wide";
  return width_px < NARROW_BELOW_PX ? "narrow" : "slim";
}

/**
 * How high a card is; fixed, so that a list of thousands knows where each one lies.
 *
 * @param {TaskRow} row
 * @param {Room} room
 */
export function cardHeight(row, room) {
  const message = groupOf(row) === "asking" ? QUESTION_PX : row.fail_message || row.note ? MESSAGE_PX : 0;
  const count = actionsFor(row).length;
  const lines = room === "narrow" ? Math.ceil(count / ACTIONS_A_LINE) : Math.min(count, 1);
  const broken = room === "narrow" ? BROKEN_PX : 0;
  return BASE_PX + broken + (row.task_id ? ID_PX : 0) + lines * ACTIONS_PX + message;
}

/**
 * @param {TaskRow} row
 * @param {CardOptions} options
 */
export function drawCard(row, options) {
  const { t } = options.texts;
  const card = element(
    "article",
    { class: `apixo-card apixo-${groupOf(row)}`, "aria-label": nameOf(row, options.texts) },
    element(
      "div",
      { class: "apixo-top" },
      pictures(row, options),
      element(
        "div",
        { class: "apixo-facts" },
        element(
          "div",
          { class: "apixo-line" },
          element("span", { class: "apixo-state" }, t(`state.${row.state}`)),
          row.practice && element("span", { class: "apixo-practice" }, t("practice")),
        ),
        element("div", { class: "apixo-line", title: kindOf(row, options) }, kindOf(row, options)),
        times(row, options),
      ),
    ),
    row.task_id ? identity(row, options) : null,
    message(row, options),
    actions(row, options),
  );
  card.querySelector("video")?.addEventListener("error", async () => {
    // A browser that cannot play the file says the same.
    if (await options.isGone(row).catch(() => false)) showGone(card, t);
  });
  return card;
}

/**
 * What stands in the place of a card that cannot be drawn, so that the others are.
 *
 * @param {TaskRow} row
 * @param {import("./texts.js").Texts} texts
 */
export function drawBroken(row, { t }) {
  return element("article", { class: "apixo-card apixo-failed" }, t("card.broken", { row: row.id }));
}

/**
 * @param {HTMLElement} card
 * @param {import("./texts.js").Translate} t
 */
function showGone(card, t) {
  const help = t("card.goneHelp");
  card.querySelector("video")?.parentElement?.remove();
  const words = element("span", { class: "apixo-gone", title: help }, t("card.gone"));
  card.querySelector(".apixo-state")?.parentElement?.append(words);
  const link = card.querySelector("[data-action=open]");
  link?.removeAttribute("href");
  link?.setAttribute("aria-disabled", "true");
  link?.setAttribute("title", help);
}

/**
 * Bring the time of a card that goes on up to date.
 *
 * @param {HTMLElement} item
 * @param {TaskRow} row
 * @param {number} now Unix seconds.
 */
export function tick(item, row, now) {
  if (groupOf(row) !== "underway") return;
  const shown = item.querySelector(".apixo-elapsed");
  if (shown) shown.textContent = clockFace(elapsedSeconds(row, now));
}

/**
 * A task in one line, as it is read out and asked about.
 *
 * @param {TaskRow} row
 * @param {import("./texts.js").Texts} texts
 */
export function nameOf(row, { t }) {
  return [t(`state.${row.state}`), row.kind, row.resolution, row.task_id].filter(Boolean).join(" · ");
}

/**
 * @param {TaskRow} row
 * @param {CardOptions} options
 */
function pictures(row, { texts: { t }, thumbnailUrl, resultUrl }) {
  const character = row.thumbnail
    ? element("img", { class: "apixo-picture", src: thumbnailUrl(row), alt: t("card.character"), loading: "lazy" })
    : element("span", { class: "apixo-picture apixo-none pi pi-user", "aria-hidden": "true" });
  const result = row.file
    ? element(
        "a",
        { href: resultUrl(row), target: "_blank", rel: "noopener", tabindex: -1, "aria-hidden": "true" },
        element("video", {
          class: "apixo-picture",
          // The middle says more than the first frame.
          src: `${resultUrl(row)}#t=${((row.clip_s ?? 0.2) / 2).toFixed(1)}`,
          preload: "metadata",
          muted: true,
          playsinline: true,
          tabindex: -1,
        }),
      )
    : null;
  return element("div", { class: "apixo-pictures" }, character, result);
}

/**
 * @param {TaskRow} row
 * @param {CardOptions} options
 */
function kindOf(row, { texts: { t, language } }) {
  const seconds =
    row.billable_s === null
      ? ""
      : t(row.practice ? "card.clipSeconds" : "card.billable", {
          seconds: wholeSeconds(row.billable_s, language()),
        });
  return [row.kind, row.resolution, seconds].filter(Boolean).join(" · ") || t("card.typedIn");
}

/**
 * @param {TaskRow} row
 * @param {CardOptions} options
 */
function times(row, { texts, now }) {
  const { t } = texts;
  const at = { language: texts.language(), now: now() };
  const usual =
    row.usual && t("card.usual", { low: clockFace(row.usual[0]), high: clockFace(row.usual[1]) });
  const began = moment(row.created_at, at);
  return element(
    "div",
    { class: "apixo-line apixo-quiet", title: [began, usual].filter(Boolean).join("") },
    began,
    // Of a submit without an answer nobody knows how long anything took.
    groupOf(row) !== "asking" && " · ",
    groupOf(row) !== "asking" &&
      element("span", { class: "apixo-elapsed" }, clockFace(elapsedSeconds(row, now()))),
    usual,
  );
}

/**
 * @param {TaskRow} row
 * @param {CardOptions} options
 */
function identity(row, { texts: { t }, copy }) {
  return element(
    "div",
    { class: "apixo-line apixo-id" },
    element("code", { title: row.task_id }, row.task_id),
    element("button", {
      type: "button",
      class: "apixo-icon pi pi-copy",
      "data-action": "copy",
      "aria-label": t("card.copy"),
      title: t("card.copy"),
      on: { click: () => copy(row) },
    }),
  );
}

/**
 * @param {TaskRow} row
 * @param {CardOptions} options
 */
function message(row, { texts: { t } }) {
  if (groupOf(row) === "asking") {
    return element("p", { class: "apixo-message", title: t("card.unknown") }, t("card.unknown"));
  }
  const said = [row.fail_code, row.fail_message || row.note].filter(Boolean).join(" · ");
  return said ? element("p", { class: "apixo-message", title: said }, said) : null;
}

/**
 * @param {TaskRow} row
 * @param {CardOptions} options
 */
function actions(row, { texts: { t }, resultUrl, act }) {
  const offered = actionsFor(row).map((action) => {
    const [words, help] = [t(`action.${action}`), t(`actionHelp.${action}`)];
    return action === "open"
      ? element(
          "a",
          { class: "apixo-button", href: resultUrl(row), target: "_blank", rel: "noopener", title: help, "data-action": action },
          words,
        )
      : button(words, () => act(action, row), { "data-action": action, title: help });
  });
  return offered.length ? element("div", { class: "apixo-actions" }, ...offered) : null;
}
