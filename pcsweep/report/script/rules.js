// The best cells of update rules over time, a column of panels per condition: the metric above, the gain on t = 0 below.
const rulesOverTime = (width) => {
  const all = page.rules, names = [...new Set(all.flatMap((each) => each.lines.map((line) => line.rule)))];
  const inRow = Math.max(1, Math.min(all.length, Math.floor(width / 220))), down = Math.ceil(all.length / inRow);
  const gap = 0.05, share = (1 - gap * (inRow - 1)) / inRow, high = 1 / down, data = [], axes = {}, annotations = [], seen = new Set();
  const faint = css("--faint"), ink = css("--ink");
  const once = (name) => {
    const first = !seen.has(name);
    seen.add(name);
    return { name: plain(name), legendgroup: name, showlegend: first };
  };
  const level = (x, value, name, dash, colour, place) => ({
    type: "scatter", mode: "lines", x: [x[0], x[x.length - 1]], y: [value, value], line: { color: colour, width: 1.3, dash }, hoverinfo: "text",
    hovertext: `${plain(name)}: ${shown(value)}`, ...once(name), ...place,
  });
  all.forEach((panel, i) => {
    const left = (i % inRow) * (share + gap), top = 1 - Math.floor(i / inRow) * high, room = high * (down > 1 ? 0.84 : 1);
    const parts = [["mean", 2 * i, [top - 0.5 * room, top]], ["gain", 2 * i + 1, [top - room, top - 0.58 * room]]];
    const x = panel.lines[0].x;
    for (const [kind, number, domain] of parts) {
      const id = number ? number + 1 : "", meta = { panel: `${panel.label}: ${kind}` }, place = { xaxis: `x${id}`, yaxis: `y${id}`, meta }, first = kind === "mean" ? "y" : "y2";
      const titleOf = kind === "mean" ? named : "gain on t = 0";
      axes[`xaxis${id}`] = axis(kind === "gain" ? "timestep t" : "", { domain: [left, left + share], anchor: `y${id}`, dtick: Math.ceil(x.length / 10), zeroline: false });
      axes[`yaxis${id}`] = axis(i % inRow ? "" : titleOf, { domain, anchor: `x${id}`, zeroline: false, showticklabels: i % inRow === 0, ...(i ? { matches: first } : {}) });
      if (kind === "mean") {
        panel.start.forEach((value) => data.push(level(x, value, "feedforward control: value at t = 0", "dash", ink, place)));
        panel.baselines.forEach(({ label, value }, j) => data.push(level(x, value, label, ["dashdot", "dot"][j % 2], faint, place)));
        annotations.push({ text: plain(panel.label), x: left + share / 2, xref: "paper", y: top, yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 12 } });
      } else data.push(level(x, 0, "feedforward control: value at t = 0", "dash", ink, place));
      panel.lines.forEach((line, j) => {
        const at = names.indexOf(line.rule), colour = OTHER[at % OTHER.length], y = line[kind], low = line[`${kind}_low`], up = line[`${kind}_high`];
        const aside = (0.12 * (j - (panel.lines.length - 1) / 2)) / Math.max(1, panel.lines.length / 4);
        data.push({
          type: "scatter", mode: "lines+markers", x: line.x.map((t) => t + aside), y, ...once(line.rule), ...place, hoverinfo: "text",
          meta: { ...meta, x: line.x, mark: line.x.map((_, t) => (t === line.chosen ? "chosen" : "")) }, line: { color: colour, width: 2, dash: DASHES[Math.floor(at / OTHER.length) % DASHES.length] },
          marker: { color: colour, size: y.map((_, t) => (t === line.chosen ? 12 : 5)) },
          error_y: { type: "data", symmetric: false, thickness: 1, width: 2, color: colour,
            array: y.map((value, t) => (up[t] === null ? 0 : up[t] - value)), arrayminus: y.map((value, t) => (low[t] === null ? 0 : value - low[t])) },
          hovertext: y.map((value, t) => `${plain(line.rule)}, t = ${line.x[t]}: ${value === null ? "NaN" : `${shown(value)} [${low[t] === null ? "NaN" : shown(low[t])}, ${up[t] === null ? "NaN" : shown(up[t])}]`}${t === line.chosen ? ", chosen" : ""}`),
        });
      });
    }
  });
  const entries = [...seen];
  const { margin, ...about } = titled([`Best cell of each update rule, on the ${all[0].images} images that confirm`, "95 % intervals over images", "large: the chosen t"], width, entries);
  return { data, layout: layout({
    ...axes, annotations, ...about, margin: { ...margin, t: margin.t + 18 }, height: margin.t + 18 + 48 + 430 * down, hovermode: "closest",
    legend: { ...legend(), y: 1 + 22 / (430 * down) },
  }) };
};
