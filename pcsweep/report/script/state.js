// What is shown, and its words in the address, so that a link leads to it.
const QUANTITIES = {
  normalized: { label: "value(t) / value(0)", centre: 1, low: "normalized_low", high: "normalized_high" },
  difference: { label: "gain on t = 0", centre: 0, low: "difference_low", high: "difference_high" },
  mean: { label: "value(t)", low: "low", high: "high" },
  q: { label: "q of the gain" },
};
const quantitiesOf = (metric) => Object.keys(QUANTITIES).filter((name) => blockOf(metric).statistics.includes(name));
const state = {
  metric: metrics.includes(page.metric) ? page.metric : metrics[0],
  quantity: "normalized",
  step: grid.timesteps.length - 1,
  at: grid.selectors.map(() => 0),
  y: 0, // of the heatmap: places among the values of its two coefficients
  x: 0,
  sort: "",
};
const start = grid.cells.find((cell) => page.shown && cell.identity === page.shown.identity) || grid.cells[0];
Object.assign(state, { at: [...start.at], y: start.y, x: start.x });
if (page.shown) state.step = grid.timesteps.indexOf(page.shown.timestep);

// The two coefficients of the heatmap, which are those of the update rule that is shown.
const axesAt = (at) => grid.axes[grid.ruled === null ? 0 : at[grid.ruled]];
const coefficients = () => axesAt(state.at);
const within = (value, values) => Math.min(Math.max(value, 0), values.length - 1);
const keepWithin = () => {
  const { y, x } = coefficients(); // of another rule there may be fewer
  Object.assign(state, { y: within(state.y, y.values), x: within(state.x, x.values) });
};

const addressed = () => {
  const { y, x } = coefficients();
  const words = new URLSearchParams({ t: grid.timesteps[state.step] });
  grid.selectors.forEach((each, i) => words.set(each.name, each.values[state.at[i]]));
  words.set(y.key, y.values[state.y]);
  words.set(x.key, x.values[state.x]);
  words.set("metric", state.metric);
  words.set("show", state.quantity);
  if (state.sort) words.set("sort", state.sort);
  return `#${words}`;
};
const restore = (hash) => {
  if (!hash.includes("=")) return false;
  const words = new URLSearchParams(hash.slice(1));
  const place = (name, values, before) => {
    const found = values.map(String).indexOf(words.get(name));
    return found < 0 ? before : found;
  };
  state.step = place("t", grid.timesteps, state.step);
  state.at = grid.selectors.map((each, i) => place(each.name, each.values, state.at[i]));
  keepWithin();
  const { y, x } = coefficients();
  state.y = place(y.key, y.values, state.y);
  state.x = place(x.key, x.values, state.x);
  if (metrics.includes(words.get("metric"))) state.metric = words.get("metric");
  state.quantity = words.get("show") ?? state.quantity;
  state.sort = words.get("sort") ?? "";
  keepQuantity();
  return true;
};
const keepQuantity = () => {
  if (!quantitiesOf(state.metric).includes(state.quantity)) state.quantity = "mean";
};
let written = 0;
const remember = () => {
  clearTimeout(written); // a browser allows few changes of the address in a second
  written = setTimeout(() => history.replaceState(null, "", addressed()), 300);
};
keepQuantity();
restore(location.hash);

const find = (y, x, at = state.at) => places.get(key(at, y, x)) || { kind: "nothing" };
const because = grid.skipped_because && ` (${grid.skipped_because})`;
const WORDS = { skipped: grid.skipped_because ? `skipped: ${grid.skipped_because}` : "skipped", missing: "missing", nothing: "not asked for" };
const title = (place) => Object.entries(coefficients()).map(([axis, each]) => `${each.symbol} = ${each.values[place[axis]]}`).join(", ");
const told = grid.selectors.map((each) => each.values.length > 1 || each.values[0] !== "none"); // a study without σ does not speak of it
const coordinates = (at, besides) => grid.selectors.map((each, i) => `${each.label} = ${each.values[at[i]]}`).filter((_, i) => told[i] && i !== besides);
const where = (at) => coordinates(at).join(", ");
const quantityLabel = () => {
  const text = QUANTITIES[state.quantity].label.replaceAll("value", grid.labels[state.metric]);
  return state.quantity === "q" ? text : directed(text, state.metric);
};
const valueAt = (place, statistic = state.quantity) => (place.kind === "cell" ? number(state.metric, statistic, place.index, state.step) : NaN);
