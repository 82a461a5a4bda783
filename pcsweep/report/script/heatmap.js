// All cells of one t and σ: a heatmap over two coefficients.
const span = () => {
  // One scale for all timesteps and σ of the metric, so that a slider changes colours only where values differ.
  const values = [];
  for (let cell = 0; cell < grid.cells.length; cell++) {
    for (let step = 0; step < grid.timesteps.length; step++) {
      const value = number(state.metric, state.quantity, cell, step);
      if (!Number.isNaN(value)) values.push(value);
    }
  }
  values.sort((a, b) => a - b);
  const { centre } = QUANTITIES[state.quantity];
  if (state.quantity === "q" || !values.length) return [0, 1];
  if (centre === undefined) return [values[0], values[values.length - 1]];
  const changes = values.map((value) => Math.abs(value - centre)).sort((a, b) => a - b);
  const usual = changes[Math.floor(0.9 * (changes.length - 1))];
  const better = grid.lower.includes(state.metric) ? centre - values[0] : values[values.length - 1] - centre;
  const reach = Math.max(usual, better, centre === 1 ? 0.01 : 0.001);
  return [centre - reach, centre + reach];
};

const facts = (cell, step) => {
  const { metric } = state;
  if (!isMeasured(metric, step)) return [[`${grid.labels[metric]} at t = ${grid.timesteps[step]}`, `not measured, only at t = ${grid.measured[metric].join(", ")}`]];
  const rows = [[`${grid.labels[metric]} at t = ${grid.timesteps[step]}`, bracketed(metric, "mean", "low", "high", cell, step)]];
  if (blockOf(metric).statistics.includes("normalized")) {
    rows.push(["over t = 0", bracketed(metric, "normalized", "normalized_low", "normalized_high", cell, step)]);
    rows.push(["gain on t = 0", bracketed(metric, "difference", "difference_low", "difference_high", cell, step)]);
    for (const [name, statistic] of [["q of the gain", "q"], ["p over the grid", "p_grid"]]) {
      const value = number(metric, statistic, cell, step);
      rows.push([name, Number.isNaN(value) ? "not tested" : small(value)]);
    }
    rows.push(["effect size d", shown(number(metric, "effect", cell, step), 2)]);
    const images = [number(metric, "n", cell, step), number(metric, "pairs", cell, step)];
    rows.push(["images", images[0] === images[1] ? String(images[0]) : `${images[0]}, with a gain ${images[1]}`]);
    rows.push(["undefined (NaN)", String(number(metric, "nan", cell, step))]);
  }
  for (const { metric: of, label } of baselinesOf(metric)) rows.push([label, shown(number(of, "mean", cell, 0))]);
  if (metrics.includes("correct") && metric !== "correct") {
    rows.push(["accuracy", bracketed("correct", "mean", "low", "high", cell, step)]);
  }
  return rows;
};
// Below a title: what the network has at t = 0, and maps that look at no image.
const besides = (metric, at) => {
  const cell = grid.cells.findIndex((each) => each.at.join(" ") === at.join(" "));
  if (cell < 0) return [];
  const told = (label, of) => `${label}: ${shown(number(of, "mean", cell, 0), 2)}`;
  return [told(`${grid.labels[metric]} at t = 0`, metric), ...baselinesOf(metric).map((each) => told(each.label, each.metric))];
};
const hovered = (place, name) => {
  const lines = place.kind === "cell" ? facts(place.index, state.step).map(([term, value]) => `${term}: ${value}`) : [WORDS[place.kind]];
  return [`<b>${plain(name)}</b>`, ...lines.map(plain)].join("<br>");
};
const significant = (place) => place.kind === "cell" && number(state.metric, "q", place.index, state.step) < 0.05;
const MARKS = ["–", "×", "", "?", "·", "∅"];
const MEANT = ["skipped", "missing", "", "NaN", "not tested", "not measured at this t"];
const codeOf = (place) => {
  // Why there is no number, as a place in MARKS; null where there is one.
  if (place.kind !== "cell") return { skipped: 0, missing: 1, nothing: 2 }[place.kind];
  if (!isMeasured(state.metric, state.step)) return 5;
  if (!Number.isNaN(valueAt(place))) return null;
  return state.quantity === "q" && !Number.isNaN(valueAt(place, "mean")) ? 4 : 3;
};

// Square cells, as large as the page allows, and the colour bar beside them.
const SIDE = 64, TALLEST = 480, COLOUR_BAR = 120; // pixels
const squares = (width, margin) => {
  const { y, x } = coefficients();
  const [across, down] = [x.values.length, y.values.length];
  const room = width - margin.l - margin.r;
  const side = Math.max(12, Math.min(SIDE, TALLEST / down, (room - COLOUR_BAR) / across));
  return { height: Math.round(margin.t + margin.b + down * side), share: Math.min(1, (across * side) / room) };
};

const heatmap = (width, alone) => {
  const { y, x } = coefficients();
  const rows = y.values.map((_, i) => x.values.map((__, j) => find(i, j)));
  const all = (of) => rows.map((row, i) => row.map((place, j) => of(place, { y: i, x: j })));
  const states = all(codeOf);
  const [low, high] = span();
  const grey = [css("--skipped"), css("--missing"), css("--paper"), css("--undefined"), css("--paper"), css("--paper")];
  const common = {
    type: "heatmap", hoverinfo: "text", hovertext: all((place, at) => hovered(place, title(at))), xgap: 1, ygap: 1, texttemplate: "%{text}",
  };
  const ticks = (values) => ({ tickvals: values.map((_, i) => i), ticktext: values, showgrid: false, zeroline: false, fixedrange: true });
  const words = titled([`t = ${grid.timesteps[state.step]}`, ...coordinates(state.at), ...(alone ? explained(states) : [])], width, [], besides(state.metric, state.at));
  const { height, share } = squares(width, words.margin);
  const data = [
    { ...common, z: states, text: all((place) => MARKS[codeOf(place)] ?? ""), zmin: -0.5, zmax: MARKS.length - 0.5, showscale: false,
      colorscale: grey.flatMap((colour, i) => [[i / grey.length, colour], [(i + 1) / grey.length, colour]]) },
    { ...common, z: all((place) => orNull(valueAt(place))), text: all((place) => (significant(place) ? "•" : "")), zmin: low, zmax: high,
      colorscale: QUANTITIES[state.quantity].centre === undefined ? SEQUENTIAL : DIVERGING, reversescale: state.quantity === "q",
      textfont: { size: 14 }, colorbar: { title: { text: quantityLabel(), side: "right" }, thickness: 14, x: share } },
  ];
  return { data, layout: layout({
    xaxis: axis(x.label, { ...ticks(x.values), domain: [0, share], constrain: "domain" }),
    yaxis: axis(y.label, { ...ticks(y.values), scaleanchor: "x", constrain: "domain", constraintoward: "top" }),
    shapes: [outline()], height, ...words,
  }) };
};
// What the marks mean, in a figure without the page's legend.
const explained = (states) => [
  "•: gain or loss with q < 0.05",
  ...MARKS.flatMap((mark, code) => (mark && states.flat().includes(code) ? [`${mark}: ${MEANT[code]}`] : [])),
];
const outline = () => ({
  type: "rect", x0: state.x - 0.5, x1: state.x + 0.5, y0: state.y - 0.5, y1: state.y + 0.5, line: { color: css("--accent"), width: 3 },
});
const heatmapTable = () => {
  const { y, x } = coefficients();
  const rows = y.values.map((value, i) => [`${y.symbol} = ${value}`, ...x.values.map((_, j) => {
    const place = find(i, j);
    return MEANT[codeOf(place)] ?? shown(valueAt(place));
  })]);
  fill(byId("as-table"), [quantityLabel(), ...x.values.map((value) => `${x.symbol} = ${value}`)], rows.reverse());
};
