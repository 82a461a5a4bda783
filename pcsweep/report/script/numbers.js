// What the page holds: every statistic of every cell, and texts of them.
const page = JSON.parse(document.getElementById("numbers").textContent);
const grid = page.grid;
const byId = (id) => document.getElementById(id);
const kept = history.state; // of the page before it was read again, see renewal.js
if (kept) history.scrollRestoration = "manual";

// What was packed: base64, gzip, and for numbers the bytes of like weight side by side.
const inflate = async (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};
const floats = (planes) => {
  const count = planes.length / 4;
  const bytes = new Uint8Array(planes.length);
  for (let plane = 0; plane < 4; plane++) {
    for (let i = 0; i < count; i++) bytes[4 * i + plane] = planes[plane * count + i];
  }
  return new Float32Array(bytes.buffer);
};
for (const fold of document.querySelectorAll("details.fold")) fold.open = false; // open where there are no scripts
const library = document.createElement("script");
library.textContent = new TextDecoder().decode(await inflate(byId("plotly").textContent));
document.head.append(library);
for (const block of grid.blocks) block.values = floats(await inflate(block.data));

const metrics = grid.blocks.flatMap((block) => block.metrics);
const named = grid.labels[page.metric] || page.metric;  // by which cells are best
const isMeasured = (metric, step) => !grid.measured[metric] || grid.measured[metric].includes(grid.timesteps[step]);
const stepsOf = (metric) => grid.timesteps.map((_, step) => step).filter((step) => isMeasured(metric, step));
const directed = (text, metric) => (grid.lower.includes(metric) ? `${text} (lower is better)` : text);
const blockOf = (metric) => grid.blocks.find((block) => block.metrics.includes(metric));
const number = (metric, statistic, cell, step) => {
  const block = blockOf(metric);
  const s = block ? block.statistics.indexOf(statistic) : -1;
  if (s < 0) return NaN;
  const m = block.metrics.indexOf(metric);
  return block.values[((s * block.metrics.length + m) * grid.cells.length + cell) * grid.timesteps.length + step];
};
// What maps that look at no image reach by a metric, as far as that was measured.
const baselinesOf = (metric) => grid.baselines[metric].filter((each) => metrics.includes(each.metric));
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;"); // Plotly reads tags and entities
const shown = (value, digits = 3) => (Number.isNaN(value) ? "NaN" : value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1"));
const small = (value) => (Number.isNaN(value) ? "NaN" : value < 0.001 ? "<0.001" : String(Number(value.toPrecision(2))));
const orNull = (value) => (Number.isNaN(value) ? null : value);
const bracketed = (metric, statistic, low, high, cell, step) =>
  `${shown(number(metric, statistic, cell, step))} [${shown(number(metric, low, cell, step))}, ${shown(number(metric, high, cell, step))}]`;

// Where each cell is, and which is the feedforward control of the same place.
const key = (at, y, x) => [...at, y, x].join(" ");
const places = new Map();
const put = (kind) => (cell, index) => {
  const name = key(cell.at, cell.y, cell.x);
  if (!places.has(name) || kind === "cell") places.set(name, { kind, index });
};
grid.skipped.forEach(put("skipped"));
grid.missing.forEach(put("missing"));
grid.cells.forEach(put("cell"));
const likeness = (at) => at.filter((_, i) => !grid.coefficients.includes(grid.selectors[i].name)).join(" ");
const controls = new Map();
grid.cells.forEach((cell, index) => {
  if (!cell.control) return;
  controls.set(cell.at.join(" "), index);
  if (!controls.has(likeness(cell.at))) controls.set(likeness(cell.at), index);
});
const controlOf = (at) => controls.get(at.join(" ")) ?? controls.get(likeness(at));
