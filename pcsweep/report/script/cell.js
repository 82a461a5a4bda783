// One cell: over time beside the feedforward network, what it gains, its numbers, and the command that draws it.
const band = (cell, metric, colour, yaxis, low = "low", high = "high") => {
  const steps = stepsOf(metric), x = steps.map((step) => grid.timesteps[step]);
  const of = (statistic) => steps.map((step) => number(metric, statistic, cell, step));
  return { type: "scatter", mode: "lines", x: [...x, ...[...x].reverse()], y: [...of(high), ...of(low).reverse()], fill: "toself", fillcolor: colour,
    opacity: 0.2, line: { width: 0 }, hoverinfo: "skip", showlegend: false, yaxis };
};
const endsAt = (cell, metric, low, high) => ({ low: stepsOf(metric).map((step) => number(metric, low, cell, step)), high: stepsOf(metric).map((step) => number(metric, high, cell, step)) });
const line = (cell, metric, colour, dash, name, yaxis, showlegend) => ({
  type: "scatter", mode: "lines+markers", x: stepsOf(metric).map((step) => grid.timesteps[step]), y: stepsOf(metric).map((step) => number(metric, "mean", cell, step)),
  line: { color: colour, dash, width: 2 }, marker: { size: 5 }, name, yaxis, showlegend, meta: endsAt(cell, metric, "low", "high"),
  hovertext: stepsOf(metric).map((step) => `t = ${grid.timesteps[step]}: ${bracketed(metric, "mean", "low", "high", cell, step)}`), hoverinfo: "text+name",
});
const curves = (cell, metric, yaxis, showlegend) => {
  const control = controlOf(grid.cells[cell].at), faint = css("--faint");
  const own = [band(cell, metric, LINE, yaxis), line(cell, metric, LINE, "solid", "this cell", yaxis, showlegend)];
  if (control !== undefined) return [band(control, metric, faint, yaxis), line(control, metric, faint, "dash", "feedforward control", yaxis, showlegend), ...own];
  const level = { ...line(cell, metric, faint, "dash", "feedforward (its t = 0)", yaxis, showlegend), mode: "lines", hoverinfo: "name", hovertext: undefined, meta: undefined };
  return [{ ...level, y: stepsOf(metric).map(() => number(metric, "mean", cell, 0)) }, ...own];
};
// What maps that look at no image reach: the same at every t.
const beside = (cell, metric, yaxis) => baselinesOf(metric).map(({ metric: of, label }, i) => {
  const value = number(of, "mean", cell, 0);
  return { type: "scatter", mode: "lines", x: grid.timesteps, y: grid.timesteps.map(() => orNull(value)), line: { color: css("--faint"), width: 1.5, dash: ["dashdot", "dot"][i % 2] },
    name: label, yaxis, showlegend: true, hovertext: `${label}: ${shown(value)}`, hoverinfo: "text" };
});
const gained = (cell, metric, yaxis) => {
  // Paired: each image less itself at t = 0, so that the interval is narrower than the two curves' let one think.
  const steps = stepsOf(metric), of = (step) => number(metric, "q", cell, step) < 0.05;
  const drawn = { ...line(cell, metric, OTHER[1], "solid", "gain on t = 0, of each image", yaxis, false), y: steps.map((step) => number(metric, "difference", cell, step)) };
  drawn.meta = endsAt(cell, metric, "difference_low", "difference_high");
  drawn.marker = { size: 8, color: OTHER[1], symbol: steps.map((step) => (of(step) ? "circle" : "circle-open")) };
  drawn.hovertext = steps.map((step) => `t = ${grid.timesteps[step]}: ${bracketed(metric, "difference", "difference_low", "difference_high", cell, step)}, q ${small(number(metric, "q", cell, step))}`);
  return [band(cell, metric, OTHER[1], yaxis, "difference_low", "difference_high"), drawn];
};
const overTime = (width, alone) => {
  const place = find(state.y, state.x), { metric } = state;
  if (place.kind !== "cell") return { data: [], layout: layout({ height: 200 }) };
  const second = metric === "correct" ? "iou" : "correct";
  const panels = [["value", metric], ...(blockOf(metric).statistics.includes("difference") ? [["gain", metric]] : []), ...(metrics.includes(second) ? [["value", second]] : [])];
  const names = panels.map((_, i) => (i ? `y${i + 1}` : "y")), share = 1 / panels.length, gap = 0.1 * share;
  const of = (kind, draw) => panels.flatMap(([each, shownMetric], i) => (each === kind ? draw(place.index, shownMetric, names[i], i === 0) : []));
  const axes = panels.map(([kind, shownMetric], i) => [i ? `yaxis${i + 1}` : "yaxis", axis(directed(kind === "gain" ? `gain in ${grid.labels[shownMetric]}` : grid.labels[shownMetric], shownMetric), {
    domain: [1 - (i + 1) * share + (i + 1 < panels.length ? gap : 0), 1 - i * share], ...(shownMetric === "correct" && kind === "value" && i ? { range: [-0.03, 1.03] } : {}),
  })]);
  const traces = [...of("value", curves), ...of("gain", gained), ...of("value", beside)];
  const meant = "95 % intervals over images; filled: q < 0.05";
  const parts = alone ? [title(state), ...coordinates(state.at), meant] : [meant];
  return { data: traces, layout: layout({
    ...Object.fromEntries(axes), xaxis: axis("timestep t", { anchor: names[names.length - 1] }), legend: legend(), hovermode: "closest", height: 130 + 150 * panels.length,
    shapes: [{ type: "line", x0: grid.timesteps[state.step], x1: grid.timesteps[state.step], yref: "paper", y0: 0, y1: 1, line: { color: css("--accent"), width: 1, dash: "dot" } }],
    ...titled(parts, width, traces.filter((each) => each.showlegend).map((each) => each.name)),
  }) };
};

const command = (cell) => `${page.command} identity=${(cell.shard || cell.identity).slice(0, BRIEF)}`;
const enter = (list, term, ...content) => {
  const dt = document.createElement("dt"), dd = document.createElement("dd");
  dt.textContent = term;
  dd.append(...content);
  list.append(dt, dd);
};
const coded = (text) => {
  const code = document.createElement("code");
  code.textContent = text;
  return code;
};
const drawCell = () => {
  const place = find(state.y, state.x);
  const name = `${title(state)}, ${where(state.at)}`, there = place.kind === "cell";
  byId("cell-name").textContent = there ? name : `${name}: ${WORDS[place.kind]}`;
  const list = byId("cell"), how = byId("how-computed");
  list.replaceChildren();
  how.replaceChildren();
  byId("cell-plot").hidden = !there;
  if (place.kind === "missing") for (const text of page.commands) how.append("Computed by: ", coded(text), copier("command", text), document.createElement("br"));
  if (!there) return;
  const cell = grid.cells[place.index];
  for (const [term, text] of facts(place.index, state.step)) enter(list, term, text);
  if (cell.preset) enter(list, "set of coefficients", cell.preset);
  if (cell.seeds > 1) enter(list, "noise seeds", String(cell.seeds));
  enter(list, "identity", shortened(cell.identity), copier("identity", cell.identity));
  enter(list, "drawn by", coded(command(cell)), copier("command", command(cell)));
  drawPlot("over-time");
};
