// One run: its curve by step with what was asked of it, its alerts, milestones, metrics and events.

import * as api from "./api.js";
import { createChart, library } from "./chart.js";
import { h, replace } from "./dom.js";
import { clock, condition, duration, expected, finite, number, percent, step } from "./format.js";
import { alertWord, badge, firing, newsList, progress, stateBadge } from "./parts.js";

const POINTS = 2000;
const STEEP = 25;
const isLoss = (name) => name.includes("loss");
const button = (text, title, onclick) => h("button", { type: "button", title, onclick }, text);

export function createRun(main, id, options) {
  const listed = (key) => (options.get(key) ?? "").split(",").filter(Boolean);
  const state = {
    metrics: listed("m"), compare: listed("vs").map(decodeURIComponent), log: options.has("log") ? options.get("log") === "1" : null,
    byTime: options.get("x") === "time", run: null, runs: [], fetched: new Map(), curves: [],
  };
  let chart = null;
  let closed = false;
  let drawn = "";

  const head = h("section", { class: "head" });
  const quiet = h("details", { class: "silence", hidden: true }, h("summary", {}, "silence this run"),
    [["2h", "2 h"], ["8h", "8 h"], ["end", "until it ends"]].map(([until, text]) => button(text, `say nothing of ${id}: ${text}`, (event) => silence(event.target, null, until))));
  const alerts = h("section", { class: "alerts", "aria-label": "Alerts" });
  const readout = h("output", { class: "readout" });
  const log = button("log scale", "logarithmic scale (l)", () => { state.log = !isLog(); redraw(); });
  const axis = button("by time", "by step or by time (x)", () => { state.byTime = !state.byTime; redraw(); });
  const reset = button("whole run", "reset the zoom (0)", () => chart?.reset());
  reset.hidden = true;
  const compare = h("select", { id: "compare", "aria-label": "Compare with another run", onchange: () => add(compare.value) });
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Curves" });
  const more = h("select", { id: "more", "aria-label": "Another metric", onchange: () => { toggle(more.value); } });
  const holder = h("div", { class: "chart", tabindex: "0", role: "img", "aria-label": "Curves by step", onkeydown: onChartKey, onblur: () => chart?.leave() });
  const tools = h("div", { class: "tools" }, chips, h("span", { class: "grow" }), more, compare, axis, log, reset);
  const card = h("section", { class: "card chart-card", "aria-label": "Curves" }, tools, readout, holder);
  const milestones = h("section", { class: "card" });
  const metrics = h("section", { class: "card" });
  const events = h("section", { class: "card" });
  const told = h("section", { class: "card" });
  replace(main, h("div", { class: "top" }, head, quiet), alerts, card, h("div", { class: "pair" }, milestones, metrics), h("div", { class: "pair" }, told, events));
  const watcher = new ResizeObserver(() => chart?.resize());
  watcher.observe(holder);

  async function update(runs, news) {
    state.runs = runs.runs;
    const listedRun = runs.runs.find((one) => one.run === id);
    if (!listedRun) { missing(runs); return; }
    const mark = JSON.stringify([listedRun.metrics, listedRun.milestones, listedRun.alerts, listedRun.state, listedRun.attempt]);
    const first = state.run === null;
    state.run = listedRun;
    if (first) choose(listedRun);
    facts(runs);
    replace(told, h("h2", {}, "What happened"), newsList(news, runs.time_s, { run: id }));
    if (mark !== drawn) {
      drawn = mark;
      fillTables(runs);
      const [detail, curves] = await Promise.all([api.run(id).catch(() => null), fetchCurves().catch(() => null), library()]);
      if (closed) return;
      if (detail) listEvents(detail.events, runs.time_s);
      await redraw(curves);
    }
  }

  function missing(runs) {
    replace(head, h("a", { class: "back", href: "#/" }, "← all runs"), h("h1", {}, id));
    replace(alerts, h("p", { class: "muted" }, runs.ready ? "No such run is watched." : "reading the logs for the first time …"));
    for (const one of [card, milestones, metrics, told, events]) one.hidden = Boolean(runs.ready);
  }

  // The losses, or what there is.
  function choose(run) {
    const names = Object.keys(run.metrics);
    const asked = state.metrics.filter((name) => names.includes(name));
    const losses = ["val_loss", "train_loss"].filter((name) => names.includes(name));
    state.metrics = asked.length ? asked : losses.length ? losses : names.slice(0, 1);
  }

  function facts(runs) {
    const run = state.run;
    const now_s = runs.time_s;
    const known = run.facts;
    const words = [
      known.job_name, known.user, known.nodes && `${known.nodes} nodes`, run.format, run.attempt > 1 && `attempt ${run.attempt}`,
      run.started_s && `started ${clock(run.started_s, now_s)}`, run.last_line_s && `last line ${duration(now_s - run.last_line_s)} ago`,
    ].filter(Boolean);
    const next = h("div", { class: "title" }, h("h1", {}, run.run), stateBadge(run, now_s), progress(run, true));
    quiet.hidden = !runs.can_silence;
    replace(head, h("a", { class: "back", href: "#/" }, "← all runs"), next, h("p", { class: "muted facts" }, words.join(" · ")));
    // Drawn anew only when something changed: a choice that is open stays open.
    const shown = JSON.stringify([run.alerts, run.milestones.map((one) => one.status), runs.can_silence]);
    if (shown !== alerts.dataset.shown) replace(alerts, firing(run).map((alert) => alertCard(run, alert, runs)));
    alerts.dataset.shown = shown;
    alerts.hidden = !alerts.children.length;
  }

  function alertCard(run, alert, runs) {
    const kind = alert.silenced ? "silenced" : alert.severity;
    const ahead = run.milestones.find((milestone) => milestone.status === "pending" && milestone.axis === "step");
    const choices = [["2h", "2 h"], ahead && [`step ${ahead.step}`, `until step ${ahead.step}`], ["end", "until it ends"]].filter(Boolean);
    return h("article", { class: `alert ${kind}` },
      h("div", {}, badge(alertWord(run, alert), kind), h("strong", {}, alert.rule), h("span", { class: "told" }, alert.message)),
      h("p", { class: "muted" }, [alert.since_s && `since ${clock(alert.since_s, runs.time_s)}`, alert.resolves_when && `resolves when ${alert.resolves_when}`].filter(Boolean).join(" · ")),
      runs.can_silence && !alert.silenced && h("details", { class: "silence" }, h("summary", {}, "silence"),
        choices.map(([until, text]) => button(text, `say nothing of ${alert.rule}: ${text}`, (event) => silence(event.target, alert.rule, until)))));
  }

  async function silence(pressed, rule, until) {
    pressed.disabled = true;
    try {
      await api.silence(id, rule, until);
      pressed.parentElement.replaceChildren(h("span", { class: "muted" }, `silenced (${until})`));
    } catch (error) {
      pressed.parentElement.append(h("span", { class: "bad", role: "alert" }, error.message));
      pressed.disabled = false;
    }
  }

  const isLog = () => state.log ?? steep();

  // A first loss of ten flattens the rest on a linear scale.
  function steep() {
    const values = state.curves.filter((curve) => isLoss(curve.metric)).flatMap((curve) => curve.values.filter(finite));
    return values.length > 3 && Math.min(...values) > 0 && Math.max(...values) > STEEP * Math.min(...values);
  }

  async function fetchCurves() {
    const wanted = [id, ...state.compare].flatMap((run) => state.metrics.map((metric) => [run, metric]));
    const made = await Promise.all(wanted.map(async ([run, metric]) => {
      const known = state.runs.find((one) => one.run === run)?.metrics[metric];
      if (!known) return [];
      const key = JSON.stringify([run, metric]);
      const mark = `${known.count} ${known.last_step} ${known.last}`;
      if (state.fetched.get(key)?.mark !== mark) state.fetched.set(key, { mark, document: await api.series(run, metric, POINTS) });
      return state.fetched.get(key).document.attempts.map((attempt, i, all) => ({ ...attempt, run, metric, faded: i < all.length - 1 }));
    }));
    const colors = new Map(wanted.map(([run, metric], i) => [JSON.stringify([run, metric]), `curve-${1 + (i % 8)}`]));
    const curves = [...made.flat(), ...(await fetchBaseline())].map((curve) => ({ ...curve, label: label(curve), color: colors.get(JSON.stringify([curve.run, curve.metric])) ?? "muted" }));
    // What is drawn last lies on top: the run's own validation loss, which has few points, over the training loss, which has many.
    const depth = (curve) => (curve.faded ? 0 : 4) + (curve.metric.startsWith("val") ? 2 : 0) + (curve.run === id ? 1 : 0);
    return curves.sort((a, b) => depth(a) - depth(b));
  }

  // The run that the rules name as baseline: it has ended, so it is asked for once.
  async function fetchBaseline() {
    const wanted = state.metrics.filter((metric) => state.run.baseline?.curves?.includes(metric));
    return Promise.all(wanted.map(async (metric) => {
      const key = JSON.stringify(["baseline", metric]);
      if (!state.fetched.has(key)) state.fetched.set(key, await api.baseline(id, metric, POINTS));
      const { label: run, steps, values } = state.fetched.get(key);
      return { run, metric, steps, values, times: [], faded: true, named: wanted.length > 1 ? `${run} ${metric}` : run };
    }));
  }

  function label(curve) {
    if (curve.named) return curve.named;
    const run = curve.run === id && !state.compare.length ? "" : `${curve.run} `;
    return `${run}${curve.metric}${curve.faded ? ` (attempt ${curve.attempt})` : ""}`;
  }

  async function redraw(fetched = null) {
    const [Dygraph, curves] = await Promise.all([library(), fetched ?? fetchCurves().catch(() => state.curves)]);
    if (closed) return;
    state.curves = curves;
    controls();
    remember();
    if (!Dygraph) { holder.textContent = "The chart library is missing: pip install dygraphs==0.0.14"; return; }
    chart ??= createChart(Dygraph, holder, { onHover: hover, onZoom: (zoomed) => { reset.hidden = !zoomed; } });
    chart.draw(scene());
    hover(null);
  }

  function scene() {
    const run = state.run;
    const shown = run.milestones.filter((one) => state.metrics.includes(one.metric)).map((one) => ({ ...one, ...placed(one), label: condition(one) })).filter((one) => finite(one.x));
    const main = state.metrics.find((metric) => run.metrics[metric] && metric in (run.baseline?.values ?? {}));
    const base = main && { value: run.baseline.values[main], label: `${run.baseline.label ?? "baseline"}: ${main} ${number(run.baseline.values[main])}` };
    const of = run.metrics[shown.find((one) => one.forecast)?.metric];
    const from = of && finite(of.last) ? { metric: shown.find((one) => one.forecast).metric, step: of.last_step, value: of.last } : null;
    return { curves: state.curves, milestones: shown, baseline: base, events: state.events ?? [], log: isLog(), byTime: state.byTime, forecastOf: from };
  }

  // Where a milestone stands on the log's own axis, and the band's lower end.
  function placed(milestone) {
    const ownAxis = (milestone.axis === "epoch") === (state.run.step === null);
    const band = /^in (\S+?)\.\.(\S+)$/.exec(milestone.expect);
    return { x: ownAxis ? milestone.step : milestone.observed?.step, low: band ? Number(band[1]) : undefined };
  }

  function hover(x, row, points) {
    const graph = chart?.graph;
    if (x === null || !graph) { replace(readout, legend()); return; }
    const at = state.byTime ? clock(x / 1000, Date.now() / 1000) : `step ${step(x)}`;
    const values = state.curves.map((curve, i) => [curve, graph.getValue(row, i + 1)]).filter(([, value]) => value !== null && value !== undefined);
    replace(readout, h("b", {}, at), values.reverse().map(([curve, value]) => item(curve, number(Number.isNaN(value) ? "NaN" : value))));
  }

  const item = (curve, value) => h("span", { class: `key ${curve.faded ? "faded" : ""}` }, h("i", { style: { background: `var(--${curve.color})` } }), curve.label, value && h("b", {}, value));

  function legend() {
    return [...state.curves].reverse().map((curve) => item(curve, curve.values.length ? number(curve.values.at(-1)) : ""));
  }

  function controls() {
    const names = Object.keys(state.run.metrics);
    const main = names.filter((name) => isLoss(name) || state.metrics.includes(name));
    const rest = names.filter((name) => !main.includes(name));
    replace(chips, main.map((name) => h("button", { type: "button", class: "chip", "aria-pressed": String(state.metrics.includes(name)), onclick: () => toggle(name) }, name)),
      state.compare.map((run) => h("button", { type: "button", class: "chip vs", title: "no longer compare", onclick: () => { state.compare = state.compare.filter((one) => one !== run); redraw(); } }, `vs ${run} ✕`)));
    replace(more, h("option", { value: "" }, "more metrics …"), rest.map((name) => h("option", { value: name }, name)));
    more.hidden = !rest.length;
    const others = state.runs.filter((one) => one.run !== id && !state.compare.includes(one.run) && state.metrics.some((metric) => metric in one.metrics));
    replace(compare, h("option", { value: "" }, "compare with …"), others.map((one) => h("option", { value: one.run }, [one.run, one.facts.job_name].filter(Boolean).join("  "))));
    compare.hidden = !others.length;
    log.setAttribute("aria-pressed", String(isLog()));
    axis.setAttribute("aria-pressed", String(state.byTime));
  }

  function toggle(name) {
    if (!name) return;
    state.metrics = state.metrics.includes(name) ? state.metrics.filter((one) => one !== name) : [...state.metrics, name];
    if (!state.metrics.length) state.metrics = [name];
    redraw();
  }

  function add(run) {
    if (run) { state.compare = [...state.compare, run]; redraw(); }
  }

  // The address keeps what is shown, so that it can be sent to somebody.
  function remember() {
    const kept = new URLSearchParams();
    kept.set("m", state.metrics.join(","));
    if (state.compare.length) kept.set("vs", state.compare.map(encodeURIComponent).join(","));
    if (state.log !== null) kept.set("log", state.log ? "1" : "0");
    if (state.byTime) kept.set("x", "time");
    history.replaceState(null, "", `#/run/${encodeURIComponent(id)}?${kept}`);
  }

  function fillTables(runs) {
    const run = state.run;
    const title = (text, count) => h("h2", {}, count ? `${text} (${count})` : text);
    const head = (...names) => h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));
    const rows = run.milestones.map((one) => h("tr", {}, h("th", { scope: "row" }, `${one.axis} ${step(one.step)}`),
      h("td", {}, one.metric === "val_loss" ? "" : `${one.metric} `, expected(one), one.worry && h("small", {}, `worry ${one.worry}`)),
      h("td", { class: "figure" }, one.observed ? number(one.observed.value) : "–", one.observed && one.observed.step !== one.step && h("small", {}, `at ${step(one.observed.step)}`)),
      h("td", {}, badge(one.status.replace("_", " "), one.status)), h("td", { class: "muted" }, outlook(one, runs.time_s))));
    replace(milestones, title("Milestones", run.milestones.length), rows.length ? h("table", { class: "milestones" }, head("At", "Expected", "Observed", "Status", "Outlook"), h("tbody", {}, rows)) : h("p", { class: "muted" }, "none in the rules"));
    const found = Object.entries(run.metrics);
    const lines = found.map(([name, one]) => h("tr", {}, h("th", { scope: "row" }, name, one.name !== name && h("small", {}, one.name)), h("td", { class: "figure" }, number(one.last)),
      h("td", {}, number(one.best), one.best_step !== null && h("small", {}, `at ${step(one.best_step)}`)), h("td", {}, step(one.count))));
    replace(metrics, title("Metrics", found.length), lines.length ? h("div", { class: "scroll" }, h("table", {}, head("Metric", "Last", "Best", "Points"), h("tbody", {}, lines))) : h("p", { class: "muted" }, "no number yet"));
  }

  function outlook(one, now_s) {
    if (one.reached_step !== null) return `reached at ${one.axis} ${step(one.reached_step)}`;
    if (!one.forecast) return one.status === "pending" ? "too far to say" : "";
    const { value, low, high, probability, eta_s } = one.forecast;
    const when = eta_s && eta_s > now_s ? `, ${clock(eta_s, now_s)}` : "";
    return `${number(value)} expected (${number(low)} to ${number(high)}), ${percent(probability)} likely${when}`;
  }

  function listEvents(found, now_s) {
    state.events = found;
    const shown = found.slice(-100).reverse();
    replace(events, h("h2", {}, "In the log"), shown.length ? h("ol", { class: "news one" }, shown.map((one) => h("li", {},
      h("time", {}, one.step !== null ? `step ${step(one.step)}` : one.time_s ? clock(one.time_s, now_s) : "–"), badge(one.kind.replaceAll("_", " "), one.kind === "crash" ? "critical" : ""),
      h("span", { class: "told wide-told", title: one.text }, one.text)))) : h("p", { class: "muted" }, "nothing beside numbers"));
  }

  function onChartKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { event.preventDefault(); chart?.select(event.shiftKey ? 10 * by : by); }
  }

  return {
    update,
    recolor: () => chart?.recolor(),
    close() { closed = true; watcher.disconnect(); chart?.close(); },
    keys: {
      l: () => log.click(), x: () => axis.click(), 0: () => chart?.reset(), "+": () => chart?.zoom(0.6), "=": () => chart?.zoom(0.6), "-": () => chart?.zoom(1 / 0.6),
      c: () => compare.focus(), u: () => { location.hash = "#/"; },
    },
  };
}
