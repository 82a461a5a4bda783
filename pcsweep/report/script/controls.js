// Sliders, menus, keys and clicks.
const form = byId("controls");
const syncs = []; // that show what the state says
const control = (name, labelled, element) => {
  const label = document.createElement("label");
  label.append(...labelled, element);
  element.id = label.htmlFor = `control-${name}`; // else the label of a slider is its output's
  form.append(label);
};
const slider = (name, labelText, values, get, set) => {
  if (values.length < 2) return;
  const output = document.createElement("output");
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: 0, max: values.length - 1, step: 1 });
  const tell = () => {
    input.value = get();
    output.textContent = values[get()];
    input.setAttribute("aria-valuetext", `${labelText} = ${values[get()]}`);
  };
  tell();
  syncs.push(tell);
  input.addEventListener("input", () => {
    set(Number(input.value));
    changed();
  });
  control(name, [`${labelText} = `, output], input);
};
const choice = (name, labelText, options, get, set) => {
  const select = document.createElement("select");
  const tell = () => {
    const now = options();
    if (select.length !== now.length || now.some(([value], i) => select.options[i].value !== value)) {
      select.replaceChildren(...now.map(([value, text]) => new Option(text, value)));
    }
    select.value = get();
  };
  tell();
  syncs.push(tell);
  select.addEventListener("change", () => {
    set(select.value);
    changed();
  });
  control(name, [`${labelText} `], select);
};
const numeric = (each) => each.name === "sigma" || (each.name.startsWith("noise.") && each.values.every((value) => value === "none" || value !== "" && Number.isFinite(Number(value))));
slider("timestep", "t", grid.timesteps, () => state.step, (value) => { state.step = value; });
grid.selectors.forEach((each, i) => {
  if (isBeside[i] && besideFixed) return;
  const get = () => state.at[i], set = (value) => { state.at[i] = Number(value); };
  if (numeric(each)) slider(each.name, each.label, each.values, get, set);
  else choice(each.name, each.label, () => each.values.map((value, j) => [String(j), value]), () => String(get()), set);
});
choice("metric", "metric", () => metrics.map((metric) => [metric, grid.labels[metric]]), () => state.metric, (value) => {
  state.metric = value;
  keepQuantity();
  if (!isMeasured(value, state.step)) state.step = stepsOf(value).at(-1); // the last at which there is something to see
});
choice("quantity", "shown as", () => quantitiesOf(state.metric).map((name) => [name, QUANTITIES[name].label]), () => state.quantity, (value) => {
  state.quantity = value;
});

const select = (y, x) => {
  Object.assign(state, { y, x });
  keepWithin();
  Plotly.relayout("heatmap", { "shapes[0].x0": state.x - 0.5, "shapes[0].x1": state.x + 0.5, "shapes[0].y0": state.y - 0.5, "shapes[0].y1": state.y + 0.5 });
  drawCell();
  remember();
};
const selectSwept = (swept, place) => {
  swept.go(within(place, swept.values));
  changed();
};
byId("heatmap").addEventListener("keydown", (event) => {
  const move = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!move) return;
  event.preventDefault();
  const swept = along();
  if (scattered()) stepScattered(move[1] - move[0]);
  else if (swept) selectSwept(swept, swept.here() + move[0] + move[1]);
  else select(state.y + move[0], state.x + move[1]);
});
const nearest = (values, wanted) => values.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);
const clicked = ({ event, points: [{ xaxis, yaxis, customdata }] }) => {
  if (scattered()) return chooseScattered((kind() === "plane" ? scatteredCells() : inRank())[customdata]);
  const box = event.target.getBoundingClientRect(); // where it is: what Plotly has under the pointer lags behind a quick hand
  const x = xaxis.p2c(event.clientX - box.left), swept = along();
  if (swept) selectSwept(swept, nearest(positions(swept), x));
  else select(Math.round(yaxis.p2c(event.clientY - box.top)), Math.round(x));
};
// A link to a section keeps the state that the address has.
document.querySelector("nav").addEventListener("click", (event) => {
  const target = event.target.closest("a") && document.querySelector(event.target.closest("a").hash);
  if (!target || !location.hash.includes("=")) return;
  event.preventDefault();
  target.scrollIntoView();
});
