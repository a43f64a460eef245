/** Wan Animate (APIXO) in the page: settings, the tasks panel, toasts, the practice badge. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { isMarked, practiceBadge } from "./lib/badge.js";
import { makeClient, thumbnailPath, viewPath } from "./lib/client.js";
import { makeField } from "./lib/fields.js";
import { goesOn, makeLasting, nodeAt } from "./lib/lasting.js";
import { makePanel } from "./lib/panel.js";
import { freePlace, isInside, openPart } from "./lib/place.js";
import { placeSamples, samplesIn } from "./lib/samples.js";
import { PAGE, SPECS, makeSettings, wordsOf } from "./lib/settings.js";
import { entryOf, pressEntry } from "./lib/settings_dialog.js";
import { makeTexts } from "./lib/texts.js";
import { advise, toastFor } from "./lib/toasts.js";

const TAB = "apixo-wan-tasks";
const TOAST_MS = 8000;
const NEWS_MS = 300;
/** Nodes 2.0 puts the badges below a node, beyond the size that it reports at first. */
const BADGES_PX = 60;
/** Hidden setting: both renderers draw a badge anew when a setting that it reads changes. */
const PRACTICE_SHOWN = "apixo.practice_shown";

const locales = await api
  .fetchApi("/i18n")
  .then((reply) => reply.json())
  .catch(() => ({}));
const language = () => app.extensionManager?.setting?.get("Comfy.Locale") ?? "en";
const texts = makeTexts(locales, language);
const client = makeClient(
  (path, options) => api.fetchApi(path, options),
  () => texts.t("panel.unreachable"),
);
const settings = makeSettings(client);

/** What the page itself has to remember. */
const page = { keyMissing: false, isOwner: true, welcomed: false };

// Style

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = new URL("./apixo.css", import.meta.url).href;
document.head.append(style);

// The host, as the panel needs it

const host = {
  confirm: async (about) => (await app.extensionManager.dialog.confirm(about)) === true,
  prompt: (about) => app.extensionManager.dialog.prompt(about),
  toast: (message) => app.extensionManager.toast.add({ life: TOAST_MS, ...message }),
  copy: (text) => navigator.clipboard.writeText(text),
  addCollectNode,
  openSettings: () => void openSettings(),
  usePractice: () => settings.save("practice", true),
  thumbnailUrl: (row) => api.apiURL(thumbnailPath(row.id)),
  resultUrl: (row) => api.apiURL(viewPath(row.file)),
  isGone: async (row) => {
    const reply = await api.fetchApi(viewPath(row.file), { method: "HEAD" });
    return reply.status === 404;
  },
  now: () => Date.now() / 1000,
};

/** Open the host's settings at our page. */
async function openSettings() {
  void app.extensionManager.command.execute("Comfy.ShowSettingsDialog");
  const names = [PAGE, locales[language()]?.settingsCategories?.[PAGE] ?? PAGE];
  await pressEntry({ find: () => entryOf(document, names), frame: requestAnimationFrame });
}

/**
 * Put a Collect node where it is seen and lies on no other.
 *
 * @param {string} taskId
 */
function addCollectNode(taskId) {
  const graph = app.canvas?.graph ?? app.graph;
  const node = window.LiteGraph?.createNode("ApixoWanCollect");
  const widget = node?.widgets?.find((candidate) => candidate.name === "task_id");
  if (!graph || !node || !widget) return false;
  widget.value = taskId;
  const title = window.LiteGraph.NODE_TITLE_HEIGHT ?? 0;
  const below = window.LiteGraph.vueNodesMode ? BADGES_PX : 0;
  const size = { width: node.size[0], height: node.size[1] + title + below };
  const seen = seenOfGraph();
  const place = freePlace(seen, size, graph._nodes.map(boxOf));
  node.pos = [place.x, place.y + title];
  graph.add(node);
  app.canvas.selectNode?.(node, false);
  if (!isInside(place, seen)) app.canvas.centerOnNode?.(node);
  graph.setDirtyCanvas(true, true);
  return true;
}

/** A node with its title, and with what Nodes 2.0 draws below it. */
function boxOf(node) {
  const title = window.LiteGraph.NODE_TITLE_HEIGHT ?? 0;
  const [width, height] = [node.boundingRect?.[2] ?? 0, node.boundingRect?.[3] ?? 0];
  return {
    x: node.pos[0],
    y: node.pos[1] - title,
    width: Math.max(width, node.size[0]),
    height: Math.max(height, node.size[1] + title),
  };
}

/** What is seen of the graph beside the tasks panel, in its own units. */
function seenOfGraph() {
  const { ds, canvas } = app.canvas;
  const [x, y, width, height] = ds.visible_area;
  const [ground, cover] = [canvas.getBoundingClientRect(), panel?.element.getBoundingClientRect()];
  if (!cover?.width) return { x, y, width, height };
  return openPart(
    { x, y, width, height },
    {
      x: (cover.left - ground.left) / ds.scale - ds.offset[0],
      y: (cover.top - ground.top) / ds.scale - ds.offset[1],
      width: cover.width / ds.scale,
      height: cover.height / ds.scale,
    },
  );
}

// The tasks panel

let panel = null;
let panelLanguage = "";

function openPanel(container) {
  container.style.height = "100%";
  if (!panel || panelLanguage !== language()) {
    panel?.close();
    panelLanguage = language();
    panel = makePanel({ texts, client, host });
    panel.setKeyMissing(page.keyMissing, page.isOwner);
  }
  panel.open(container);
}

// The settings page

const fields = new Map();

function drawField(spec) {
  const known = `${spec.id} ${language()}`;
  const isOpening = !areSettingsShown();
  if (!fields.has(known)) fields.set(known, makeField({ spec, settings, texts }));
  if (isOpening) openingSettings();
  return fields.get(known);
}

function areSettingsShown() {
  return [...fields.values()].some((field) => field.isConnected);
}

let opening = null;

/** Read the settings once for all fields that appear together. */
function openingSettings() {
  opening ??= Promise.resolve().then(async () => {
    await settings.load();
    opening = null;
  });
}

function settingParams(spec, index) {
  const words = locales.en?.settings?.[wordsOf(spec)] ?? {};
  const name = words.name ?? spec.id;
  return {
    id: spec.id,
    name,
    tooltip: words.tooltip,
    type: () => drawField(spec),
    defaultValue: null,
    category: [PAGE, spec.group, name],
    sortOrder: SPECS.length - index,
  };
}

// News from the server

/** Read whether there is a key, and whether nothing of this is real. */
async function learnStatus() {
  try {
    const { practice, key_set: keySet, owner } = await client.status();
    page.keyMissing = !keySet && !practice;
    page.isOwner = owner !== false;
    if (!page.keyMissing) takeWelcomeBack();
    panel?.setKeyMissing(page.keyMissing, page.isOwner);
    if (app.extensionManager.setting.get(PRACTICE_SHOWN) !== practice) {
      await app.extensionManager.setting.set(PRACTICE_SHOWN, practice);
      app.canvas?.setDirty?.(true, true);
    }
  } catch (error) {
    console.info("Wan Animate (APIXO): the server does not answer.", error.message);
  }
}

let takeWelcomeBack = () => {};

function welcome() {
  if (!page.keyMissing || page.welcomed) return;
  page.welcomed = true;
  const { t } = texts;
  takeWelcomeBack = advise(app.extensionManager.toast, {
    summary: t("toast.welcome"),
    detail: page.isOwner ? t("toast.welcomeDetail") : t("toast.welcomeElsewhere"),
    life: TOAST_MS,
  });
}

let newsTimer = 0;

/** Look at the tasks soon, once for many pieces of news. */
function refreshSoon() {
  if (!panel?.isOpen() || newsTimer) return;
  newsTimer = setTimeout(() => {
    newsTimer = 0;
    void panel.refresh();
  }, NEWS_MS);
}

function listen() {
  api.addEventListener("apixo.tasks", refreshSoon);
  api.addEventListener("apixo.ended", ({ detail }) => {
    const toast = toastFor(detail, texts);
    if (toast) host.toast(toast);
  });
  api.addEventListener("apixo.settings", () => {
    void learnStatus();
    if (areSettingsShown()) void settings.refresh();
  });
  api.addEventListener("reconnected", () => {
    void learnStatus();
    refreshSoon();
  });
}

// What stays under a node

const PREVIEW = "$$node-text-preview";

const lasting = makeLasting({
  isOurs: (id) => nodeAt(app.graph, id)?.comfyClass?.startsWith("Apixo") === true,
  show(id, text) {
    const node = nodeAt(app.graph, id);
    // By its own id: older pages cannot follow a longer one into a subgraph.
    if (node?.graph !== app.canvas?.graph) return;
    api.dispatchCustomEvent("progress_text", { nodeId: String(node.id), text });
  },
  hide(id) {
    const node = nodeAt(app.graph, id);
    const line = node?.widgets?.find((widget) => widget.name === PREVIEW);
    if (line) node.removeWidget?.(line);
  },
  later: (work) => setTimeout(work, 0),
  goesOn: (taskId, isPractice) => goesOn(taskId, isPractice, texts),
  workflow: () => String(app.graph?.id ?? ""),
});

function keepLastLines() {
  const hear = (name, listener) => api.addEventListener(name, ({ detail }) => listener(detail ?? {}));
  hear("promptQueueing", lasting.queueing);
  hear("status", (status) => status.exec_info?.queue_remaining === 0 && lasting.idle());
  hear("execution_start", lasting.started);
  hear("executed", lasting.executed);
  hear("execution_error", lasting.failed);
  hear("apixo.left", lasting.left);
  for (const end of ["execution_success", "execution_error", "execution_interrupted"]) {
    hear(end, lasting.ended);
  }
  // Into a subgraph or out of it.
  app.canvas?.canvas?.addEventListener("litegraph:set-graph", lasting.again);
}

// Samples of the templates

const inputFolder = {
  isThere: async (name) => {
    const query = new URLSearchParams({ filename: name, type: "input" });
    const reply = await api.fetchApi(`/view?${query}`, { method: "HEAD" });
    return reply.ok;
  },
  read: async (name) => {
    const reply = await fetch(new URL(`./samples/${name}`, import.meta.url));
    if (!reply.ok) throw new Error(`${name}: HTTP ${reply.status}`);
    return reply.blob();
  },
  put: async (name, content) => {
    const body = new FormData();
    body.append("image", content, name);
    const reply = await api.fetchApi("/upload/image", { method: "POST", body });
    if (!reply.ok) throw new Error(`${name}: HTTP ${reply.status}`);
  },
};

async function bringSamples(workflow) {
  const names = samplesIn(workflow);
  if (!names.length) return;
  try {
    const placed = await placeSamples(names, inputFolder);
    if (!placed.length) return;
    // The loaders' lists of files are from when the page was opened.
    await app.reloadNodeDefs();
    host.toast({ severity: "info", summary: texts.t("toast.samples"), detail: placed.join(", ") });
  } catch (error) {
    console.info("Wan Animate (APIXO): a sample file could not be placed.", error.message);
  }
}

// What the host calls

app.registerExtension({
  name: "apixo.wan_animate",

  settings: [
    ...SPECS.map(settingParams),
    { id: PRACTICE_SHOWN, name: "Practice mode is shown", type: "hidden", defaultValue: false },
  ],

  async setup() {
    listen();
    keepLastLines();
    app.extensionManager.registerSidebarTab({
      id: TAB,
      icon: "pi pi-video",
      title: "apixoWan.tab",
      tooltip: "apixoWan.tabHelp",
      type: "custom",
      render: openPanel,
      destroy: () => panel?.close(),
    });
    settings.watch((state) => state.phase === "ready" && void learnStatus());
    await learnStatus();
  },

  beforeConfigureGraph: (workflow) => bringSamples(workflow),

  afterConfigureGraph: () => lasting.again(),

  nodeCreated(node) {
    if (!isMarked(node.comfyClass)) return;
    welcome();
    node.badges?.push(
      practiceBadge({
        make: (options) => new window.LGraphBadge(options),
        isPractice: () => app.extensionManager.setting.get(PRACTICE_SHOWN) === true,
        word: () => texts.t("practice"),
      }),
    );
  },
});
