// A sweep of one dimension: lines over what varies, instead of a heatmap of one row.
const along = () => {
  if (scattered()) return null;
  const found = coefficients();
  if (found.y.values.length > 1 && found.x.values.length > 1) return null;
  const axis = ["x", "y"].find((each) => found[each].values.length > 1);
  if (axis) return { ...found[axis], axis, here: () => state[axis], go: (i) => { state[axis] = i; } };
  const counts = grid.selectors.map((each) => each.values.length);
  const i = counts.indexOf(Math.max(...counts));
  const { label, values } = grid.selectors[i];
  return { label, symbol: label, values, selector: i, here: () => state.at[i], go: (j) => { state.at[i] = j; } };
};
const sweptPlaces = (swept) => swept.values.map((_, i) => {
  if (swept.selector !== undefined) return find(state.y, state.x, state.at.with(swept.selector, i));
  return swept.axis === "x" ? find(state.y, i) : find(i, state.x);
});
const onScale = (swept) => swept.values.every((value) => value.trim() !== "" && Number.isFinite(Number(value)));
const positions = (swept) => (onScale(swept) ? swept.values.map(Number) : swept.values.map((_, i) => i));

const lines = (width) => {
  const swept = along(), found = sweptPlaces(swept), x = positions(swept), { centre, low, high } = QUANTITIES[state.quantity];
  const y = found.map((place) => orNull(valueAt(place)));
  const error = low === undefined ? {} : { error_y: {
    type: "data", symmetric: false, color: LINE, thickness: 1.5,
    array: found.map((place, i) => (y[i] === null ? 0 : valueAt(place, high) - y[i])), arrayminus: found.map((place, i) => (y[i] === null ? 0 : y[i] - valueAt(place, low))),
  } };
  const data = [{
    type: "scatter", mode: "lines+markers", x, y, line: { color: LINE, width: 2 }, ...error, name: `t = ${grid.timesteps[state.step]}`, hoverinfo: "text",
    hovertext: found.map((place, i) => hovered(place, `${swept.symbol} = ${swept.values[i]}`)),
    marker: { size: 9, color: LINE, symbol: found.map((place) => (significant(place) ? "circle" : "circle-open")), line: { width: 2, color: LINE } },
  }];
  if (state.quantity === "mean") {
    data.push({ type: "scatter", mode: "lines+markers", x, y: found.map((place) => orNull(place.kind === "cell" ? number(state.metric, "mean", place.index, 0) : NaN)),
      line: { color: css("--faint"), dash: "dash", width: 2 }, marker: { size: 5 }, name: "t = 0 (feedforward)", hoverinfo: "name+y" });
  }
  const level = centre === undefined ? [] : [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: centre, y1: centre, line: { color: css("--faint"), width: 1, dash: "dot" } }];
  const gone = found.flatMap((place, i) => (codeOf(place) === null ? [] : [{ x: x[i], xref: "x", y: 0, yref: "paper", yanchor: "bottom", text: MARKS[codeOf(place)], showarrow: false }]));
  const ticks = onScale(swept) && x.length > 8 ? {} : { tickvals: x, ticktext: swept.values.map(plain) };
  const others = coordinates(state.at, swept.selector);
  const alike = Object.entries(coefficients()).filter(([axis]) => axis !== swept.axis).map(([axis, each]) => `${each.symbol} = ${each.values[state[axis]]}`);
  return { data, layout: layout({
    xaxis: axis(plain(swept.label), { ...ticks, zeroline: false }), yaxis: axis(quantityLabel(), { zeroline: false }), annotations: gone, hovermode: "closest", height: 450,
    showlegend: data.length > 1, legend: legend(),
    shapes: [{ type: "line", x0: x[swept.here()], x1: x[swept.here()], yref: "paper", y0: 0, y1: 1, line: { color: css("--accent"), width: 2 } }, ...level],
    ...titled([`t = ${grid.timesteps[state.step]}`, ...alike, ...others], width, data.length > 1 ? data.map((each) => each.name) : [], besides(state.metric, state.at).slice(swept.selector === undefined ? 0 : 1)),
  }) };
};
const linesTable = () => {
  const { low, high } = QUANTITIES[state.quantity], swept = along();
  const rows = sweptPlaces(swept).map((place, i) => {
    const texts = [`${swept.symbol} = ${swept.values[i]}`, MEANT[codeOf(place)] ?? shown(valueAt(place))];
    return low === undefined ? texts : [...texts, codeOf(place) === null ? `[${shown(valueAt(place, low))}, ${shown(valueAt(place, high))}]` : ""];
  });
  fill(byId("as-table"), [swept.symbol, quantityLabel(), ...(low === undefined ? [] : ["95 %"])], rows);
};
// What stands above the plot, which is a heatmap for one update rule and may be lines for another.
const heatmapSays = { title: byId("explore-title").textContent, how: byId("explore-how").firstElementChild.textContent, label: byId("heatmap").getAttribute("aria-label") };
const scatteredSay = {
  title: "Cells",
  how: "Click a cell, or focus the plot and use the arrow keys, from the best on, to see it over time beside the feedforward network.",
  label: "Plot of the cells. Arrow keys move from cell to cell, in the order of their values.",
};
const explain = () => {
  const swept = along(), link = document.querySelector("nav a[href='#explore']");
  const linesSay = swept && {
    title: `Over ${swept.label}`,
    how: `Click a point, or focus the plot and use the arrow keys, to see it over time beside the feedforward network. `
      + `Filled points: q < 0.05. Bars: 95 % intervals. –: skipped${because}; ×: missing; ?: undefined.`,
    label: `Plot over ${swept.label}. Arrow keys move from point to point.`,
  };
  const { title: heading, how, label } = scattered() ? scatteredSay : linesSay ?? heatmapSays;
  byId("explore-title").textContent = heading;
  byId("explore-how").firstElementChild.textContent = how;
  document.querySelector(".swatches").hidden = Boolean(swept) || scattered()?.kind === "ranking";
  link.textContent = scattered() ? "Cells" : swept ? "Lines" : "Heatmap";
  byId("heatmap").setAttribute("aria-label", label);
};
