// The JSON API, with relative addresses so that the page also works behind a prefix.

export class Gone extends Error {}

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { Accept: "application/json", ...options.headers } });
  if (answer.status === 404) throw new Gone(await detail(answer));
  if (!answer.ok) throw new Error(await detail(answer));
  return answer.status === 204 ? null : answer.json();
}

async function detail(answer) {
  const text = await answer.text();
  try {
    const said = JSON.parse(text).detail;
    return typeof said === "string" ? said : said.map((one) => one.msg).join("; ");
  } catch {
    return text.slice(0, 200) || `HTTP ${answer.status}`;
  }
}

const name = (run) => run.split("/").map(encodeURIComponent).join("/");

export const runs = () => ask("api/v1/runs");
export const news = () => ask("api/v1/news");
export const run = (id) => ask(`api/v1/runs/${name(id)}`);
export const silences = () => ask("api/v1/silences");
export const unsilence = (id) => ask(`api/v1/silences/${encodeURIComponent(id)}`, { method: "DELETE" });

export function series(id, metric, points) {
  return ask(`api/v1/runs/${name(id)}/series?metric=${encodeURIComponent(metric)}&max_points=${points}`);
}

export function baseline(id, metric, points) {
  return ask(`api/v1/runs/${name(id)}/baseline?metric=${encodeURIComponent(metric)}&max_points=${points}`);
}

export function silence(id, rule, until) {
  const body = JSON.stringify({ run: id, rule, until });
  return ask("api/v1/silences", { method: "POST", body, headers: { "Content-Type": "application/json" } });
}
