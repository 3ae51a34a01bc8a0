// Runs at a glance: is it all right, what happened, what next. Runs that want attention stand first.

import * as api from "./api.js";
import { h, replace } from "./dom.js";
import { clock, condition, duration, number, percent } from "./format.js";
import { against, alertBadge, firing, newsList, nextMilestone, progress, sparkline, stateBadge } from "./parts.js";

const RANK = { failed: 0, critical: 1, warning: 2, no_data: 3, on_track: 4 };
const ENDED = new Set(["ended", "crashed", "failed"]);

export function createList(main, { onOpen }) {
  let wanted = "";
  let seen = null;
  const find = h("input", {
    type: "search", id: "find", placeholder: "find a run, a job, a user", "aria-label": "Find a run", autocomplete: "off", spellcheck: "false",
    oninput: () => { wanted = find.value.toLowerCase(); draw(); },
  });
  const body = h("tbody");
  const none = h("p", { class: "muted pad", hidden: true });
  const titles = ["Run", "State", "Step", "Validation loss", "Training loss", "Next milestone", "Alerts"];
  const table = h("table", { class: "runs" }, h("thead", {}, h("tr", {}, titles.map((title) => h("th", { scope: "col" }, title)))), body);
  const news = h("section", { class: "card", "aria-labelledby": "news-title" }, h("h2", { id: "news-title" }, "What happened"), h("div"));
  const quiet = h("section", { class: "card", "aria-labelledby": "quiet-title", hidden: true }, h("h2", { id: "quiet-title" }, "Silences"), h("ul", { class: "silences" }));
  replace(main, h("section", { class: "card runs-card", "aria-label": "Runs" }, h("div", { class: "tools" }, find), table, none), quiet, news);

  function draw() {
    if (!seen) return;
    const now_s = seen.runs.time_s;
    const shown = seen.runs.runs.filter(matches).sort((a, b) => RANK[a.verdict] - RANK[b.verdict] || ENDED.has(a.state) - ENDED.has(b.state));
    const focused = document.activeElement?.closest?.("tr[data-run]")?.dataset.run;
    replace(body, shown.map((run) => row(run, now_s, onOpen)));
    table.hidden = !shown.length;
    none.hidden = shown.length > 0;
    none.textContent = seen.runs.runs.length ? `no run matches “${wanted}”` : seen.runs.ready ? "no log yet: the watcher waits for one" : "reading the logs for the first time …";
    if (focused) body.querySelector(`tr[data-run="${CSS.escape(focused)}"] a`)?.focus({ preventScroll: true });
    replace(news.lastChild, newsList(seen.news, now_s));
    if (seen.runs.can_silence) listSilences(now_s);
  }

  async function listSilences(now_s) {
    const { silences } = await api.silences().catch(() => ({ silences: [] }));
    quiet.hidden = !silences.length;
    replace(quiet.lastChild, silences.map((one) => h("li", {},
      h("a", { href: `#/run/${encodeURIComponent(one.run)}` }, one.run), h("span", { class: "badge silenced" }, one.rule ?? "all rules"),
      h("span", { class: "muted" }, `${one.until}, since ${clock(one.created_s, now_s)}`),
      h("button", { type: "button", "aria-label": `End the silence of ${one.run} ${one.rule ?? ""}`, onclick: async (event) => {
        event.target.disabled = true;
        await api.unsilence(one.id).catch(() => null);
        listSilences(now_s);
      } }, "end it"))));
  }

  function matches(run) {
    if (!wanted) return true;
    const words = [run.run, run.state, run.verdict, run.facts.job_name, run.facts.user, ...run.paths, ...run.alerts.map((alert) => alert.rule)];
    return words.some((word) => String(word ?? "").toLowerCase().includes(wanted));
  }

  return {
    update(runs, told) { seen = { runs, news: told }; draw(); },
    move(by) {
      const links = [...body.querySelectorAll("a.run")];
      const at = links.indexOf(document.activeElement);
      links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
    },
    find() { find.focus(); find.select(); },
  };
}

function row(run, now_s, onOpen) {
  const name = h("a", { class: "run", href: `#/run/${encodeURIComponent(run.run)}` }, run.run);
  const job = [run.facts.job_name, run.facts.user, run.attempt > 1 && `attempt ${run.attempt}`].filter(Boolean).join(" · ");
  const open = (event) => { if (!event.target.closest("a, button")) onOpen(run.run); };
  return h("tr", { "data-run": run.run, class: `verdict-${run.verdict}`, onclick: open },
    h("th", { scope: "row" }, name, job && h("small", {}, job)),
    h("td", { "data-title": "State" }, stateBadge(run, now_s)),
    h("td", { "data-title": "Step" }, progress(run)),
    h("td", { "data-title": "Validation loss" }, h("div", { class: "loss" }, loss(run, now_s))),
    h("td", { "data-title": "Training loss" }, run.metrics.train_loss ? h("span", { class: "figure" }, number(run.metrics.train_loss.last)) : "–"),
    h("td", { "data-title": "Next milestone" }, ahead(run, now_s)),
    h("td", { "data-title": "Alerts", class: "alerts" }, alerts(run)));
}

function loss(run, now_s) {
  const metric = run.metrics.val_loss;
  if (!metric) {
    const tells = run.last_line_s && !ENDED.has(run.state) && (run.state === "silent" || !Object.keys(run.metrics).length);
    const quiet_s = tells ? now_s - run.last_line_s : 0;
    return h("span", { class: "muted none" }, quiet_s > 60 ? `no line for ${duration(quiet_s)}` : "–");
  }
  const note = against(run);
  return [h("span", { class: "figure" }, number(metric.last)), sparkline(run.trend?.values ?? []), note && h("small", {}, note)];
}

function ahead(run, now_s) {
  const next = nextMilestone(run);
  if (!next) {
    const all = run.milestones.length && run.milestones.every((milestone) => milestone.status === "met");
    return h("span", { class: all ? "good" : "muted" }, all ? "all met" : run.milestones.length ? "none left" : "–");
  }
  if (ENDED.has(run.state)) return [h("span", { class: "muted" }, condition(next)), h("small", {}, "not reached")];
  const eta_s = next.forecast?.eta_s;
  const parts = [eta_s && eta_s > now_s ? `in ${duration(eta_s - now_s)}` : null, next.forecast ? `${percent(next.forecast.probability)} likely` : null];
  return [h("span", { class: "figure" }, condition(next)), h("small", {}, parts.filter(Boolean).join(", ").replaceAll(" ", "\u00a0").replaceAll(",\u00a0", ", "))];
}

function alerts(run) {
  const found = firing(run);
  if (!found.length) return h("span", { class: "muted" }, "none");
  const shown = Math.min(2, found.length);
  const more = shown < found.length ? h("span", { class: "muted more" }, `+${found.length - shown}`) : null;
  return [...found.slice(0, shown).map((alert) => alertBadge(run, alert)), more];
}
