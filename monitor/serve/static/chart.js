// One chart: curves by dygraphs, and under them what it does not know: milestones, bands, the forecast, the baseline, events.

import { color, h } from "./dom.js";
import { finite, number, step } from "./format.js";

const STATUS = { met: "good", missed: "amber", worry: "red", no_data: "amber", pending: "muted" };
let loading = null;

// The library is a classic script; it comes only when a chart is wanted, so the list paints without it.
export function library() {
  loading ??= new Promise((resolve) => {
    const done = () => {
      if (window.Dygraph) window.Dygraph.PLUGINS = window.Dygraph.PLUGINS.filter((plugin) => plugin !== window.Dygraph.Plugins.Legend);
      resolve(window.Dygraph ?? null);
    };
    document.head.append(h("script", { src: "static/dygraphs.js", onload: done, onerror: done }));
  });
  return loading;
}

// Columns of several curves as the rows that dygraphs wants: null where a curve has no point, NaN where it has a hole.
export function rows(curves, byTime) {
  const places = new Map();
  curves.forEach((curve, column) => curve.values.forEach((value, i) => {
    const x = byTime ? curve.times[i] : curve.steps[i];
    if (x === null || x === undefined) return;
    let row = places.get(x);
    if (!row) places.set(x, row = [x, ...curves.map(() => null)]);
    row[column + 1] = finite(value) ? value : NaN;
  }));
  return [...places.values()].sort((a, b) => a[0] - b[0]).map((row) => (byTime ? [new Date(1000 * row[0]), ...row.slice(1)] : row));
}

export function createChart(Dygraph, holder, { onHover, onZoom }) {
  let graph = null;
  let scene = null;
  let zoomed = false;

  function draw(next) {
    const shape = JSON.stringify([next.curves.map((curve) => curve.label), next.log, next.byTime]);
    const keep = graph && scene && scene.shape === shape;
    scene = { ...next, shape };
    const data = rows(next.curves, next.byTime);
    holder.classList.toggle("empty", !data.length);
    if (!data.length) { api.close(); return; }
    const options = { file: data, ...(zoomed && keep ? {} : window_()) };
    if (keep) { graph.updateOptions(options); return; }
    api.close();
    zoomed = false;
    graph = new Dygraph(holder, data, { ...fixed(), ...window_() });
  }

  function fixed() {
    const ink = { axis: color("line"), label: color("muted"), grid: color("line") };
    const series = {};
    for (const curve of scene.curves) {
      series[curve.label] = { color: color(curve.color), strokeWidth: curve.faded ? 1 : 1.8, drawPoints: curve.values.length <= 60 && !curve.faded, pointSize: 2.5,
        strokePattern: curve.faded ? [3, 3] : null, highlightCircleSize: 4 };
    }
    return {
      labels: ["x", ...scene.curves.map((curve) => curve.label)], series, connectSeparatedPoints: true, logscale: scene.log,
      axisLineColor: ink.axis, axisLabelColor: ink.label, gridLineColor: ink.grid, gridLineWidth: 1, axisLabelFontSize: 12, rightGap: 12, xRangePad: 6,
      showLabelsOnHighlight: false, animatedZooms: false, labelsUTC: false,
      axes: {
        x: { ...(scene.byTime ? {} : { axisLabelFormatter: (value) => step(value) }), pixelsPerLabel: scene.byTime ? 80 : 56, drawGrid: false },
        y: { axisLabelFormatter: (value) => number(value), axisLabelWidth: 56, pixelsPerLabel: 40 },
      },
      interactionModel: fingers(),
      underlayCallback: (canvas, area, g) => clipped(canvas, area, g, underlay),
      drawCallback: (g) => clipped(g.hidden_ctx_, area(g), g, overlay),
      highlightCallback: (event, x, points, row) => onHover(x, row, points),
      unhighlightCallback: () => onHover(null),
      zoomCallback: () => { zoomed = graph.isZoomed(); onZoom(zoomed); },
    };
  }

  // What is shown before anybody zooms: every point, what the milestones ask, and the next milestone ahead.
  function window_() {
    if (scene.byTime) return { dateWindow: null, valueRange: valueRange() };
    const seen = scene.curves.flatMap((curve) => curve.steps.length ? [curve.steps[0], curve.steps.at(-1)] : []);
    const first = Math.min(...seen);
    const ahead = scene.milestones.filter((milestone) => milestone.status === "pending").map((milestone) => milestone.x);
    const next = ahead.length ? Math.min(...ahead) : -Infinity;
    const last = Math.max(...seen);
    const end = next > last && next - first < 4 * Math.max(1, last - first) ? next : last;
    const pad = 0.02 * Math.max(end - first, 1e-9) + (end === first ? 0.5 : 0);
    return { dateWindow: [first - pad, end + pad], valueRange: valueRange() };
  }

  function valueRange() {
    const values = scene.curves.flatMap((curve) => curve.values.filter(finite));
    const asked = [...scene.milestones.flatMap((one) => [one.threshold, one.low, one.forecast?.low, one.forecast?.high]), scene.baseline?.value];
    const all = [...values, ...asked.filter(finite)].filter((value) => !scene.log || value > 0);
    if (!all.length) return null;
    const low = Math.min(...all);
    const high = Math.max(...all);
    if (scene.log) return [low / 1.12, high * 1.12];
    const pad = 0.06 * (high - low || Math.abs(high) || 1);
    return [low - pad, high + pad];
  }

  function clipped(canvas, area, g, draw_) {
    canvas.save();
    canvas.beginPath();
    canvas.rect(area.x, area.y, area.w, area.h);
    canvas.clip();
    canvas.font = "12px system-ui, sans-serif";
    draw_(canvas, area, (value) => g.toDomXCoord(value), (value) => g.toDomYCoord(value), scene);
    canvas.restore();
  }

  // One finger reads and lets the page scroll; two fingers zoom as dygraphs does it.
  function fingers() {
    const model = Dygraph.Interaction.defaultModel;
    const read = (event, g) => { const at = nearest(g, event.touches[0].clientX); if (at !== null) g.setSelection(at); };
    return {
      ...model,
      touchstart: (event, g, context) => (event.touches.length > 1 ? model.touchstart(event, g, context) : read(event, g)),
      touchmove: (event, g, context) => (event.touches.length > 1 ? model.touchmove(event, g, context) : read(event, g)),
      touchend: (event, g, context) => { if (context.touchDirections) model.touchend(event, g, context); },
      dblclick: () => api.reset(),
    };
  }

  function nearest(g, clientX) {
    const x = g.toDataXCoord(clientX - holder.getBoundingClientRect().left);
    let best = null;
    for (let i = 0; i < g.numRows(); i++) if (best === null || Math.abs(g.getValue(i, 0) - x) < Math.abs(g.getValue(best, 0) - x)) best = i;
    return best;
  }

  const api = {
    draw,
    select(by) {
      if (!graph) return;
      const [low, high] = graph.xAxisRange();
      let row = graph.getSelection();
      if (row < 0) { row = by > 0 ? 0 : graph.numRows() - 1; while (graph.getValue(row, 0) < low) row++; } else row += by;
      row = Math.min(graph.numRows() - 1, Math.max(0, row));
      const x = graph.getValue(row, 0);
      if (x >= low && x <= high) { graph.setSelection(row); onHover(x, row, null); }
    },
    zoom(factor) {
      if (!graph) return;
      const [low, high] = graph.xAxisRange();
      const middle = graph.getSelection() >= 0 ? graph.getValue(graph.getSelection(), 0) : (low + high) / 2;
      zoomed = true;
      graph.updateOptions({ dateWindow: [middle - (middle - low) * factor, middle + (high - middle) * factor], valueRange: null });
      onZoom(true);
    },
    reset() { if (graph) { zoomed = false; graph.updateOptions(window_()); onZoom(false); } },
    leave() { graph?.clearSelection(); onHover(null); },
    resize() { graph?.resize(); },
    recolor() { if (scene) { api.close(); draw(scene); } },
    close() { const gone = graph; graph = null; gone?.destroy(); },
    get graph() { return graph; },
  };
  return api;
}

function underlay(canvas, area, x, y, scene) {
  if (scene.baseline) baseline(canvas, area, y(scene.baseline.value), scene.baseline.label);
  if (scene.byTime) return;
  bands(canvas, x, y, scene.milestones);
  forecast(canvas, x, y, scene);
}

function overlay(canvas, area, x, y, scene) {
  if (!scene.byTime) milestones(canvas, area, x, y, scene.milestones);
  marks(canvas, area, x, scene);
}

function area(graph) {
  const { x, y, w, h: height } = graph.getArea();
  return { x, y, w, h: height };
}

function baseline(canvas, area, at, label) {
  canvas.strokeStyle = canvas.fillStyle = color("muted");
  canvas.setLineDash([2, 4]);
  line(canvas, area.x, at, area.x + area.w, at);
  canvas.setLineDash([]);
  canvas.textAlign = "left";
  canvas.fillText(label, area.x + 6, at - 5);
}

// Several bands of one metric, as `learn` makes them, are one corridor.
function bands(canvas, x, y, found) {
  for (const metric of new Set(found.map((one) => one.metric))) {
    const own = found.filter((one) => one.metric === metric && finite(one.low) && finite(one.threshold)).sort((a, b) => a.x - b.x);
    if (own.length < 2) continue;
    canvas.fillStyle = color("good");
    canvas.globalAlpha = 0.1;
    canvas.beginPath();
    for (const one of own) canvas.lineTo(x(one.x), y(one.threshold));
    for (const one of [...own].reverse()) canvas.lineTo(x(one.x), y(one.low));
    canvas.closePath();
    canvas.fill();
    canvas.globalAlpha = 1;
  }
}

// From the last point to what is expected at each milestone ahead: the 80 % band, the expected values as a dashed line.
function forecast(canvas, x, y, scene) {
  const ahead = scene.milestones.filter((milestone) => milestone.forecast && milestone.metric === scene.forecastOf?.metric).sort((a, b) => a.x - b.x);
  if (!ahead.length) return;
  const from = [x(scene.forecastOf.step), y(scene.forecastOf.value)];
  canvas.fillStyle = canvas.strokeStyle = color("accent");
  canvas.globalAlpha = 0.14;
  canvas.beginPath();
  canvas.moveTo(...from);
  for (const one of ahead) canvas.lineTo(x(one.x), y(one.forecast.high));
  for (const one of [...ahead].reverse()) canvas.lineTo(x(one.x), y(one.forecast.low));
  canvas.closePath();
  canvas.fill();
  canvas.globalAlpha = 1;
  canvas.setLineDash([5, 4]);
  canvas.beginPath();
  canvas.moveTo(...from);
  for (const one of ahead) canvas.lineTo(x(one.x), y(one.forecast.value));
  canvas.stroke();
  canvas.setLineDash([]);
  for (const one of ahead) dot(canvas, x(one.x), y(one.forecast.value), 3);
}

function milestones(canvas, area, x, y, found) {
  let free = -Infinity;
  for (const one of [...found].sort((a, b) => a.x - b.x)) {
    const at = x(one.x);
    if (at < area.x - 30 || at > area.x + area.w + 30) continue;
    canvas.fillStyle = canvas.strokeStyle = color(STATUS[one.status]);
    canvas.globalAlpha = 0.55;
    canvas.setLineDash([1, 3]);
    line(canvas, at, area.y + 18, at, area.y + area.h);
    canvas.setLineDash([]);
    canvas.globalAlpha = 1;
    canvas.lineWidth = 2;
    goal(canvas, at, y, one);
    canvas.lineWidth = 1;
    if (one.observed && finite(one.observed.value)) dot(canvas, x(one.observed.step), y(one.observed.value), 4);
    const text = canvas.measureText(one.label).width;
    const left = Math.min(Math.max(at - text / 2, area.x + 2), area.x + area.w - text - 2);
    if (left > free + 8) {
      canvas.textAlign = "left";
      canvas.fillText(one.label, left, area.y + 12);
      free = left + text;
    }
  }
}

// What is asked: a bar at the value with an arrow to the side that is allowed, or the band itself.
function goal(canvas, at, y, one) {
  if (!finite(one.threshold)) return;
  const top = y(one.threshold);
  if (finite(one.low)) {
    canvas.globalAlpha = 0.25;
    canvas.fillRect(at - 9, top, 18, y(one.low) - top);
    canvas.globalAlpha = 1;
    line(canvas, at - 9, y(one.low), at + 9, y(one.low));
    line(canvas, at - 9, top, at + 9, top);
    return;
  }
  const side = one.expect.startsWith(">") ? -1 : 1;
  line(canvas, at - 11, top, at + 11, top);
  canvas.beginPath();
  canvas.moveTo(at - 4, top + 4 * side);
  canvas.lineTo(at + 4, top + 4 * side);
  canvas.lineTo(at, top + 10 * side);
  canvas.fill();
}

// NaN and infinity have no place on the axis: a red cross at the top says where they were. Events are ticks at the foot.
function marks(canvas, area, x, scene) {
  canvas.fillStyle = color("red");
  canvas.textAlign = "center";
  for (const curve of scene.curves) {
    curve.values.forEach((value, i) => {
      const place = scene.byTime ? 1000 * curve.times[i] : curve.steps[i];
      if (typeof value === "string") canvas.fillText("×", x(place), area.y + 26);
    });
  }
  for (const event of scene.events) {
    const place = scene.byTime ? 1000 * event.time_s : event.step;
    if (!finite(place)) continue;
    canvas.fillStyle = color(event.kind === "crash" ? "red" : "muted");
    canvas.fillRect(x(place) - 1, area.y + area.h - 8, 2, 8);
  }
}

function line(canvas, x0, y0, x1, y1) {
  canvas.beginPath();
  canvas.moveTo(x0, y0);
  canvas.lineTo(x1, y1);
  canvas.stroke();
}

function dot(canvas, x, y, radius) {
  canvas.beginPath();
  canvas.arc(x, y, radius, 0, 2 * Math.PI);
  canvas.fill();
}
