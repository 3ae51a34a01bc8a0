// Numbers, steps, times and durations as people read them.

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value.replace("Infinity", "∞");
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

export function step(value) {
  return value === null || value === undefined ? "–" : Number(value.toFixed(3)).toLocaleString("en-US");
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")}`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function clock(time_s, now_s) {
  const at = new Date(1000 * time_s);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  if (Math.abs(now_s - time_s) < 72000) return time;
  return `${at.toLocaleDateString([], { month: "short", day: "numeric" })} ${time}`;
}

export function finite(value) {
  return typeof value === "number" && Number.isFinite(value);
}

// "200 < 0.6", "epoch 3 val_acc >= 0.71"
export function condition(milestone) {
  const axis = milestone.axis === "epoch" ? "epoch " : "";
  const metric = milestone.metric === "val_loss" ? "" : `${milestone.metric} `;
  return `${axis}${step(milestone.step)} ${metric}${expected(milestone)}`;
}

export function expected(milestone) {
  return milestone.expect.replace(/^in /, "").replace("..", " to ");
}
