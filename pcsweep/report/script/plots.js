// How every plot looks, on the screen, on paper and in a file.
// Colours: ColorBrewer's PuOr and cividis, which colour-blind readers can tell apart.
const DIVERGING = [[0, "#542788"], [0.25, "#998ec3"], [0.5, "#f7f7f7"], [0.75, "#f1a340"], [1, "#b35806"]];
const SEQUENTIAL = "Cividis";
const LINE = "#0072B2", OTHER = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const DASHES = ["solid", "dash", "dot", "dashdot"];
const PRINTED = 680; // pixels of a figure's width: 180 mm at 96 a inch
const DOTS = 300 / 96; // of a PNG: 300 dots an inch
const root = document.documentElement;
const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom"; // a finger scrolls the page
const axis = (text, extra) => ({
  title: { text }, gridcolor: css("--line"), zerolinecolor: css("--faint"), linecolor: css("--line"), automargin: true, ...extra,
});
// All buttons there are, by name: what another version of Plotly adds, such as a button that uploads, is not among them.
const config = {
  responsive: true, displaylogo: false, showSendToCloud: false, showLink: false, plotlyServerURL: "",
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
};
const inLines = (parts, width) => parts.reduce((lines, part) => {
  const last = lines[lines.length - 1];
  return last && last.length + part.length + 2 <= width ? [...lines.slice(0, -1), `${last}, ${part}`] : [...lines, part];
}, []);

// id → { make: (width, alone) => { data, layout }, name, of: what its file is called, rows: of its CSV }. A figure that stands alone has a longer title.
const plots = new Map();
const legendHeight = (names, width) => {
  // Plotly gives every entry the width of the longest.
  const inRow = Math.max(1, Math.floor((width - 80) / (45 + 7 * Math.max(...names.map((name) => name.length)))));
  return 12 + 19 * Math.ceil(names.length / inRow);
};
const titled = (parts, width, names = [], more = []) => {
  const lines = inLines(parts, width / 7.5), about = inLines([...page.about, ...more], width / 6.5);
  const top = 14 + 18 * lines.length + 15 * about.length + (names.length ? legendHeight(names, width) : 6);
  return {
    title: {
      text: lines.map(plain).join("<br>"), font: { size: 13 }, x: 0, xref: "paper", xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 6 },
      subtitle: { text: about.map(plain).join("<br>"), font: { size: 11, color: css("--faint") } },
    },
    margin: { l: 56, r: 16, t: top, b: 48 },
  };
};
const layout = (extra) => ({
  dragmode, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: css("--ink"), size: 12 }, ...extra,
});
const legend = () => ({ orientation: "h", y: 1.01, yanchor: "bottom", x: 0 });
const widthOf = (id) => byId(id).clientWidth || PRINTED;
const drawPlot = (id) => {
  const { data, layout: drawn } = plots.get(id).make(widthOf(id), false);
  Plotly.react(id, data, drawn, config);
};

// Whatever is on the screen, what goes on paper or into a file is dark on white.
const inLight = (make) => {
  const before = root.dataset.theme;
  root.dataset.theme = "light";
  try {
    return make();
  } finally {
    if (before === undefined) delete root.dataset.theme;
    else root.dataset.theme = before;
  }
};
const save = (address, name) => {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
};
const fileName = (words) => words.join("_").replace(/[^\w.+-]+/gu, "-");
const saveFigure = async (id, format) => {
  const plot = plots.get(id);
  const { data, layout: drawn } = inLight(() => plot.make(PRINTED, true));
  const size = { width: PRINTED, height: drawn.height || Math.round(PRINTED * 0.7) };
  const white = { ...drawn, ...size, paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff" };
  const address = await Plotly.toImage({ data, layout: white, config }, { format, ...size, scale: format === "png" ? DOTS : 1 });
  save(address, `${fileName([page.study, ...plot.of()])}.${format}`);
};
const saveNumbers = (id) => {
  const plot = plots.get(id), address = URL.createObjectURL(new Blob([csv(plot.rows(plot.make(PRINTED, true)))], { type: "text/csv" }));
  save(address, `${fileName([page.study, ...plot.of()])}.csv`);
  setTimeout(() => URL.revokeObjectURL(address), 60000); // a busy browser reads it later
};
const register = (id, name, of, make, rows = numbersOf) => {
  if (!byId(id)) return;
  plots.set(id, { make, name, of, rows });
  const line = document.createElement("p");
  line.className = "save";
  line.append(`Save the ${name} as `);
  for (const format of ["svg", "png", "csv"]) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: format.toUpperCase() });
    button.setAttribute("aria-label", `Save the ${format === "csv" ? `numbers of the ${name}` : name} as ${format.toUpperCase()}`);
    button.addEventListener("click", () => (format === "csv" ? saveNumbers(id) : saveFigure(id, format)));
    line.append(button, " ");
  }
  byId(id).after(line);
};

// On A4: dark on white, as wide as the paper, nothing folded.
const paper = { folded: [], theme: undefined };
addEventListener("beforeprint", () => {
  paper.theme = root.dataset.theme;
  root.dataset.theme = "light";
  paper.folded = [...document.querySelectorAll("details:not([open])")];
  for (const each of paper.folded) each.open = true;
  for (const [id, plot] of plots) {
    if (!byId(id).classList.contains("js-plotly-plot")) continue;
    const { data, layout: drawn } = plot.make(PRINTED, false);
    Plotly.react(id, data, { ...drawn, width: PRINTED, height: drawn.height || 352 }, { ...config, responsive: false });
  }
});
addEventListener("afterprint", () => {
  for (const each of paper.folded) each.open = false;
  if (paper.theme === undefined) delete root.dataset.theme;
  else root.dataset.theme = paper.theme;
  everything();
});
