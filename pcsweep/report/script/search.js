// A search: its trials in their order, what coefficients matter, where trials lay, and the Pareto front of two objectives.
const hunt = page.search;
const BINS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"]; // cividis
const STOPPED = ["triangle-down-open", "triangle-up-open", "square-open", "diamond-open", "cross-open", "x-open"]; // by the number of images
const few = (value) => (value === null ? "NaN" : String(Number(value.toPrecision(4))));
const estimated = ({ value, error, images, timestep }) => `${few(value)} ± ${few(error)} on ${images} images${timestep === null ? "" : `, t = ${timestep}`}`;
const trialTold = (trial) => [
  `<b>trial ${trial.number}</b>${trial.early ? `, stopped on ${trial.images} images` : ""}`, plain(trial.told),
  ...trial.values.map((each, i) => `${plain(hunt.objectives[i].label)}: ${estimated(each)}`),
  ...trial.confirmed.map((each, i) => `confirmed, ${plain(hunt.objectives[i].label)}: ${few(each.value)} [${few(each.low)}, ${few(each.high)}] on ${each.images} images`),
].join("<br>");
const complete = hunt ? hunt.trials.filter((trial) => !trial.early) : [];
const isBest = (trial) => hunt.best.includes(trial.number);
const objectiveTitle = (i) => plain(hunt.objectives[i].label) + (hunt.objectives[i].lower ? " (lower is better)" : "");
const marked = (trials, x, y, extra) => ({
  type: "scatter", mode: "markers", x: trials.map(x), y: trials.map(y), hoverinfo: "text", hovertext: trials.map(trialTold), customdata: trials.map((trial) => trial.number), ...extra,
});
const whiskers = (trials, of, colour) => ({ type: "data", symmetric: false, thickness: 1, width: 2, color: colour, array: trials.map((trial) => of(trial).high - of(trial).value), arrayminus: trials.map((trial) => of(trial).value - of(trial).low) });
const standard = (trials, i, colour) => ({ type: "data", thickness: 1, width: 0, color: colour, array: trials.map((trial) => trial.values[i].error ?? 0) });

const searchHistory = (width) => {
  const data = [], axes = {}, down = hunt.objectives.length, early = hunt.trials.filter((trial) => trial.early);
  const rungs = [...new Set(early.map((trial) => trial.images))].sort((a, b) => a - b), confirmed = complete.filter((trial) => trial.confirmed.length);
  hunt.objectives.forEach((_, i) => {
    const id = i ? i + 1 : "", place = { xaxis: "x", yaxis: `y${id}`, showlegend: i === 0 }, value = (trial) => trial.values[i].value, number = (trial) => trial.number;
    rungs.forEach((images, rung) => data.push(marked(early.filter((trial) => trial.images === images), number, value, {
      name: `stopped on ${images} images`, legendgroup: `stopped ${images}`, marker: { symbol: STOPPED[rung % STOPPED.length], size: 8, color: css("--faint") }, ...place })));
    data.push({ type: "scatter", mode: "lines", line: { shape: "hv", color: LINE, width: 1.5 }, x: hunt.soFar[i].map((each) => each[0]), y: hunt.soFar[i].map((each) => each[1]), name: "best so far", legendgroup: "best", hoverinfo: "skip", ...place });
    data.push(marked(complete, number, value, { name: `on all ${hunt.images} images ± standard error`, legendgroup: "complete", marker: { size: 7, color: LINE }, error_y: standard(complete, i, LINE), ...place }));
    if (confirmed.length) data.push(marked(confirmed, number, (trial) => trial.confirmed[i].value, {
      name: "on images that it was not chosen by, 95 % interval", legendgroup: "confirmed", marker: { size: 13, symbol: "star", color: OTHER[1] }, error_y: whiskers(confirmed, (trial) => trial.confirmed[i], OTHER[1]), ...place }));
    axes[`yaxis${id}`] = axis(objectiveTitle(i), { domain: [1 - (i + 1) / down + (i + 1 < down ? 0.06 : 0), 1 - i / down], zeroline: false });
  });
  const words = titled(["Trials in their order"], width, data.filter((each) => each.showlegend).map((each) => each.name));
  return { data, layout: layout({ ...axes, xaxis: axis("trial", { anchor: down > 1 ? `y${down}` : "y", zeroline: false }), hovermode: "closest", legend: legend(), height: 110 + 260 * down, ...words }) };
};
const searchImportance = (width) => {
  const total = (c) => hunt.importance.reduce((sum, shares) => sum + (shares ? shares[c] : 0), 0);
  const order = hunt.coefficients.map((_, c) => c).sort((a, b) => total(a) - total(b));
  const data = hunt.importance.flatMap((shares, i) => (shares ? [{
    type: "bar", orientation: "h", y: order.map((c) => hunt.coefficients[c].symbol), x: order.map((c) => shares[c]), name: plain(hunt.objectives[i].label), marker: { color: OTHER[i] },
    text: order.map((c) => `${Math.round(100 * shares[c])} %`), textposition: "auto", hoverinfo: "text", hovertext: order.map((c) => `${plain(hunt.coefficients[c].key)}: ${(100 * shares[c]).toFixed(1)} % of ${plain(hunt.objectives[i].label)}`),
  }] : []));
  const words = titled(["Importance of the coefficients (fANOVA)"], width, data.length > 1 ? data.map((each) => each.name) : []);
  return { data, layout: layout({ xaxis: axis("share of the variance explained", { tickformat: ".0%", zeroline: false, fixedrange: true }), yaxis: axis("", { type: "category", fixedrange: true, dtick: 1 }),
    showlegend: data.length > 1, legend: legend(), height: words.margin.t + 60 + 24 * order.length * data.length, ...words }) };
};
// Every trial a line over all coefficients; those of like value share a trace, so that hundreds are drawn quickly.
const searchParallel = (width) => {
  const values = complete.map((trial) => trial.values[0].value), [low, high] = [Math.min(...values), Math.max(...values)], { lower } = hunt.objectives[0];
  const colours = lower ? [...BINS].reverse() : BINS, binOf = (value) => (high > low ? Math.min(BINS.length - 1, Math.floor((BINS.length * (value - low)) / (high - low))) : 0);
  const heights = (trial) => trial.at.map((value, c) => (value === null ? null : (value - hunt.coefficients[c].low) / (hunt.coefficients[c].high - hunt.coefficients[c].low || 1)));
  const through = (trials, line, extra) => ({
    type: "scatter", mode: "lines", x: trials.flatMap(() => [...hunt.coefficients.keys(), null]), y: trials.flatMap((trial) => [...heights(trial), null]), line, hoverinfo: "text", showlegend: false,
    hovertext: trials.flatMap((trial) => [...hunt.coefficients.map(() => trialTold(trial)), ""]), customdata: trials.flatMap((trial) => [...hunt.coefficients.map(() => trial.number), null]), ...extra,
  });
  const early = hunt.trials.filter((trial) => trial.early), best = complete.filter(isBest), data = [];
  if (early.length) data.push(through(early, { color: css("--faint"), width: 0.5 }, { opacity: 0.4, name: "stopped early", showlegend: true }));
  BINS.map((_, bin) => bin).sort((a, b) => (lower ? b - a : a - b)).forEach((bin) => {
    const some = complete.filter((trial) => binOf(trial.values[0].value) === bin);
    if (some.length) data.push(through(some, { color: colours[bin], width: 1.5 }, {}));
  });
  if (best.length) data.push(through(best, { color: OTHER[1], width: 3.5 }, { name: best.length > 1 ? "Pareto front" : `best: trial ${best[0].number}`, showlegend: true }));
  data.push({ type: "scatter", mode: "markers", x: [null], y: [null], showlegend: false, hoverinfo: "skip", marker: { size: 0.1, color: [low], cmin: low, cmax: high, showscale: true,
    colorscale: colours.map((colour, i) => [i / (BINS.length - 1), colour]), colorbar: { title: { text: objectiveTitle(0), side: "right" }, thickness: 14 } } });
  const ends = hunt.coefficients.flatMap((each, c) => [[each.high, 1, "bottom"], [each.low, 0, "top"]].map(([value, y, yanchor]) => ({ x: c, y, yanchor, text: few(value), showarrow: false, font: { size: 10 } })));
  const words = titled(["Every trial over its coefficients"], width, data.filter((each) => each.showlegend).map((each) => each.name));
  return { data, layout: layout({
    xaxis: axis("", { tickvals: [...hunt.coefficients.keys()], ticktext: hunt.coefficients.map((each) => each.symbol), zeroline: false, range: [-0.3, hunt.coefficients.length - 0.7], ticklabelstandoff: 12, gridcolor: css("--faint") }),
    yaxis: axis("", { range: [-0.08, 1.08], showticklabels: false, showgrid: false, zeroline: false }), annotations: ends, hovermode: "closest", legend: legend(), height: 420, ...words,
  }) };
};
const searchFront = (width) => {
  const x = (trial) => trial.values[0].value, y = (trial) => trial.values[1].value, others = complete.filter((trial) => !isBest(trial));
  const best = complete.filter(isBest).sort((a, b) => x(a) - x(b)), confirmed = best.filter((trial) => trial.confirmed.length === 2), ink = css("--ink");
  const data = [
    marked(others, x, y, { name: "other trials", marker: { size: 7, color: LINE, opacity: 0.6 } }),
    marked(best, x, y, { name: "Pareto front ± standard error", mode: "lines+markers", line: { color: OTHER[1], width: 1.5 }, marker: { size: 9, color: OTHER[1] }, error_x: standard(best, 0, OTHER[1]), error_y: standard(best, 1, OTHER[1]) }),
  ];
  if (confirmed.length) data.push(marked(confirmed, (trial) => trial.confirmed[0].value, (trial) => trial.confirmed[1].value, {
    name: "on images that they were not chosen by", marker: { size: 12, symbol: "star", color: ink }, error_x: whiskers(confirmed, (trial) => trial.confirmed[0], ink), error_y: whiskers(confirmed, (trial) => trial.confirmed[1], ink) }));
  const words = titled(["Pareto front"], width, data.map((each) => each.name));
  return { data, layout: layout({ xaxis: axis(objectiveTitle(0), { zeroline: false }), yaxis: axis(objectiveTitle(1), { zeroline: false }), hovermode: "closest", legend: legend(), height: 460, ...words }) };
};
// The same columns as those of the CSV beside the figures of `aggregate`.
const numbersOfTrials = (series, which = hunt.objectives.map((_, i) => i)) => () => {
  const rows = which.flatMap((i) => series.flatMap(([name, trials, of]) => trials.filter((trial) => trial[of][i]).map((trial) => {
    const { value, error, low, high, images } = trial[of][i];
    return [hunt.objectives[i].label, typeof name === "string" ? name : name(trial), trial.number, images, value, error, low, high, ...trial.at];
  })));
  return [["objective", "series", "trial", "images", "value", "error", "low", "high", ...hunt.coefficients.map((each) => each.key)], ...rows].map((row) => row.map(entry));
};
const numbersOfImportance = () => [
  ["objective", "coefficient", "value"],
  ...hunt.importance.flatMap((shares, i) => (shares ? hunt.coefficients.map((each, c) => [hunt.objectives[i].label, each.key, shares[c]]) : [])),
].map((row) => row.map(entry));
const stoppedEarly = hunt ? hunt.trials.filter((trial) => trial.early) : [], unseen = "on images that it was not chosen by";
const searchPlots = hunt ? [
  ["search-history", "search's history", searchHistory, numbersOfTrials([
    [(trial) => `stopped on ${trial.images} images`, stoppedEarly, "values"], [`on all ${hunt.images} images`, complete, "values"], [unseen, complete, "confirmed"]])],
  ...(hunt.coefficients.length > 1 && complete.length ? [["search-parallel", "trials", searchParallel, numbersOfTrials([
    ["stopped early", stoppedEarly, "values"], [(trial) => (isBest(trial) ? "best" : "complete"), complete, "values"]], [0])]] : []),
  ...(hunt.importance.some((shares) => shares) ? [["search-importance", "importance", searchImportance, numbersOfImportance]] : []),
  ...(hunt.objectives.length === 2 && complete.length ? [["search-front", "Pareto front", searchFront, numbersOfTrials([
    [(trial) => (isBest(trial) ? "Pareto front" : "other trials"), complete, "values"], [`Pareto front ${unseen}`, complete, "confirmed"]])]] : []),
] : [];
const leadsToCell = ({ points: [{ customdata }] }) => {
  const trial = hunt.trials.find((each) => each.number === customdata);
  if (!trial || trial.cell === null) return;
  const { at, y, x } = grid.cells[trial.cell];
  Object.assign(state, { at: [...at], y, x });
  changed();
  byId("explore").scrollIntoView();
};
