/** The tasks panel: every task of this installation, and what it was billed. */

import { cardHeight, drawBroken, drawCard, nameOf, roomOf, tick } from "./card.js";
import { drawChart, drawSums } from "./chart.js";
import { RouteError } from "./client.js";
import { button, element, fill } from "./elements.js";
import { makeFilters } from "./filters.js";
import { bars, sums } from "./spending.js";
import { inOrder, matches, merge } from "./tasks.js";
import { makeWindowedList } from "./window.js";

/**
 * @typedef {import("./tasks.js").TaskRow} TaskRow
 * @typedef {import("./tasks.js").Action} Action
 * @typedef {import("./tasks.js").Group} Group
 * @typedef {import("./texts.js").Texts} Texts
 * @typedef {ReturnType<typeof import("./client.js").makeClient>} Client
 * @typedef {{
 *   confirm: (about: { title: string, message: string, itemList: string[] }) => Promise<boolean>,
 *   prompt: (about: { title: string, message: string, defaultValue: string }) => Promise<string | null>,
 *   toast: (about: { severity: "success" | "info" | "warn" | "error", summary: string, detail?: string }) => void,
 *   copy: (text: string) => Promise<void>,
 *   addCollectNode: (taskId: string) => boolean,
 *   openSettings: () => void,
 *   usePractice: () => Promise<void>,
 *   thumbnailUrl: (row: TaskRow) => string,
 *   resultUrl: (row: TaskRow) => string,
 *   isGone: (row: TaskRow) => Promise<boolean>,
 *   now: () => number,
 * }} Host `now` in Unix seconds.
 *
 * @typedef {{ phase: "closed" }
 *   | { phase: "loading" }
 *   | { phase: "broken", message: string }
 *   | { phase: "ready" }} Phase
 */

const DAYS = 30;
const FIRST_LOOK = 40;
const TICK_MS = 1000;
const REFOCUS_FRAMES = 30;
/** HTTP status where there is no such row any more. */
const GONE = 404;
/** Another ComfyUI on the same folder sends no events to this page. */
const LOOK_AGAIN_MS = 15_000;

/**
 * @param {{ texts: Texts, client: Client, host: Host }} parts
 */
export function makePanel({ texts, client, host }) {
  const { t } = texts;
  /** @type {{ phase: Phase["phase"], message?: string }} */
  let state = { phase: "closed" };
  /** @type {Map<number, TaskRow>} */
  let rows = new Map();
  /** @type {number | null} */
  let revision = null;
  /** @type {Promise<void> | null} */
  let reading = null;
  let again = false;
  /** @type {{ text: string, group: Group | "" }} */
  const wanted = { text: "", group: "" };
  /** @type {ReturnType<typeof setInterval>[]} */
  let timers = [];
  /** @type {import("./card.js").Room} */
  let room = "wide";
  /** @type {TaskRow[]} */
  let shown = [];

  const list = makeWindowedList({
    keyOf: (/** @type {TaskRow} */ row) => row.id,
    heightOf: (row) => cardHeight(row, room),
    draw: drawRow,
    label: t("panel.list"),
  });
  const notice = element("div", { class: "apixo-notice", role: "status" });
  const keyNotice = element("div", { class: "apixo-notice apixo-setup", role: "status", hidden: true });
  const figures = element("dl", { class: "apixo-sums" });
  const chart = element("figure", { class: "apixo-chart" });
  const filters = makeFilters(texts, wanted, draw);
  const root = element(
    "section",
    { class: "apixo-panel", "aria-label": t("panel.title") },
    element(
      "header",
      { class: "apixo-head" },
      element("h2", {}, t("panel.title")),
      element("button", {
        type: "button",
        class: "apixo-icon pi pi-cog",
        "aria-label": t("panel.settings"),
        title: t("panel.settings"),
        on: { click: host.openSettings },
      }),
    ),
    keyNotice,
    figures,
    chart,
    filters,
    notice,
    list.element,
  );

  /** @param {TaskRow} row */
  function drawRow(row) {
    try {
      return drawCard(row, { texts, ...host, act, copy: (of) => void copyId(of) });
    } catch (error) {
      console.info(`Wan Animate (APIXO): row ${row.id} cannot be drawn.`, error);
      return drawBroken(row, texts);
    }
  }

  /** A sidebar that is drawn wider or narrower. */
  function measure() {
    const found = roomOf(root.clientWidth);
    const isOther = found !== room;
    root.dataset.room = room = found;
    if (isOther) draw();
    else list.place();
  }

  /** Draw what is known. */
  function draw() {
    shown = inOrder(rows.values()).filter((row) => matches(row, wanted, t));
    list.show(shown);
    fill(notice, ...noticeFor(shown.length));
    notice.hidden = !notice.hasChildNodes();
    filters.hidden = rows.size === 0;
  }

  /** @param {boolean} isOwner */
  function keyWords(isOwner) {
    if (!isOwner) return [element("p", {}, t("panel.noKeyElsewhere"))];
    return [
      element("p", {}, t("panel.noKey")),
      button(t("panel.usePractice"), () => report(host.usePractice()), { class: "apixo-primary" }),
      button(t("panel.openSettings"), host.openSettings),
    ];
  }

  /** @param {number} shown */
  function noticeFor(shown) {
    if (state.phase === "loading") return [t("panel.loading")];
    if (state.phase === "broken") {
      return [
        t("panel.broken", { message: state.message ?? "" }),
        button(t("panel.retry"), () => void refresh()),
      ];
    }
    if (rows.size === 0) return [t("panel.empty")];
    return shown === 0 ? [t("panel.nothingFound")] : [];
  }

  /** Read what has changed, once for any number of calls at the same time. */
  async function refresh() {
    if (reading) {
      again = true;
      return reading;
    }
    reading = readAll();
    try {
      await reading;
    } finally {
      reading = null;
    }
    if (again) {
      again = false;
      await refresh();
    }
  }

  /** A long history takes a moment: what fills the panel comes first. */
  async function readNewest() {
    const reply = await client.newestTasks(FIRST_LOOK);
    rows = merge(rows, reply).rows;
    if (state.phase !== "closed") state = { phase: "ready" };
    draw();
  }

  async function readAll() {
    try {
      if (revision === null) await readNewest();
      const [reply, spending] = await Promise.all([client.tasks(revision), client.spending()]);
      let merged = merge(rows, reply);
      let known = reply.revision;
      if (!merged.complete && revision !== null) {
        const whole = await client.tasks(null);
        merged = merge(rows, whole);
        known = whole.revision;
      }
      rows = merged.rows;
      revision = known;
      if (state.phase !== "closed") state = { phase: "ready" };
      drawSpending(spending);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (state.phase !== "closed") state = { phase: "broken", message };
    }
    draw();
  }

  /** @param {import("./client.js").SpendingReply} spending */
  function drawSpending({ days, today, prices }) {
    const totals = sums(days, { today, prices });
    drawSums(figures, totals, texts);
    chart.hidden = totals.all.seconds === 0;
    figures.hidden = chart.hidden;
    drawChart(chart, bars(days, { today, prices, count: DAYS }), texts);
  }

  /**
   * @param {Action} action
   * @param {TaskRow} row
   */
  function act(action, row) {
    const index = shown.findIndex(({ id }) => id === row.id);
    const hadFocus = root.contains(document.activeElement);
    report(perform(action, row).finally(() => void (hadFocus && refocus(row, index))));
  }

  /**
   * A dialog gives the focus back to the button that opened it, which may be gone by then.
   *
   * @param {TaskRow} row
   * @param {number} index
   */
  async function refocus({ id }, index) {
    for (let n = 0; n < REFOCUS_FRAMES && state.phase !== "closed"; n += 1) {
      if (list.hasLostFocus()) list.focusRow(id, index);
      await new Promise(requestAnimationFrame);
    }
  }

  /** @param {Promise<void>} work */
  function report(work) {
    work.catch((error) => {
      host.toast({ severity: "error", summary: t("panel.title"), detail: error.message });
    });
  }

  /**
   * @param {Action} action
   * @param {TaskRow} row
   */
  async function perform(action, row) {
    if (action === "addNode") {
      if (!host.addCollectNode(row.task_id)) {
        host.toast({ severity: "warn", summary: t("panel.title"), detail: t("toast.noNode") });
      }
      return;
    }
    if (action === "adopt") {
      if (!(await adopt(row))) return;
    } else if (action === "collect") {
      await client.collect(row.id);
      host.toast({ severity: "info", summary: t("toast.collecting"), detail: row.task_id });
    } else {
      const about =
        action === "abandon"
          ? { title: t("abandon.title"), message: t("abandon.message") }
          : { title: t("forget.title"), message: t("forget.message") };
      if (!(await host.confirm({ ...about, itemList: [nameOf(row, texts)] }))) return;
      await (action === "abandon" ? client.abandon(row.id) : client.forget(row.id));
    }
    await refresh();
  }

  /**
   * Ask for an id until the server takes it, or the person leaves it.
   *
   * @param {TaskRow} row
   */
  async function adopt(row) {
    let [defaultValue, message] = ["", t("adopt.message")];
    for (;;) {
      const typed = (await host.prompt({ title: t("adopt.title"), message, defaultValue }))?.trim();
      if (!typed) return false;
      try {
        await client.adopt(row.id, typed);
        return true;
      } catch (error) {
        if (!(error instanceof RouteError) || error.status === GONE) throw error;
        [defaultValue, message] = [typed, error.message];
      }
    }
  }

  /** @param {TaskRow} row */
  async function copyId(row) {
    try {
      await host.copy(row.task_id);
      host.toast({ severity: "success", summary: t("toast.copied"), detail: row.task_id });
    } catch {
      host.toast({ severity: "warn", summary: t("toast.notCopied"), detail: row.task_id });
    }
  }

  function tickAll() {
    if (document.hidden) return;
    for (const { item, row } of list.inSight()) tick(item, row, host.now());
  }

  const sizes = globalThis.ResizeObserver && new ResizeObserver(measure);

  return {
    element: root,
    refresh,
    /** Whether a person sees it. */
    isOpen: () => state.phase !== "closed",
    /**
     * @param {boolean} isMissing Neither a key nor practice mode.
     * @param {boolean} isOwner Whether this browser may do something about it.
     */
    setKeyMissing(isMissing, isOwner) {
      keyNotice.hidden = !isMissing;
      fill(keyNotice, ...(isMissing ? keyWords(isOwner) : []));
    },

    /**
     * Put the panel into the page; again for the same place is harmless.
     *
     * @param {HTMLElement} container
     */
    open(container) {
      if (root.parentElement !== container) fill(container, root);
      if (state.phase === "closed") {
        state = { phase: revision === null ? "loading" : "ready" };
        timers = [
          setInterval(tickAll, TICK_MS),
          setInterval(() => document.hidden || void refresh(), LOOK_AGAIN_MS),
        ];
        void refresh();
      }
      draw();
      sizes?.observe(root);
      requestAnimationFrame(measure);
    },

    /** Take it out again. */
    close() {
      state = { phase: "closed" };
      timers.forEach(clearInterval);
      timers = [];
      sizes?.disconnect();
      root.remove();
    },
  };
}
