// The metric at every pcoder and timestep, of the best cell of a noise level.
const whichLayers = byId("which-layers");
const chosenLayers = () => page.layers[Number(whichLayers.value)];
const layersOverTime = (width) => {
  const { label, timesteps, mean, gain, low, high } = chosenLayers();
  const changes = page.layers.flatMap((each) => each.gain.flat()).filter((value) => value !== null);
  const reach = Math.max(0.001, ...changes.map(Math.abs));
  const all = (of) => gain.map((row, n) => row.map((_, t) => of(n, t)));
  const text = (value) => (value === null ? "NaN" : shown(value));
  const clear = (n, t) => low[n][t] !== null && (low[n][t] > 0 || high[n][t] < 0);
  return {
    data: [{
      type: "heatmap", x: timesteps, y: gain.map((_, n) => `pcoder ${n + 1}`), z: gain, zmin: -reach, zmax: reach, xgap: 1, ygap: 1,
      colorscale: DIVERGING, meta: { dot: "95 % interval without 0" }, text: all((n, t) => (clear(n, t) ? "•" : "")), texttemplate: "%{text}", hoverinfo: "text",
      hovertext: all((n, t) => `pcoder ${n + 1}, t = ${timesteps[t]}: ${text(mean[n][t])}, gain ${text(gain[n][t])} [${text(low[n][t])}, ${text(high[n][t])}]`),
      colorbar: { title: { text: `gain in ${plain(named)}`, side: "right" }, thickness: 14 },
    }],
    layout: layout({
      ...titled([`${named} at every pcoder`, ...label.split(", ")], width), height: 170 + 34 * gain.length,
      xaxis: axis("timestep t", { dtick: Math.ceil(timesteps.length / 12), showgrid: false }), yaxis: axis("", { type: "category", showgrid: false }),
    }),
  };
};
const drawLayers = () => {
  const { timesteps, mean } = chosenLayers();
  drawPlot("layers-plot");
  const rows = mean.map((row, n) => [`pcoder ${n + 1}`, ...row.map((value) => (value === null ? "NaN" : shown(value)))]);
  fill(byId("layers-table"), [named, ...timesteps.map((t) => `t = ${t}`)], rows.reverse());
};
if (whichLayers) {
  page.layers.forEach((each, i) => whichLayers.append(new Option(each.label, i)));
  whichLayers.addEventListener("change", drawLayers);
}
