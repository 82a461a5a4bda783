// A sweep of one dimension: lines over what varies, instead of a heatmap of one row.
const swept = (() => {
  if (grid.betas.length > 1 && grid.lambdas.length > 1) return null;
  if (grid.lambdas.length > 1) return { label: "feedback λ", symbol: "λ", values: grid.lambdas, here: () => state.lambda, go: (i) => { state.lambda = i; } };
  if (grid.betas.length > 1) return { label: "feedforward β", symbol: "β", values: grid.betas, here: () => state.beta, go: (i) => { state.beta = i; } };
  const counts = grid.selectors.map((each) => each.values.length);
  const i = counts.indexOf(Math.max(...counts));
  const { label, values } = grid.selectors[i];
  return { label, symbol: label, values, selector: i, here: () => state.at[i], go: (j) => { state.at[i] = j; } };
})();
const sweptPlaces = () => swept.values.map((_, i) => {
  if (swept.selector !== undefined) return find(state.beta, state.lambda, state.at.with(swept.selector, i));
  return grid.lambdas.length > 1 ? find(state.beta, i) : find(i, state.lambda);
});
const onScale = () => swept.values.every((value) => value.trim() !== "" && Number.isFinite(Number(value)));
const positions = () => (onScale() ? swept.values.map(Number) : swept.values.map((_, i) => i));

const lines = (width) => {
  const found = sweptPlaces(), x = positions(), { centre, low, high } = QUANTITIES[state.quantity];
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
  const ticks = onScale() && x.length > 8 ? {} : { tickvals: x, ticktext: swept.values.map(plain) };
  const others = coordinates(state.at, swept.selector);
  const alike = [...(swept.symbol === "β" ? [] : [`β = ${grid.betas[state.beta]}`]), ...(swept.symbol === "λ" ? [] : [`λ = ${grid.lambdas[state.lambda]}`])];
  return { data, layout: layout({
    xaxis: axis(plain(swept.label), { ...ticks, zeroline: false }), yaxis: axis(quantityLabel(), { zeroline: false }), annotations: gone, hovermode: "closest",
    showlegend: data.length > 1, legend: legend(),
    shapes: [{ type: "line", x0: x[swept.here()], x1: x[swept.here()], yref: "paper", y0: 0, y1: 1, line: { color: css("--accent"), width: 2 } }, ...level],
    ...titled([`t = ${grid.timesteps[state.step]}`, ...alike, ...others], width, data.length > 1 ? data.map((each) => each.name) : []),
  }) };
};
const linesTable = () => {
  const { low, high } = QUANTITIES[state.quantity];
  const rows = sweptPlaces().map((place, i) => {
    const texts = [`${swept.symbol} = ${swept.values[i]}`, MEANT[codeOf(place)] ?? shown(valueAt(place))];
    return low === undefined ? texts : [...texts, codeOf(place) === null ? `[${shown(valueAt(place, low))}, ${shown(valueAt(place, high))}]` : ""];
  });
  fill(byId("as-table"), [swept.symbol, quantityLabel(), ...(low === undefined ? [] : ["95 %"])], rows);
};
if (swept) {
  byId("explore-title").textContent = `Over ${swept.label}`;
  byId("explore-how").firstElementChild.textContent = `Click a point, or focus the plot and use the arrow keys, to see it over time beside the feedforward network. `
    + "Filled points: q < 0.05. Bars: 95 % intervals. –: skipped (β + λ > 1); ×: missing; ?: undefined.";
  document.querySelector(".swatches").hidden = true;
  document.querySelector("nav a[href='#explore']").textContent = "Lines";
  byId("heatmap").setAttribute("aria-label", `Plot over ${swept.label}. Arrow keys move from point to point.`);
}
