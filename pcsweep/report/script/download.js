// All numbers as CSV.
byId("download").addEventListener("click", () => {
  const statistics = [...new Set(grid.blocks.flatMap((block) => block.statistics))];
  const rows = [["identity", ...grid.selectors.map((each) => each.name), ...onHeatmaps.map(([name]) => name), "timestep", "metric", ...statistics]];
  grid.cells.forEach((cell, index) => grid.timesteps.forEach((t, step) => metrics.forEach((metric) => {
    const values = statistics.map((name) => number(metric, name, index, step)).map((value) => (Number.isNaN(value) ? "" : Number(value.toPrecision(5))));
    const place = grid.selectors.map((each, i) => each.written[cell.at[i]]); // no formulas for spreadsheets
    rows.push([cell.identity, ...place, ...onHeatmaps.map(([name]) => onAxis(name, index).value), t, metric, ...values]);
  })));
  const address = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv" }));
  save(address, `${page.study}.csv`);
  URL.revokeObjectURL(address);
});
