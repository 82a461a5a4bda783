// Every cell in a row of a table that can be sorted.
const MOST_ROWS = 200;
let allRows = false;
const column = (head, value, text) => ({ head, value, text: text ?? ((cell) => value(cell)) });
const statistic = (name, metric = state.metric, step = state.step) => (cell) => number(metric, name, cell, step);
// The coefficients that any update rule has on its heatmap, and where a cell is on them.
const onHeatmaps = [...new Map(grid.axes.flatMap(({ y, x }) => [[y.key, y.symbol], [x.key, x.symbol]]))];
const onAxis = (name, index) => {
  const cell = grid.cells[index];
  const [axis, found] = Object.entries(axesAt(cell.at)).find(([, each]) => each.key === name) ?? [];
  return found ? { place: cell[axis], value: found.values[cell[axis]] } : { place: NaN, value: "" };
};
const columnsOf = () => {
  const { metric } = state, label = grid.labels[metric];
  const interval = (name, low, high) => (cell) => bracketed(metric, name, low, high, cell, state.step);
  const as = (name, show) => column(name === "p_grid" ? "p" : name, statistic(name), (cell) => show(statistic(name)(cell)));
  const found = [
    column("cell", (cell) => cell, (cell) => chooser(cell)),
    ...grid.selectors.map((each, i) => column(each.label, (cell) => grid.cells[cell].at[i], (cell) => each.values[grid.cells[cell].at[i]])),
    ...onHeatmaps.map(([name, symbol]) => column(symbol, (cell) => onAxis(name, cell).place, (cell) => onAxis(name, cell).value)),
    column(`${label}(0)`, statistic("mean", metric, 0), (cell) => shown(statistic("mean", metric, 0)(cell))),
    column(`${label}(t)`, statistic("mean"), interval("mean", "low", "high")),
  ];
  if (!blockOf(metric).statistics.includes("difference")) return found;
  return [
    ...found,
    column("(t) / (0)", statistic("normalized"), interval("normalized", "normalized_low", "normalized_high")),
    column("gain", statistic("difference"), interval("difference", "difference_low", "difference_high")),
    column("d", statistic("effect"), (cell) => shown(statistic("effect")(cell), 2)),
    as("q", small), as("p_grid", small),
    column("images", statistic("pairs"), (cell) => String(statistic("pairs")(cell))),
    column("NaN", statistic("nan"), (cell) => String(statistic("nan")(cell))),
  ];
};
const chooser = (cell) => {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "choose", title: `${grid.cells[cell].identity}: show this cell` });
  button.textContent = grid.cells[cell].identity.slice(0, BRIEF);
  button.addEventListener("click", () => {
    const { at, y, x } = grid.cells[cell];
    Object.assign(state, { at: [...at], y, x });
    changed();
    byId("explore").scrollIntoView();
    byId("heatmap").focus({ preventScroll: true });
  });
  return button;
};
const inOrder = (columns) => {
  const order = grid.cells.map((_, i) => i), falling = state.sort.startsWith("-");
  const by = columns.find((each) => each.head === state.sort.replace(/^-/, ""));
  if (!by) return order;
  const values = order.map(by.value);
  const last = (cell) => Number.isNaN(values[cell]); // NaN is last either way
  return order.sort((a, b) => last(a) - last(b) || (falling ? values[b] - values[a] : values[a] - values[b]) || a - b);
};
const sortable = (columns) => columns.map(({ head }) => {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "sort", textContent: head });
  button.addEventListener("click", () => {
    state.sort = state.sort === head ? `-${head}` : head;
    drawCells();
    remember();
    [...byId("cells-table").querySelectorAll("button.sort")].find((each) => each.textContent === head).focus();
  });
  return button;
});
const drawCells = () => {
  const columns = columnsOf(), order = inOrder(columns), listed = allRows ? order : order.slice(0, MOST_ROWS);
  fill(byId("cells-table"), sortable(columns), listed.map((cell) => columns.map((each) => each.text(cell))));
  [...byId("cells-table").tHead.rows[0].cells].forEach((th, i) => {
    const { head } = columns[i];
    th.setAttribute("aria-sort", { [head]: "ascending", [`-${head}`]: "descending" }[state.sort] ?? "none");
  });
  byId("cells-caption").textContent = `${grid.labels[state.metric]} at t = ${grid.timesteps[state.step]}; in brackets 95 % intervals over images; p: corrected for the choice `
    + `among all cells and timesteps. Missing: ${grid.missing.length}; skipped${because}: ${grid.skipped.length}.`;
  byId("more-cells").hidden = listed.length === order.length;
  byId("more-cells").textContent = `Show all ${order.length} cells, not only ${listed.length}`;
};
byId("more-cells").addEventListener("click", () => {
  allRows = true;
  drawCells();
});
