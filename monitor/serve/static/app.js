// The page: which view the address asks for, the round of questions to the watcher, the keys, the colours.

import * as api from "./api.js";
import { h, replace } from "./dom.js";
import { clock } from "./format.js";
import { createList } from "./list.js";

const EVERY_MS = 2000;
const main = document.getElementById("main");
const themes = ["system", "light", "dark"];
let view = null;
let latest = null;
let answered_s = 0;
let timer = 0;
let lastFocus = null;

function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const run = path.startsWith("run/") ? decodeURIComponent(path.slice(4)) : null;
  return { run, options: new URLSearchParams(query) };
}

async function show() {
  const { run, options } = address();
  view?.close?.();
  document.title = run ? `${run} · loss-watch` : "loss-watch";
  if (run === null) {
    view = { kind: "list", ...createList(main, { onOpen: open }) };
  } else {
    lastFocus = run;
    const { createRun } = await import("./run.js");
    view = { kind: "run", ...createRun(main, run, options) };
  }
  if (latest) view.update(latest.runs, latest.news);
  if (run === null && lastFocus) {
    document.querySelector(`tr[data-run="${CSS.escape(lastFocus)}"] a`)?.focus({ preventScroll: true });
  } else {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

function open(run) {
  location.hash = `#/run/${encodeURIComponent(run)}`;
}

async function round() {
  clearTimeout(timer);
  try {
    const [runs, news] = await Promise.all([api.runs(), api.news()]);
    latest = { runs, news: news.news };
    answered_s = Date.now() / 1000;
    frame(runs);
    view?.update(latest.runs, latest.news);
  } catch (error) {
    const since = answered_s ? ` since ${clock(answered_s, Date.now() / 1000)}; what you see is from then` : "";
    const lost = document.getElementById("lost");
    lost.textContent = `The watcher does not answer${since}. ${error instanceof TypeError ? "" : error.message}`;
    lost.hidden = false;
  }
  if (!document.hidden) timer = setTimeout(round, EVERY_MS);
}

function frame(runs) {
  document.getElementById("lost").hidden = true;
  document.getElementById("rules").textContent = runs.rules;
  document.getElementById("pulse").textContent = clock(runs.time_s, runs.time_s);
  const count = (wanted) => runs.runs.filter(wanted).length;
  const critical = count((run) => run.alerts.some((alert) => alert.state === "firing" && alert.severity === "critical" && !alert.silenced));
  const warning = count((run) => run.verdict === "warning");
  const total = runs.runs.length;
  const tally = document.getElementById("tally");
  const words = [h("span", {}, `${total} run${total === 1 ? "" : "s"}`)];
  if (critical) words.push(h("span", { class: "badge critical" }, `${critical} critical`));
  if (warning) words.push(h("span", { class: "badge warning" }, `${warning} warning`));
  if (tally.textContent !== words.map((word) => word.textContent).join("")) replace(tally, words);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const button = document.getElementById("theme");
  button.textContent = { system: "◐", light: "☀", dark: "☾" }[theme];
  button.setAttribute("aria-label", `Colours: ${theme === "system" ? "as the system has them" : theme}`);
  button.title = `${button.getAttribute("aria-label")} (t)`;
  try { localStorage.setItem("loss-watch-theme", theme); } catch { /* a private window keeps nothing */ }
  view?.recolor?.();
}

function nextTheme() {
  setTheme(themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length]);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest?.("input, select, textarea");
  if (event.key === "Escape") {
    if (document.getElementById("help").open) return;
    if (typing) { typing.blur(); if (typing.value && typing.type === "search") { typing.value = ""; typing.dispatchEvent(new Event("input")); } }
    else if (view?.kind === "run") location.hash = "#/";
    return;
  }
  if (typing) return;
  const actions = {
    "?": () => document.getElementById("help").showModal(), t: nextTheme, "/": () => view?.find?.(),
    j: () => view?.move?.(1), k: () => view?.move?.(-1), ...view?.keys,
  };
  const action = actions[event.key];
  if (action && !document.getElementById("help").open) { event.preventDefault(); action(); }
}

let kept = "system";
try { kept = localStorage.getItem("loss-watch-theme") ?? "system"; } catch { /* as the system has it */ }
setTheme(themes.includes(kept) ? kept : "system");
document.getElementById("theme").addEventListener("click", nextTheme);
document.getElementById("keys").addEventListener("click", () => document.getElementById("help").showModal());
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
addEventListener("keydown", onKey);
addEventListener("hashchange", show);
document.addEventListener("visibilitychange", () => { if (!document.hidden) round(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view?.recolor?.());
show().then(round);
