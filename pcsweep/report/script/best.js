// Series of best cells, and for whom one gains.
const bars = (series, colour, dash) => ({
  type: "scatter", mode: "lines+markers", name: plain(series.name), x: series.x, y: series.y, line: { color: colour, dash, width: 1.5 }, marker: { size: 7 },
  error_y: { type: "data", symmetric: false, array: series.y.map((y, i) => series.high[i] - y), arrayminus: series.y.map((y, i) => y - series.low[i]) },
});
// What one half of the images chose, on the other half: beside the same series of all images, in its colour.
const withConfirmed = (all, confirmed) => [
  ...all.map((series) => ({ ...series, name: series.name || "all images" })),
  ...confirmed.map((series, i) => ({ ...series, name: [series.name, "chosen on one half, confirmed on the other"].filter(Boolean).join(", "), like: i })),
];
const seriesOf = (all, xTitle, type, heading) => (width) => ({
  data: all.map((series, place) => {
    const i = series.like ?? place, drawn = bars(series, OTHER[i % OTHER.length], DASHES[Math.floor(i / OTHER.length) % DASHES.length]);
    if (series.like === undefined) return drawn;
    const beside = (Math.max(...series.x) - Math.min(...series.x)) / 100;
    return { ...drawn, mode: "markers", x: series.x.map((x) => x + beside), customdata: series.x, meta: { x: series.x }, hovertemplate: "(%{customdata}, %{y})",
      marker: { size: 9, symbol: "circle-open", line: { width: 2 } } };
  }),
  layout: layout({
    xaxis: axis(plain(xTitle), { type }), yaxis: axis(directed(`best ${named}(t) / ${named}(0)`, page.metric)), showlegend: all.length > 1, legend: legend(),
    shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: 1, y1: 1, line: { color: css("--faint"), width: 1, dash: "dot" } }],
    ...titled([heading, "95 % intervals over images"], width, all.length > 1 ? all.map((each) => each.name) : []),
  }),
});
const chosenParts = () => page.headlines[Number(byId("which-parts").value)];
const forest = (parts, heading) => (width) => {
  const listed = parts().reverse();
  return {
    data: [{
      type: "scatter", mode: "markers", y: listed.map((part) => plain(`${part.label} (${part.n})`)), x: listed.map((part) => part.gain), marker: { color: LINE, size: 8 },
      error_x: { type: "data", symmetric: false, color: LINE, array: listed.map((part) => (part.high === null ? 0 : part.high - part.gain)),
        arrayminus: listed.map((part) => (part.low === null ? 0 : part.gain - part.low)) },
    }],
    layout: layout({
      ...titled([heading, ...chosenParts().label.split(", ")], width),
      height: Math.max(240, 130 + 24 * listed.length), xaxis: axis(directed(`gain in ${named} on t = 0`, page.metric)), yaxis: axis("", { type: "category" }),
      shapes: [{ type: "line", yref: "paper", y0: 0, y1: 1, x0: 0, x1: 0, line: { color: css("--faint"), width: 1, dash: "dot" } }],
    }),
  };
};
const MOST = 12;
const mostAndLeast = () => {
  const defined = chosenParts().classes.filter((part) => part.gain !== null);
  return defined.length > 2 * MOST ? [...defined.slice(0, MOST), ...defined.slice(-MOST)] : defined;
};
const which = byId("which-parts");
const drawParts = () => {
  const { classes, sizes } = chosenParts();
  drawPlot("by-size");
  drawPlot("by-class");
  const heads = (first) => [first, "images", `${named}(0)`, `${named}(t)`, "gain", "95 %"];
  const text = (value) => (value === null ? "NaN" : shown(value));
  const row = (part) => [part.label, part.n, text(part.start), text(part.end), text(part.gain), `[${text(part.low)}, ${text(part.high)}]`];
  fill(byId("size-table"), heads("size"), sizes.map(row));
  fill(byId("class-table"), heads("class"), classes.map(row));
};
if (which) {
  page.headlines.forEach((headline, i) => which.append(new Option(headline.label, i)));
  which.value = page.start;
  which.addEventListener("change", drawParts);
}
