// Scattered cells, such as those of a list, of which a heatmap would be mostly holes: circles in the plane of the two coefficients, or one below the other
// where these are lists or several cells have the same two.
const isSparse = (cells, combinations) => combinations >= 16 && cells < 0.5 * combinations; // as in the figures of `aggregate`
const MOST_RANKED = 60;
const asked = [...grid.cells, ...grid.skipped, ...grid.missing];
const isBeside = grid.selectors.map((each) => grid.coefficients.includes(each.name));
const ruleOf = (at) => (grid.ruled === null ? 0 : at[grid.ruled]);
const scatters = grid.axes.map(({ y, x }, rule) => {
  const own = asked.filter((cell) => ruleOf(cell.at) === rule), count = (of) => new Set(own.map(of)).size;
  const pair = (cell) => `${cell.y} ${cell.x}`, others = (cell) => cell.at.filter((_, i) => isBeside[i]).join(" ");
  const pairs = count(pair), all = count((cell) => `${pair(cell)} ${others(cell)}`), alone = y.values.length < 2 || x.values.length < 2;
  const together = count(others) > 1 && isSparse(all, pairs * count(others)) && pairs > 1;
  const apart = !alone && isSparse(pairs, y.values.length * x.values.length);
  const plane = apart && (!together || pairs === all) && [...y.values, ...x.values].every((value) => Number.isFinite(Number(value)));
  return apart || together ? { kind: plane ? "plane" : "ranking", together } : null;
});
const scattered = () => scatters[ruleOf(state.at)];
const besideFixed = scatters.every((each) => each && each.together); // then no control chooses the other coefficients
const scatteredCells = () => {
  const alike = scattered().together ? likeness : (at) => at.join(" ");
  const found = new Map(asked.filter((cell) => alike(cell.at) === alike(state.at)).map(({ at, y, x }) => [key(at, y, x), { at, y, x }]));
  return [...found.values()].map((cell) => ({ ...cell, place: find(cell.y, cell.x, cell.at), chosen: cell.y === state.y && cell.x === state.x && cell.at.join() === state.at.join() }));
};
const scatteredName = (cell) => [title(cell), ...(scattered().together ? grid.selectors.flatMap((each, i) => (isBeside[i] ? [`${each.label} = ${each.values[cell.at[i]]}`] : [])) : [])].join(", ");
const better = (a, b) => (a.value - b.value) * (grid.lower.includes(state.metric) || state.quantity === "q" ? 1 : -1);
const inRank = () => scatteredCells().map((cell) => ({ ...cell, value: valueAt(cell.place) }))
  .sort((a, b) => Number.isNaN(a.value) - Number.isNaN(b.value) || better(a, b) || 0);
const chooseScattered = ({ at, y, x }) => {
  Object.assign(state, { at: [...at], y, x });
  changed();
};
const stepScattered = (by) => {
  const cells = inRank(), now = cells.findIndex((cell) => cell.chosen);
  chooseScattered(cells[within(now + by, cells)]);
};
const notBeside = () => grid.selectors.flatMap((each, i) => (told[i] && !(isBeside[i] && scattered().together) ? [`${each.label} = ${each.values[state.at[i]]}`] : []));

const plane = (width, alone) => {
  const { y, x } = coefficients(), [low, high] = span(), cells = scatteredCells();
  const [there, gone] = [cells.filter((cell) => codeOf(cell.place) === null), cells.filter((cell) => codeOf(cell.place) !== null)];
  const grey = ["--skipped", "--missing", "--paper", "--undefined", "--paper", "--paper"].map(css);
  const trace = (some, marker, text) => ({
    type: "scatter", mode: "markers+text", x: some.map((cell) => Number(x.values[cell.x])), y: some.map((cell) => Number(y.values[cell.y])), text, showlegend: false,
    hoverinfo: "text", hovertext: some.map((cell) => hovered(cell.place, scatteredName(cell))), customdata: some.map((cell) => cells.indexOf(cell)),
    marker: { size: 18, ...marker, line: { width: some.map((cell) => (cell.chosen ? 3 : 1)), color: some.map((cell) => css(cell.chosen ? "--accent" : "--faint")) } },
  });
  const data = [
    trace(there, {
      color: there.map((cell) => valueAt(cell.place)), cmin: low, cmax: high, colorscale: QUANTITIES[state.quantity].centre === undefined ? SEQUENTIAL : DIVERGING,
      reversescale: state.quantity === "q", colorbar: { title: { text: quantityLabel(), side: "right" }, thickness: 14 },
    }, there.map((cell) => (significant(cell.place) ? "•" : ""))),
    trace(gone, { color: gone.map((cell) => grey[codeOf(cell.place)]) }, gone.map((cell) => MARKS[codeOf(cell.place)])),
  ];
  const codes = [cells.map((cell) => codeOf(cell.place))];
  const words = titled([`t = ${grid.timesteps[state.step]}`, ...notBeside(), ...(alone ? explained(codes) : [])], width, [], besides(state.metric, state.at));
  const along = (each) => axis(each.label, { zeroline: false, fixedrange: true });
  return { data, layout: layout({ xaxis: along(x), yaxis: along(y), hovermode: "closest", height: words.margin.t + words.margin.b + 380, ...words }) };
};

const ranking = (width, alone) => {
  const ranked = inRank(), cells = ranked.slice(0, MOST_RANKED), { low, high, centre } = QUANTITIES[state.quantity];
  const rows = cells.map((_, i) => i), values = cells.map((cell) => orNull(cell.value));
  const error = low === undefined ? {} : { error_x: {
    type: "data", symmetric: false, color: LINE, thickness: 1.5,
    array: cells.map((cell, i) => (values[i] === null ? 0 : valueAt(cell.place, high) - cell.value)), arrayminus: cells.map((cell, i) => (values[i] === null ? 0 : cell.value - valueAt(cell.place, low))),
  } };
  const data = [{
    type: "scatter", mode: "markers", x: values, y: rows, ...error, hoverinfo: "text", hovertext: cells.map((cell) => hovered(cell.place, scatteredName(cell))), customdata: rows, showlegend: false,
    marker: { size: cells.map((cell) => (cell.chosen ? 13 : 9)), color: cells.map((cell) => (cell.chosen ? css("--accent") : LINE)), symbol: cells.map((cell) => (significant(cell.place) ? "circle" : "circle-open")), line: { width: 2, color: cells.map((cell) => (cell.chosen ? css("--accent") : LINE)) } },
  }];
  const gone = cells.flatMap((cell, i) => (codeOf(cell.place) === null ? [] : [{ xref: "paper", x: 0, xanchor: "left", y: i, text: `${MARKS[codeOf(cell.place)]} ${MEANT[codeOf(cell.place)]}`, showarrow: false }]));
  const most = ranked.length > cells.length ? [`the best ${cells.length} of ${ranked.length} cells`] : [];
  const words = titled([`t = ${grid.timesteps[state.step]}`, ...notBeside(), ...most, ...(alone ? ["filled: q < 0.05", "bars: 95 % intervals"] : [])], width - 150, [], besides(state.metric, state.at));
  return { data, layout: layout({
    xaxis: axis(quantityLabel(), { zeroline: false, fixedrange: true }), annotations: gone, hovermode: "closest", height: words.margin.t + words.margin.b + 20 + 24 * cells.length,
    yaxis: axis("", { tickvals: rows, ticktext: cells.map((cell) => plain(scatteredName(cell)).replaceAll("], ", "],<br>")), tickfont: { size: 10 }, range: [cells.length - 0.4, -0.6], zeroline: false, fixedrange: true }),
    shapes: centre === undefined ? [] : [{ type: "line", x0: centre, x1: centre, yref: "paper", y0: 0, y1: 1, line: { color: css("--faint"), width: 1, dash: "dot" } }], ...words,
  }) };
};
const scatteredTable = () => {
  const { low, high } = QUANTITIES[state.quantity];
  const rows = inRank().map((cell) => {
    const texts = [scatteredName(cell), MEANT[codeOf(cell.place)] ?? shown(cell.value)];
    return low === undefined ? texts : [...texts, codeOf(cell.place) === null ? `[${shown(valueAt(cell.place, low))}, ${shown(valueAt(cell.place, high))}]` : ""];
  });
  fill(byId("as-table"), ["cell", quantityLabel(), ...(low === undefined ? [] : ["95 %"])], rows);
};
