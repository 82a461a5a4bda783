// Everything is there: draw it, and again whenever something changes.
const kind = () => scattered()?.kind ?? (along() ? "lines" : "heatmap");
const MAIN = { heatmap: [heatmap, heatmapTable], lines: [lines, linesTable], plane: [plane, scatteredTable], ranking: [ranking, scatteredTable] };
const placed = () => Object.entries(coefficients()).map(([axis, each]) => `${each.key}-${each.values[state[axis]]}`).join(",");
register("heatmap", kind(), () => [kind(), state.metric, state.quantity, `t${grid.timesteps[state.step]}`], (width, alone) => MAIN[kind()][0](width, alone));
register("over-time", "curves", () => ["curves", state.metric, placed()], overTime);
if (page.trend.length) register("trend", "best cells", () => ["best", page.metric], seriesOf(withConfirmed(page.trend, page.trendConfirmed), page.trendAxis, "linear", "Best cells"));
if (page.pcoders.length) register("by-pcoder", "pcoders", () => ["pcoders", page.metric], seriesOf(page.pcoders, "active pcoders", "category", "Best cell of each set of pcoders"));
if (which) {
  register("by-size", "sizes", () => ["sizes", page.metric], forest(() => [...chosenParts().sizes], "By size of the object"));
  register("by-class", "classes", () => ["classes", page.metric], forest(mostAndLeast, "By class"));
}
if (whichSanity) {
  register("sanity-correlation", "rank correlations", () => ["sanity", "correlation", chosenSanity().label], sanityOf("rho"));
  register("sanity-iou", "IoU of networks drawn anew", () => ["sanity", "iou", chosenSanity().label], sanityOf("iou"));
}
if (page.rules.length) register("rules-plot", "update rules", () => ["rules", page.metric], rulesOverTime);
if (whichLayers) register("layers-plot", "layers", () => ["layers", page.metric, chosenLayers().label], layersOverTime);
if (spent) {
  register("timeline", "timeline", () => ["timeline"], timeline, timelineRows);
  register("phases", "phases", () => ["phases"], whereTimeWent);
}
for (const [id, name, make, rows] of searchPlots) register(id, name, () => [id], make, rows);
const draw = () => {
  explain();
  drawPlot("heatmap");
  MAIN[kind()][1]();
  drawCell();
  drawCells();
};
const changed = () => {
  keepWithin();
  for (const sync of syncs) sync();
  draw();
  remember();
};
const everything = () => {
  draw();
  for (const id of ["trend", "by-pcoder", "rules-plot", "timeline", "phases", ...searchPlots.map(([each]) => each)]) {
    if (!plots.has(id)) continue;
    byId(id).hidden = false;
    drawPlot(id);
  }
  if (which) drawParts();
  if (whichLayers) drawLayers();
  if (whichSanity) drawSanity();
};
const dark = matchMedia("(prefers-color-scheme: dark)");
byId("theme").addEventListener("click", () => {
  const now = root.dataset.theme || (dark.matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  everything();
});
dark.addEventListener("change", everything);
addEventListener("hashchange", () => {
  if (!restore(location.hash)) return;
  for (const sync of syncs) sync();
  draw();
});
everything();
byId("heatmap").on("plotly_click", clicked);
for (const [id] of searchPlots) byId(id).on("plotly_click", leadsToCell);
