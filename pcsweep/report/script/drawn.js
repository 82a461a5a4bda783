// The numbers of a figure as they are drawn, for its CSV: a row for each square or point.
const unmarked = (text) => String(text ?? "").replaceAll("<br>", " ").replaceAll(/<[^>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/u, NUMERAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const unformulated = (value) => (typeof value === "string" && FORMULA.test(value) && !NUMERAL.test(value) ? `'${value}` : value); // of no spreadsheet
const entry = (value) => (value === null || value === undefined || Number.isNaN(value) ? "" : unformulated(typeof value === "string" ? unmarked(value) : value));
const axisOf = (drawn, letter, id) => drawn[`${letter}axis${(id ?? letter).slice(1)}`] ?? {};
const nameOf = (each) => unmarked(each.title?.text);
const labelled = (each, value) => {
  const tick = each.tickvals ? each.tickvals.indexOf(value) : -1;
  return tick < 0 ? value : each.ticktext[tick];
};
const meaning = (text, dot) => (text === "•" ? dot ?? "q < 0.05" : MEANT[MARKS.indexOf(text)] ?? "");
const squaresDrawn = (traces, drawn) => {
  const shownTrace = traces[traces.length - 1], [x, y] = ["x", "y"].map((letter) => axisOf(drawn, letter));
  const marks = (j, i) => traces.map((trace) => meaning(trace.text[j][i], trace.meta?.dot)).filter(Boolean).join("; ");
  const rows = shownTrace.z.flatMap((row, j) => row.map((z, i) => [labelled(x, shownTrace.x?.[i] ?? i), labelled(y, shownTrace.y?.[j] ?? j), z, marks(j, i)]));
  return [[nameOf(x) || "x", nameOf(y) || "y", unmarked(shownTrace.colorbar.title.text), "mark"], ...rows];
};
const endsOf = (trace, i) => {
  if (trace.meta?.low) return [trace.meta.low[i], trace.meta.high[i]];
  const [error, middle] = trace.error_x ? [trace.error_x, trace.x] : [trace.error_y, trace.y];
  return error && middle[i] !== null ? [middle[i] - (error.arrayminus ?? error.array)[i], middle[i] + error.array[i]] : ["", ""];
};
const pointsDrawn = (traces, drawn) => {
  const [xs, ys] = ["x", "y"].map((letter) => traces.map((trace) => axisOf(drawn, letter, trace[`${letter}axis`])));
  const only = (axes, otherwise) => {
    const names = new Set(axes.map(nameOf).filter(Boolean));
    return names.size === 1 ? [...names][0] : otherwise;
  };
  const coloured = traces.find((trace) => trace.marker?.colorbar), several = new Set(ys.map(nameOf)).size > 1;
  const head = ["panel", "series", only(xs, "x"), only(ys, "y"), "low", "high", ...(coloured ? [unmarked(coloured.marker.colorbar.title.text)] : []), "mark"];
  const mark = (trace, i) => [trace.meta?.mark?.[i], Array.isArray(trace.marker?.symbol) && trace.marker.symbol[i] === "circle" ? "q < 0.05" : "", Array.isArray(trace.text) ? meaning(trace.text[i]) : ""].filter(Boolean).join("; ");
  const rows = traces.flatMap((trace, k) => [...trace.x].map((_, i) => [
    trace.meta?.panel ?? (several ? nameOf(ys[k]) : ""), trace.name ?? "", labelled(xs[k], (trace.meta?.x ?? trace.x)[i]), labelled(ys[k], trace.y[i]), ...endsOf(trace, i),
    ...(coloured ? [trace === coloured ? trace.marker.color[i] : ""] : []), mark(trace, i),
  ]));
  return [head, ...rows];
};
const numbersOf = ({ data, layout: drawn }) => {
  const squares = data.filter((trace) => trace.type === "heatmap"), points = data.filter((trace) => trace.type !== "heatmap" && !trace.fill);
  const rows = squares.length ? squaresDrawn(squares, drawn) : pointsDrawn(points, drawn);
  return rows.map((row) => row.map(entry));
};
