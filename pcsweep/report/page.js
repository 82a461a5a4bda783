"use strict";
(async () => {
  const page = JSON.parse(document.getElementById("numbers").textContent);
  const grid = page.grid;
  const byId = (id) => document.getElementById(id);

  // What was packed: base64, gzip, and for numbers the bytes of like weight side by side.
  const inflate = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const floats = (planes) => {
    const count = planes.length / 4;
    const bytes = new Uint8Array(planes.length);
    for (let plane = 0; plane < 4; plane++) {
      for (let i = 0; i < count; i++) bytes[4 * i + plane] = planes[plane * count + i];
    }
    return new Float32Array(bytes.buffer);
  };
  const library = document.createElement("script");
  library.textContent = new TextDecoder().decode(await inflate(byId("plotly").textContent));
  document.head.append(library);
  for (const block of grid.blocks) block.values = floats(await inflate(block.data));

  const metrics = grid.blocks.flatMap((block) => block.metrics);
  const named = grid.labels[page.metric] || page.metric;  // by which cells are best
  const blockOf = (metric) => grid.blocks.find((block) => block.metrics.includes(metric));
  const number = (metric, statistic, cell, step) => {
    const block = blockOf(metric);
    const s = block ? block.statistics.indexOf(statistic) : -1;
    if (s < 0) return NaN;
    const m = block.metrics.indexOf(metric);
    return block.values[((s * block.metrics.length + m) * grid.cells.length + cell) * grid.timesteps.length + step];
  };
  const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;"); // Plotly reads tags and entities
  const shown = (value, digits = 3) => (Number.isNaN(value) ? "NaN" : value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1"));
  const small = (value) => (Number.isNaN(value) ? "NaN" : value < 0.001 ? "<0.001" : String(Number(value.toPrecision(2))));
  const bracketed = (metric, statistic, low, high, cell, step) =>
    `${shown(number(metric, statistic, cell, step))} [${shown(number(metric, low, cell, step))}, ${shown(number(metric, high, cell, step))}]`;

  // Where each cell is, and which is the feedforward control of the same place.
  const key = (at, beta, lambda) => [...at, beta, lambda].join(" ");
  const places = new Map();
  const put = (kind) => (cell, index) => {
    const name = key(cell.at, cell.beta, cell.lambda);
    if (!places.has(name) || kind === "cell") places.set(name, { kind, index });
  };
  grid.skipped.forEach(put("skipped"));
  grid.missing.forEach(put("missing"));
  grid.cells.forEach(put("cell"));
  const coefficient = ["alpha", "pcoder"];
  const likeness = (at) => at.filter((_, i) => !coefficient.includes(grid.selectors[i].name)).join(" ");
  const controls = new Map();
  grid.cells.forEach((cell, index) => {
    if (!cell.control) return;
    controls.set(cell.at.join(" "), index);
    if (!controls.has(likeness(cell.at))) controls.set(likeness(cell.at), index);
  });
  const controlOf = (at) => controls.get(at.join(" ")) ?? controls.get(likeness(at));

  const QUANTITIES = {
    normalized: { label: "value(t) / value(0)", centre: 1 },
    difference: { label: "gain on t = 0", centre: 0 },
    mean: { label: "value(t)" },
    q: { label: "q of the gain" },
  };
  const state = {
    metric: metrics.includes(page.metric) ? page.metric : metrics[0],
    quantity: "normalized",
    step: grid.timesteps.length - 1,
    at: grid.selectors.map(() => 0),
    beta: 0,
    lambda: 0,
  };
  const best = page.headlines[page.start];
  const start = grid.cells.find((cell) => best && cell.identity === best.identity) || grid.cells[0];
  Object.assign(state, { at: [...start.at], beta: start.beta, lambda: start.lambda });
  if (best) state.step = grid.timesteps.indexOf(best.timestep);

  // Colours: ColorBrewer's PuOr and cividis, which colour-blind readers can tell apart.
  const DIVERGING = [[0, "#542788"], [0.25, "#998ec3"], [0.5, "#f7f7f7"], [0.75, "#f1a340"], [1, "#b35806"]];
  const SEQUENTIAL = "Cividis";
  const LINE = "#0072B2", OTHER = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom"; // a finger scrolls the page
  const layout = (extra) => ({
    dragmode,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: css("--ink"), size: 12 },
    margin: { l: 56, r: 16, t: 24, b: 48 }, ...extra,
  });
  const axis = (title, extra) => ({
    title: { text: title }, gridcolor: css("--line"), zerolinecolor: css("--faint"), linecolor: css("--line"), automargin: true, ...extra,
  });
  // All buttons there are, by name: what another version of Plotly adds, such as a button that uploads, is not among them.
  const config = {
    responsive: true, displaylogo: false, showSendToCloud: false, showLink: false, plotlyServerURL: "",
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };

  const find = (beta, lambda, at = state.at) => places.get(key(at, beta, lambda)) || { kind: "nothing" };
  const WORDS = { skipped: "skipped: β + λ > 1", missing: "missing", nothing: "not asked for" };
  const title = (beta, lambda) => `β = ${grid.betas[beta]}, λ = ${grid.lambdas[lambda]}`;
  const coordinates = (at) => grid.selectors.map((each, i) => `${each.label} = ${each.values[at[i]]}`);
  const where = (at) => coordinates(at).join(", ");
  const inLines = (parts, width) => parts.reduce((lines, part) => {
    const last = lines[lines.length - 1];
    return last && last.length + part.length + 2 <= width ? [...lines.slice(0, -1), `${last}, ${part}`] : [...lines, part];
  }, []);

  const facts = (cell, step) => {
    const { metric } = state;
    const rows = [[`${grid.labels[metric]} at t = ${grid.timesteps[step]}`, bracketed(metric, "mean", "low", "high", cell, step)]];
    if (blockOf(metric).statistics.includes("normalized")) {
      rows.push(["over t = 0", bracketed(metric, "normalized", "normalized_low", "normalized_high", cell, step)]);
      rows.push(["gain on t = 0", bracketed(metric, "difference", "difference_low", "difference_high", cell, step)]);
      for (const [name, statistic] of [["q of the gain", "q"], ["p over the grid", "p_grid"]]) {
        const value = number(metric, statistic, cell, step);
        rows.push([name, Number.isNaN(value) ? "not tested" : small(value)]);
      }
      rows.push(["effect size d", shown(number(metric, "effect", cell, step), 2)]);
      const images = [number(metric, "n", cell, step), number(metric, "pairs", cell, step)];
      rows.push(["images", images[0] === images[1] ? String(images[0]) : `${images[0]}, with a gain ${images[1]}`]);
      rows.push(["undefined (NaN)", String(number(metric, "nan", cell, step))]);
    }
    if (["mass", "rank"].includes(metric) && metrics.includes("area")) {
      rows.push(["chance level (mask area)", shown(number("area", "mean", cell, step))]);
    }
    if (metrics.includes("correct") && metric !== "correct") {
      rows.push(["accuracy", bracketed("correct", "mean", "low", "high", cell, step)]);
    }
    return rows;
  };

  const valueAt = (place) => (place.kind === "cell" ? number(state.metric, state.quantity, place.index, state.step) : NaN);
  const span = () => {
    // One scale for all timesteps and σ of the metric, so that a slider changes colours only where values differ.
    const values = [];
    for (let cell = 0; cell < grid.cells.length; cell++) {
      for (let step = 0; step < grid.timesteps.length; step++) {
        const value = number(state.metric, state.quantity, cell, step);
        if (!Number.isNaN(value)) values.push(value);
      }
    }
    values.sort((a, b) => a - b);
    const { centre } = QUANTITIES[state.quantity];
    if (state.quantity === "q") return [0, 1];
    if (!values.length) return [0, 1];
    if (centre === undefined) return [values[0], values[values.length - 1]];
    const changes = values.map((value) => Math.abs(value - centre)).sort((a, b) => a - b);
    const usual = changes[Math.floor(0.9 * (changes.length - 1))];
    const reach = Math.max(usual, values[values.length - 1] - centre, centre === 1 ? 0.01 : 0.001);
    return [centre - reach, centre + reach];
  };

  const drawHeatmap = () => {
    const z = [], states = [], hover = [], marks = [], stateMarks = [];
    grid.betas.forEach((_, beta) => {
      const rows = grid.lambdas.map((_, lambda) => find(beta, lambda));
      const values = rows.map(valueAt);
      z.push(values.map((value) => (Number.isNaN(value) ? null : value)));
      const untested = (place) => state.quantity === "q" && !Number.isNaN(number(state.metric, "mean", place.index, state.step));
      const codes = rows.map((place, i) => ({ skipped: 0, missing: 1, nothing: 2 }[place.kind]
        ?? (Number.isNaN(values[i]) ? (untested(place) ? 4 : 3) : null)));
      states.push(codes);
      stateMarks.push(codes.map((code) => (code === null ? "" : ["–", "×", "", "?", "·"][code])));
      marks.push(rows.map((place) => (place.kind === "cell" && number(state.metric, "q", place.index, state.step) < 0.05 ? "•" : "")));
      hover.push(rows.map((place, lambda) => {
        const lines = place.kind === "cell" ? facts(place.index, state.step).map(([name, value]) => `${name}: ${value}`) : [WORDS[place.kind]];
        return [`<b>${plain(title(beta, lambda))}</b>`, ...lines.map(plain)].join("<br>");
      }));
    });
    const [low, high] = span();
    const diverging = QUANTITIES[state.quantity].centre !== undefined;
    const grey = [css("--skipped"), css("--missing"), css("--paper"), css("--undefined"), css("--paper")];
    const titleLines = inLines([`t = ${grid.timesteps[state.step]}`, ...coordinates(state.at)], byId("heatmap").clientWidth / 7);
    const common = { type: "heatmap", hoverinfo: "text", hovertext: hover, xgap: 1, ygap: 1, texttemplate: "%{text}" };
    Plotly.react("heatmap", [
      { ...common, z: states, text: stateMarks, zmin: -0.5, zmax: 4.5, showscale: false,
        colorscale: grey.flatMap((colour, i) => [[i / 5, colour], [(i + 1) / 5, colour]]) },
      { ...common, z, text: marks, zmin: low, zmax: high, colorscale: diverging ? DIVERGING : SEQUENTIAL, reversescale: state.quantity === "q",
        textfont: { size: 14 }, colorbar: { title: { text: quantityLabel(), side: "right" }, thickness: 14 } },
    ], layout({
      xaxis: axis("feedback λ", { tickvals: grid.lambdas.map((_, i) => i), ticktext: grid.lambdas, showgrid: false, zeroline: false, fixedrange: true }),
      yaxis: axis("feedforward β", { tickvals: grid.betas.map((_, i) => i), ticktext: grid.betas, showgrid: false, zeroline: false, fixedrange: true }),
      shapes: [{ type: "rect", x0: state.lambda - 0.5, x1: state.lambda + 0.5, y0: state.beta - 0.5, y1: state.beta + 0.5,
        line: { color: css("--accent"), width: 3 } }],
      title: { text: titleLines.map(plain).join("<br>"), font: { size: 13 } },
      margin: { l: 56, r: 16, t: 22 + 18 * titleLines.length, b: 48 },
    }), config);
    drawTable(z, states);
  };
  const quantityLabel = () => QUANTITIES[state.quantity].label.replaceAll("value", grid.labels[state.metric]);

  const cells = (row, texts, tag) => texts.forEach((text) => {
    const cell = document.createElement(tag);
    cell.textContent = text;
    row.append(cell);
  });
  const fill = (table, heads, rows) => {
    table.replaceChildren();
    cells(table.createTHead().insertRow(), heads, "th");
    const body = table.createTBody();
    rows.forEach((texts) => cells(body.insertRow(), texts, "td"));
  };
  const drawTable = (z, states) => {
    const rows = grid.betas.map((beta, b) => [`β = ${beta}`, ...grid.lambdas.map((_, l) =>
      z[b][l] === null ? ["skipped", "missing", "", "NaN", "not tested"][states[b][l]] : shown(z[b][l]))]);
    fill(byId("as-table"), [quantityLabel(), ...grid.lambdas.map((lambda) => `λ = ${lambda}`)], rows.reverse());
  };

  const band = (cell, metric, colour, yaxis) => {
    const x = grid.timesteps, steps = x.map((_, i) => i);
    const of = (statistic) => steps.map((step) => number(metric, statistic, cell, step));
    return { type: "scatter", mode: "lines", x: [...x, ...[...x].reverse()], y: [...of("high"), ...of("low").reverse()], fill: "toself", fillcolor: colour,
      opacity: 0.2, line: { width: 0 }, hoverinfo: "skip", showlegend: false, yaxis };
  };
  const line = (cell, metric, colour, dash, name, yaxis, showlegend) => ({
    type: "scatter", mode: "lines+markers", x: grid.timesteps, y: grid.timesteps.map((_, step) => number(metric, "mean", cell, step)),
    line: { color: colour, dash, width: 2 }, marker: { size: 5 }, name, yaxis, showlegend,
    hovertext: grid.timesteps.map((t, step) => `t = ${t}: ${bracketed(metric, "mean", "low", "high", cell, step)}`), hoverinfo: "text+name",
  });
  const drawCell = () => {
    const place = find(state.beta, state.lambda);
    const name = `${title(state.beta, state.lambda)}, ${where(state.at)}`;
    byId("cell-name").textContent = place.kind === "cell" ? name : `${name}: ${WORDS[place.kind]}`;
    const list = byId("cell");
    list.replaceChildren();
    byId("over-time").hidden = place.kind !== "cell";
    if (place.kind !== "cell") return;
    const cell = grid.cells[place.index];
    const rows = facts(place.index, state.step);
    if (cell.preset) rows.push(["set of coefficients", cell.preset]);
    if (cell.seeds > 1) rows.push(["noise seeds", String(cell.seeds)]);
    rows.push(["identity", cell.identity]);
    for (const [term, text] of rows) {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = term;
      dd.textContent = text;
      list.append(dt, dd);
    }
    const control = controlOf(cell.at);
    const second = state.metric === "correct" ? "iou" : "correct";
    const both = metrics.includes(second) ? [[state.metric, "y"], [second, "y2"]] : [[state.metric, "y"]];
    const traces = [];
    both.forEach(([metric, yaxis], i) => {
      if (control !== undefined) {
        traces.push(band(control, metric, css("--faint"), yaxis));
        traces.push(line(control, metric, css("--faint"), "dash", "feedforward control", yaxis, i === 0));
      } else {
        const level = { ...line(place.index, metric, css("--faint"), "dash", "feedforward (its t = 0)", yaxis, i === 0), mode: "lines" };
        traces.push({ ...level, y: grid.timesteps.map(() => number(metric, "mean", place.index, 0)), hoverinfo: "name", hovertext: undefined });
      }
      traces.push(band(place.index, metric, LINE, yaxis));
      traces.push(line(place.index, metric, LINE, "solid", "this cell", yaxis, i === 0));
    });
    Plotly.react("over-time", traces, layout({
      xaxis: axis("timestep t", { anchor: both.length > 1 ? "y2" : "y" }),
      yaxis: axis(grid.labels[state.metric], { domain: both.length > 1 ? [0.55, 1] : [0, 1] }),
      ...(both.length > 1 ? { yaxis2: axis(grid.labels[second], { domain: [0, 0.45], range: second === "correct" ? [-0.03, 1.03] : undefined }) } : {}),
      legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, hovermode: "closest",
      shapes: [{ type: "line", x0: grid.timesteps[state.step], x1: grid.timesteps[state.step], yref: "paper", y0: 0, y1: 1,
        line: { color: css("--accent"), width: 1, dash: "dot" } }],
    }), config);
  };
  const draw = () => {
    drawHeatmap();
    drawCell();
  };

  // Controls
  const form = byId("controls");
  const control = (name, labelled, element) => {
    const label = document.createElement("label");
    label.append(...labelled, element);
    element.id = label.htmlFor = `control-${name}`; // else the label of a slider is its output's
    form.append(label);
    return element;
  };
  const slider = (name, labelText, values, start, set) => {
    if (values.length < 2) return null;
    const output = document.createElement("output");
    const input = document.createElement("input");
    Object.assign(input, { type: "range", min: 0, max: values.length - 1, step: 1, value: start });
    const tell = () => {
      output.textContent = values[input.value];
      input.setAttribute("aria-valuetext", `${labelText} = ${values[input.value]}`);
    };
    tell();
    input.addEventListener("input", () => {
      tell();
      set(Number(input.value));
      draw();
    });
    return control(name, [`${labelText} = `, output], input);
  };
  const choice = (name, labelText, options, start, set) => {
    const select = document.createElement("select");
    for (const [value, text] of options) select.append(new Option(text, value, false, value === start));
    select.addEventListener("change", () => {
      set(select.value);
      draw();
    });
    return control(name, [`${labelText} `], select);
  };
  slider("timestep", "t", grid.timesteps, state.step, (value) => { state.step = value; });
  grid.selectors.forEach((each, i) => {
    const set = (value) => { state.at[i] = Number(value); };
    if (each.name === "sigma") slider(each.name, each.label, each.values, state.at[i], set);
    else choice(each.name, each.label, each.values.map((value, j) => [String(j), value]), String(state.at[i]), set);
  });
  const quantities = () => Object.entries(QUANTITIES).filter(([name]) => blockOf(state.metric).statistics.includes(name));
  choice("metric", "metric", metrics.map((metric) => [metric, grid.labels[metric]]), state.metric, (value) => {
    state.metric = value;
    if (!quantities().some(([name]) => name === state.quantity)) state.quantity = "mean";
    fillQuantities();
  });
  const quantity = choice("quantity", "shown as", [], state.quantity, (value) => { state.quantity = value; });
  const fillQuantities = () => quantity.replaceChildren(
    ...quantities().map(([name, each]) => new Option(each.label, name, false, name === state.quantity)));
  fillQuantities();

  const select = (beta, lambda) => {
    state.beta = Math.min(Math.max(beta, 0), grid.betas.length - 1);
    state.lambda = Math.min(Math.max(lambda, 0), grid.lambdas.length - 1);
    Plotly.relayout("heatmap", { "shapes[0].x0": state.lambda - 0.5, "shapes[0].x1": state.lambda + 0.5,
      "shapes[0].y0": state.beta - 0.5, "shapes[0].y1": state.beta + 0.5 });
    drawCell();
  };
  byId("heatmap").addEventListener("keydown", (event) => {
    const move = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    select(state.beta + move[0], state.lambda + move[1]);
  });

  // Series of best cells, and parts of one
  const bars = (series, colour, dash) => ({
    type: "scatter", mode: "lines+markers", name: plain(series.name), x: series.x, y: series.y, line: { color: colour, dash, width: 1.5 }, marker: { size: 7 },
    error_y: { type: "data", symmetric: false, array: series.y.map((y, i) => series.high[i] - y), arrayminus: series.y.map((y, i) => y - series.low[i]) },
  });
  const drawSeries = (id, all, xTitle, type) => {
    const element = byId(id);
    if (!element || !all.length) return;
    element.hidden = false;
    Plotly.react(id, all.map((series, i) => bars(series, OTHER[i % OTHER.length], DASHES[Math.floor(i / OTHER.length) % DASHES.length])), layout({
      xaxis: axis(xTitle, { type }), yaxis: axis(`best ${named}(t) / ${named}(0)`), showlegend: all.length > 1, legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
      shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: 1, y1: 1, line: { color: css("--faint"), width: 1, dash: "dot" } }],
    }), config);
  };
  const forest = (id, parts) => {
    const listed = [...parts].reverse();
    Plotly.react(id, [{
      type: "scatter", mode: "markers", y: listed.map((part) => plain(`${part.label} (${part.n})`)), x: listed.map((part) => part.gain), marker: { color: LINE, size: 8 },
      error_x: { type: "data", symmetric: false, color: LINE, array: listed.map((part) => (part.high === null ? 0 : part.high - part.gain)),
        arrayminus: listed.map((part) => (part.low === null ? 0 : part.gain - part.low)) },
    }], layout({
      height: Math.max(220, 90 + 24 * listed.length), xaxis: axis(`gain in ${named} on t = 0`), yaxis: axis("", { type: "category" }),
      shapes: [{ type: "line", yref: "paper", y0: 0, y1: 1, x0: 0, x1: 0, line: { color: css("--faint"), width: 1, dash: "dot" } }],
    }), config);
  };
  const MOST = 12;
  const drawParts = () => {
    const chosen = page.headlines[Number(byId("which-parts").value)];
    const { classes, sizes } = chosen;
    const defined = classes.filter((part) => part.gain !== null);
    forest("by-size", sizes);
    forest("by-class", defined.length > 2 * MOST ? [...defined.slice(0, MOST), ...defined.slice(-MOST)] : defined);
    const heads = (first) => [first, "images", `${named}(0)`, `${named}(t)`, "gain", "95 %"];
    const text = (value) => (value === null ? "NaN" : shown(value));
    const row = (part) => [part.label, part.n, text(part.start), text(part.end), text(part.gain), `[${text(part.low)}, ${text(part.high)}]`];
    fill(byId("size-table"), heads("share"), sizes.map(row));
    fill(byId("class-table"), heads("class"), classes.map(row));
  };
  const which = byId("which-parts");
  if (which) {
    page.headlines.forEach((headline, i) => which.append(new Option(headline.label, i)));
    which.value = page.start;
    which.addEventListener("change", drawParts);
  }

  byId("download").addEventListener("click", () => {
    const quote = (value) => (/[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
    const statistics = [...new Set(grid.blocks.flatMap((block) => block.statistics))];
    const lines = [["identity", ...grid.selectors.map((each) => each.name), "beta", "lambda", "timestep", "metric", ...statistics].join(",")];
    grid.cells.forEach((cell, index) => grid.timesteps.forEach((t, step) => metrics.forEach((metric) => {
      const values = statistics.map((statistic) => number(metric, statistic, index, step)).map((value) => (Number.isNaN(value) ? "" : Number(value.toPrecision(5))));
      const place = grid.selectors.map((each, i) => each.written[cell.at[i]]); // no formulas for spreadsheets
      lines.push([cell.identity, ...place, grid.betas[cell.beta], grid.lambdas[cell.lambda], t, metric, ...values].map(quote).join(","));
    })));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = `${page.study}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  });

  const everything = () => {
    draw();
    drawSeries("trend", page.trend, page.trendAxis, page.trendType);
    drawSeries("by-pcoder", page.pcoders, "active pcoders", "category");
    if (which) drawParts();
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    everything();
  });
  dark.addEventListener("change", everything);
  everything();
  byId("heatmap").on("plotly_click", ({ event, points: [{ xaxis, yaxis }] }) => {
    const box = event.target.getBoundingClientRect(); // where it is: what Plotly has under the pointer lags behind a quick hand
    select(Math.round(yaxis.p2c(event.clientY - box.top)), Math.round(xaxis.p2c(event.clientX - box.left)));
  });
  document.documentElement.dataset.ready = "yes";
})();
