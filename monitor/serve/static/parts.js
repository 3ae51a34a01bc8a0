// What the list and a run's page both show: badges, bars, sparklines, alerts, news.

import { h, svg } from "./dom.js";
import { clock, duration, finite, number, percent, step } from "./format.js";

export function badge(word, kind) {
  return h("span", { class: `badge ${kind}` }, word);
}

export function stateBadge(run, now_s) {
  const quiet = run.state === "silent" && run.last_line_s ? ` ${duration(now_s - run.last_line_s)}` : "";
  return badge(`${run.state}${quiet}`, `state-${run.state}`);
}

export function progress(run, named = false) {
  const at = run.step ?? run.epoch;
  const name = run.step === null && run.epoch !== null ? "epoch " : named && run.step !== null ? "step " : "";
  if (!run.total_steps || run.step === null) return h("span", { class: "steps" }, `${name}${step(at)}`);
  const share = Math.min(1, run.step / run.total_steps);
  const bar = h("span", { class: "track", role: "img", "aria-label": percent(share) }, h("span", { class: "done", style: { width: `${100 * share}%` } }));
  return h("span", { class: "steps" }, `${name}${step(run.step)} / ${step(run.total_steps)}`, bar);
}

// The whole curve in a strip; steep ones on a logarithmic scale, so that the end can still be read.
export function sparkline(values, width = 112, height = 26) {
  const numbers = values.filter(finite);
  if (numbers.length < 2) return null;
  const steep = Math.min(...numbers) > 0 && Math.max(...numbers) > 5 * Math.min(...numbers);
  const scaled = values.map((value) => (finite(value) ? (steep ? Math.log(value) : value) : null));
  const low = Math.min(...scaled.filter((value) => value !== null));
  const span = Math.max(...scaled.filter((value) => value !== null)) - low || 1;
  const place = (value, i) => [2 + (i * (width - 4)) / (scaled.length - 1), 3 + (height - 6) * (1 - (value - low) / span)];
  let path = "";
  let last = null;
  scaled.forEach((value, i) => {
    if (value === null) { last = null; return; }
    const [x, y] = place(value, i);
    path += `${last ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    last = [x, y];
  });
  const end = last && svg("circle", { cx: last[0].toFixed(1), cy: last[1].toFixed(1), r: 2.2 });
  return svg("svg", { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, svg("path", { d: path }), end);
}

export function firing(run) {
  const rank = { critical: 0, warning: 1, info: 2 };
  return run.alerts.filter((alert) => alert.state === "firing")
    .sort((a, b) => a.silenced - b.silenced || rank[a.severity] - rank[b.severity]);
}

// A milestone says missed or worry, anything else its severity.
export function alertWord(run, alert) {
  if (alert.silenced) return "silenced";
  return (run.milestones.find((milestone) => milestone.id === alert.rule)?.status ?? alert.severity).replace("_", " ");
}

export function alertBadge(run, alert) {
  const word = alertWord(run, alert);
  return h("span", { class: `badge ${alert.silenced ? "silenced" : alert.severity}`, title: alert.message }, word, h("span", { class: "rule" }, alert.rule));
}

export function against(run) {
  const loss = run.metrics.val_loss;
  const base = run.baseline?.values?.val_loss;
  if (loss && base && finite(loss.last)) return `${(loss.last / base).toFixed(1)}× ${run.baseline.label ?? "baseline"}`;
  return "";
}

export function nextMilestone(run) {
  return run.milestones.find((milestone) => milestone.status === "pending");
}

export function newsList(news, now_s, { run = null, limit = 60 } = {}) {
  const told = news.filter((one) => run === null || one.run === run).slice(0, limit);
  if (!told.length) return h("p", { class: "muted" }, "nothing yet");
  return h("ol", { class: run === null ? "news" : "news one" }, told.map((one) => h("li", {},
    h("time", { datetime: new Date(1000 * one.time_s).toISOString() }, clock(one.time_s, now_s)),
    run === null && h("a", { href: `#/run/${encodeURIComponent(one.run)}` }, one.run),
    badge(one.state, one.state === "firing" ? one.severity : one.state),
    h("span", { class: "rule" }, one.rule),
    h("span", { class: "told" }, one.message))));
}

export { number };
