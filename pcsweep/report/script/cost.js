// What the study has cost: packs over the wall's time in a row for each worker, and where the time went.
const spent = page.cost, whichSitting = byId("which-sitting");
const gib = (bytes) => (bytes === null ? "" : (bytes / 2 ** 30).toPrecision(3));
const totalOf = (seconds) => seconds.reduce((sum, value) => sum + value, 0);
const lasting = (seconds) => (seconds < 120 ? `${seconds.toPrecision(3)} s` : seconds < 7200 ? `${(seconds / 60).toPrecision(3)} min` : `${(seconds / 3600).toPrecision(3)} h`);
const clock = (text) => text.slice(0, 19).replace("T", " ");
const PHASE_COLOURS = ["#999999", "#56B4E9", "#CC79A7", "#0072B2", "#E69F00", "#009E73", "#F0E442", "#D55E00"];
const timeline = (width) => {
  const sitting = spent.sittings[Number(whichSitting?.value)], range = sitting && [sitting.from, sitting.to];
  const bar = (each) => [
    `${plain(each.lane)}${each.task && `, task ${plain(each.task)}`}`, `${each.points} point${each.points === 1 ? "" : "s"}${each.packs > 1 ? ` in ${each.packs} packs` : ""}, ${each.rows} rows at once`,
    `${clock(each.from)} to ${clock(each.to).slice(11)} UTC: ${lasting(totalOf(each.seconds))}`,
    ...spent.phases.map((phase, i) => [phase, each.seconds[i]]).filter(([, seconds]) => seconds > 0.02 * totalOf(each.seconds)).map(([phase, seconds]) => `${phase} ${lasting(seconds)}`),
    `memory ${gib(each.memory)} GiB${each.asked === null ? "" : ` of ${gib(each.asked)} asked for`}${each.gpu === null ? "" : `, GPU ${gib(each.gpu)} GiB`}`,
  ].join("<br>");
  const data = [{
    type: "bar", orientation: "h", name: "packs", y: spent.bars.map((each) => plain(each.lane)), base: spent.bars.map((each) => each.from),
    x: spent.bars.map((each) => Math.max(1, new Date(each.to) - new Date(each.from))), hoverinfo: "text", hovertext: spent.bars.map(bar), textposition: "none",
    marker: { color: LINE, line: { color: css("--paper"), width: 1 } },
  }];
  if (spent.failed.length) {
    data.push({
      type: "scatter", mode: "markers", name: "failed", x: spent.failed.map((each) => each.when), y: spent.failed.map((each) => plain(each.lane)),
      marker: { symbol: "x", size: 9, color: "#D55E00", line: { color: css("--paper"), width: 1 } }, hoverinfo: "text",
      hovertext: spent.failed.map((each) => `failed at ${clock(each.when)} UTC: ${plain(each.label)}<br>${plain(each.why)}`),
    });
  }
  return { data, layout: layout({
    ...titled(["Packs over time", "a row for each worker"], width, spent.failed.length ? ["packs", "failed"] : []), height: 190 + 26 * spent.lanes.length, bargap: 0.25, hovermode: "closest",
    xaxis: axis("UTC", { type: "date", ...(range ? { range } : {}) }), yaxis: axis("", { type: "category", categoryarray: spent.lanes.map(plain), autorange: "reversed", showgrid: false }),
    showlegend: spent.failed.length > 0, legend: legend(),
  }) };
};
const whereTimeWent = (width) => {
  const totals = spent.devices.map((each) => totalOf(each.seconds)), names = spent.devices.map((each) => plain(each.name));
  const there = spent.phases.map((_, i) => i).filter((i) => spent.devices.some((each) => each.seconds[i] > 0));
  const share = (j, i) => (totals[j] ? (100 * spent.devices[j].seconds[i]) / totals[j] : 0);
  const data = there.map((i) => ({
    type: "bar", orientation: "h", name: spent.phases[i], y: names, x: spent.devices.map((_, j) => share(j, i)), marker: { color: PHASE_COLOURS[i] },
    text: spent.devices.map((_, j) => (share(j, i) >= 6 ? `${share(j, i).toFixed(0)} %` : "")), textposition: "inside", insidetextanchor: "middle", textangle: 0, constraintext: "none",
    insidetextfont: { color: [0, 3, 7].includes(i) ? "#ffffff" : "#1b1b1b" },
    hoverinfo: "text", hovertext: spent.devices.map((each, j) => `${plain(each.name)}: ${spent.phases[i]} ${lasting(each.seconds[i])}, ${share(j, i).toFixed(1)} %`),
  }));
  return { data, layout: layout({
    ...titled(["Where the time went"], width, there.map((i) => spent.phases[i])), barmode: "stack", height: 200 + 40 * names.length,
    xaxis: axis("% of the time", { range: [0, 100] }), yaxis: axis("", { type: "category", showgrid: false }), legend: { ...legend(), traceorder: "normal" }, showlegend: true,
  }) };
};
const timelineRows = () => [
  ["host", "task", "process", "device", "from", "to", "packs", "points", "rows", ...spent.phases, "memory_bytes", "memory_asked_bytes", "gpu_memory_bytes"],
  ...spent.bars.map((each) => [each.host, each.task, each.process, each.device, each.from, each.to, each.packs, each.points, each.rows, ...each.seconds, each.memory, each.asked ?? "", each.gpu ?? ""]),
];
if (spent) {
  const when = (each) => `${clock(each.from).slice(0, 16)} to ${clock(each.to).slice(0, 16)} UTC`;
  if (whichSitting) {
    whichSitting.append(new Option("all of it", -1), ...spent.sittings.map((each, i) => new Option(when(each), i)));
    whichSitting.value = spent.sittings.length - 1;
    whichSitting.addEventListener("change", () => drawPlot("timeline"));
  }
  fill(byId("phases-table"), ["device", ...spent.phases], spent.devices.map((each) => [each.name, ...each.seconds.map(lasting)]));
}
