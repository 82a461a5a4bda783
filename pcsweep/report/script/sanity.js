// Maps of networks drawn anew from the top down: how much of a map is left, and of its IoU, in a curve for each attribution.
const whichSanity = byId("which-sanity");
const chosenSanity = () => page.sanity[Number(whichSanity.value)];
const sanityOf = (quantity) => (width) => {
  const { label, depths, ticks, curves } = chosenSanity(), correlates = quantity === "rho";
  const error = (curve, end, sign) => curve[quantity].map((value, i) => (value === null ? 0 : sign * (curve[`${quantity}${end}`][i] - value)));
  const data = curves.map((curve, i) => ({
    type: "scatter", mode: "lines+markers", name: plain(curve.name), x: curve.depth.map((depth) => depth + (i - (curves.length - 1) / 2) / 40),
    meta: { x: curve.depth }, y: curve[quantity], line: { color: OTHER[i % OTHER.length], dash: DASHES[Math.floor(i / OTHER.length) % DASHES.length], width: 2 }, marker: { size: 7 },
    error_y: { type: "data", symmetric: false, array: error(curve, "_high", 1), arrayminus: error(curve, "_low", -1), thickness: 1 },
    hoverinfo: "text", hovertext: curve[quantity].map((value, j) => (value === null ? "NaN"
      : `${plain(curve.name)}, drawn anew: ${ticks[depths.indexOf(curve.depth[j])]}: ${shown(value)} [${shown(curve[`${quantity}_low`][j])}, ${shown(curve[`${quantity}_high`][j])}]`)),
  }));
  return { data, layout: layout({
    ...titled([correlates ? "Rank correlation with the network's own maps" : "IoU of networks drawn anew", ...label.split(", ")], width, curves.map((curve) => curve.name)),
    xaxis: axis("drawn anew", { tickvals: depths, ticktext: ticks, zeroline: false }), yaxis: axis(correlates ? "Spearman's ρ" : "IoU", { zeroline: correlates }),
    showlegend: true, legend: legend(),
    shapes: correlates ? [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: page.bound, y1: page.bound, line: { color: css("--faint"), width: 1, dash: "dot" } }] : [],
  }) };
};
const drawSanity = () => {
  drawPlot("sanity-correlation");
  drawPlot("sanity-iou");
};
if (whichSanity) {
  page.sanity.forEach((each, i) => whichSanity.append(new Option(each.label, i)));
  whichSanity.addEventListener("change", drawSanity);
}
