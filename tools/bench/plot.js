/* SPDX-License-Identifier: Apache-2.0 */
/* What the page of bench plots shows of `report`, its JSON; it stands inside the frame's function, after plots.js. */
/* ---- bars with what they say beside them ---- */
const plain = (n) => short(n).replace(/\.0+ /, " ").replace(/(\.\d*[1-9])0+ /, "$1 ");
const short = (n) => n >= 9.995e5 ? (n / 1e6).toPrecision(3) + " M" : n >= 9995 ? digits(n / 1e3) + " k" : grouped(n);
/* Text at a bar's end, the quartiles through it, and lines across a row, from members of the datasets and options. */
Chart.register({id: "marks", afterDatasetsDraw(chart) {
  const {ctx, chartArea, scales} = chart, rows = chart.data.labels.length;
  if (chart.options.indexAxis !== "y") return;
  ctx.save();
  ctx.font = "11.5px " + Chart.defaults.font.family;
  ctx.textBaseline = "middle";
  chart.data.datasets.forEach((dataset, d) => {
    const meta = chart.getDatasetMeta(d);
    if (meta.hidden) return;
    meta.data.forEach((bar, i) => {
      let end = bar.x;
      const spread = dataset.spread?.[i];
      if (spread) {
        const [low, high] = spread.map((value) => scales.x.getPixelForValue(value)), half = bar.height * 0.3;
        ctx.strokeStyle = css("ink");
        ctx.lineWidth = 1.2;
        ctx.beginPath();
        ctx.moveTo(low, bar.y); ctx.lineTo(high, bar.y);
        for (const x of [low, high]) { ctx.moveTo(x, bar.y - half); ctx.lineTo(x, bar.y + half); }
        ctx.stroke();
        end = Math.max(end, high);
      }
      if (dataset.beside?.[i]) {
        ctx.fillStyle = css("ink");
        ctx.fillText(dataset.beside[i], end + 6, bar.y);
      }
    });
  });
  const height = chartArea.height / (rows || 1);
  for (const {row, value} of chart.config.options.targets || []) {
    const x = scales.x.getPixelForValue(value), top = chartArea.top + row * height;
    ctx.strokeStyle = css("ink");
    ctx.lineWidth = 2;
    ctx.setLineDash([4, 3]);
    ctx.beginPath();
    ctx.moveTo(x, top + 2); ctx.lineTo(x, top + height - 2);
    ctx.stroke();
  }
  ctx.restore();
}});
/* Horizontal bars. series: {label, colour, values, beside, spread} */
function bars(rows, series, title, more) {
  const {targets, stacked, min, max, legend, tooltip} = more;
  return () => ({
    type: "bar",
    data: {labels: rows, datasets: series.map((s) => ({label: s.label, data: s.values, beside: s.beside, spread: s.spread,
      backgroundColor: css(s.colour), borderWidth: 0, barPercentage: 0.86, categoryPercentage: 0.8}))},
    options: {...common(), layout: {padding: {right: series.some((s) => s.beside) ? 70 : 6}}, indexAxis: "y", targets,
      scales: {x: axis(title, {beginAtZero: true, stacked, min, max, ticks: {callback: (n) => n < 0 ? "-" + plain(-n) : n < 10 ? String(n) : plain(n), maxTicksLimit: 8, includeBounds: false}}),
        y: {...axis(""), title: {display: false}, grid: {display: false}, type: "category", stacked, ticks: {color: css("ink"), font: {size: 12}}}},
      plugins: {...common().plugins, legend: {...common().plugins.legend, display: legend !== false},
        tooltip: {callbacks: {label: (item) => item.dataset.label + ": " + tooltip(item)}}}},
  });
}
const high = (made, pixels) => { made.querySelector(".plot").style.height = pixels + "px"; return made; };
const wide = (made) => { made.classList.add("wide"); return made; };

/* ---- what was measured ---- */
const unique = (list) => [...new Set(list)];
const crypto = report.runs.filter((run) => run.bench !== "engine"), engines = report.runs.filter((run) => run.bench === "engine");
const about = {
  packets: "Data packets with their acks", messages: "Data packets with their acks, from a fragment", open: "Packets opened by a node",
  surbs: "Reply SURBs made", "surbs-use": "Packets made with a SURB", receive: "Data packets read by their recipient",
  seal: "Frames sealed", unseal: "Frames opened",
};
const backends = ["ifma", "avx512f", "avx2", "portable"];
const place = (list, item) => (list.indexOf(item) + 1 || list.length + 1);
const peerName = (peer) => peer.name + " " + peer.version;
const peerColours = ["c5", "c3", "c4", "c2", "c7"];

/* Runs that may stand beside each other: the same work through the same routes. */
const groups = [];
for (const run of crypto) {
  const key = [run.bench, run.size, run.hops, run.nodes].join(" ");
  let group = groups.find((g) => g.key === key);
  if (!group) groups.push(group = {key, bench: run.bench, unit: run.unit, runs: []});
  group.runs.push(run);
}
groups.sort((a, b) => place(Object.keys(about), a.bench) - place(Object.keys(about), b.bench));
for (const group of groups) {
  /* One batch for the bars: the one with most runs, the larger of two. */
  const batches = unique(group.runs.map((run) => run.batch)).sort((a, b) => a - b);
  const count = (batch) => group.runs.filter((run) => run.batch === batch).length;
  group.batches = batches;
  group.batch = batches.reduce((best, batch) => count(batch) >= count(best) ? batch : best);
  group.rows = group.runs.filter((run) => run.batch === group.batch).sort((a, b) => place(backends, a.backend) - place(backends, b.backend));
  group.names = group.rows.map((run) => group.rows.filter((other) => other.backend === run.backend).length > 1 ? run.backend + " · " + run.file : run.backend);
  group.peers = unique(group.rows.flatMap((run) => run.peers.map(peerName)));
  group.title = about[group.bench] || group.bench;
  const first = group.rows[0], samples = group.rows.map((run) => run.samples), least = Math.min(...samples), most = Math.max(...samples);
  group.how = "Batch " + grouped(group.batch) + ", " + plural(first.nodes, "node") + " a layer, " + plural(first.hops, "hop") + ", " + first.size +
    "; medians of " + (least === most ? "" : grouped(least) + " to ") + plural(most, "sample") + ".";
}

document.title = "Sluice bench";
add(make("header", {}, make("h1", {}, "Sluice bench")));
add(make("p", {class: "lead"}, [...unique(crypto.map((run) => run.cpu + ", " + run.ticks_per_ns.toFixed(2) + " ticks a ns")), plural(report.runs.length, "run")].join(" · ")));
const grid = make("div", {class: "grid"});
add(grid);

const peerOf = (run, name) => run.peers.find((peer) => peerName(peer) === name);
function ticksPlot(group) {
  const series = [{label: "sluice", colour: "c1", values: group.rows.map((run) => run.ticks), least: group.rows.map((run) => run.ticks_least)},
    ...group.peers.map((name, i) => ({label: name, colour: peerColours[i % peerColours.length],
      values: group.rows.map((run) => peerOf(run, name)?.ticks ?? NaN), least: group.rows.map((run) => peerOf(run, name)?.ticks_least)}))];
  for (const s of series) s.beside = s.values.map((n) => n >= 0 ? short(n) : "");
  return high(plot(group.title + ": ticks a " + group.unit, group.how + " Shorter is faster.",
    bars(group.names, series, "ticks a " + group.unit, {tooltip: (item) => grouped(item.parsed.x) + " ticks, at least " + grouped(series[item.datasetIndex].least[item.dataIndex])})),
    80 + group.rows.length * (14 + 17 * series.length));
}
function ratioPlot(group) {
  const series = group.peers.map((name, i) => {
    const peers = group.rows.map((run) => peerOf(run, name));
    return {label: "to " + name, colour: peerColours[i % peerColours.length], values: peers.map((peer) => peer?.ratio ?? NaN),
      spread: peers.map((peer) => peer && [peer.ratio_low, peer.ratio_high]), beside: peers.map((peer) => peer ? digits(peer.ratio) + " ×" : "")};
  });
  const targets = group.rows.flatMap((run, row) => report.targets.filter((target) => target.bench === group.bench &&
    (!target.backend || target.backend === run.backend)).map((target) => ({row, value: target.ratio})));
  const made = bars(group.names, series, "times as fast", {targets, tooltip: (item) => {
    const [low, up] = series[item.datasetIndex].spread[item.dataIndex];
    return digits(item.parsed.x) + " (" + digits(low) + " .. " + digits(up) + ")";
  }});
  /* A target beyond every bar is still in the picture. */
  const config = () => { const c = made(); c.options.scales.x.suggestedMax = Math.max(1, ...targets.map((target) => target.value * 1.02)); return c; };
  return high(plot(group.title + ": how many times as fast", "Median of the rounds, with quartiles." + (targets.length > 0 ? " Dashed: the target" + (targets.length > 1 ? "s, " : ", ") +
    targets.map(({row, value}) => value + " for " + group.names[row]).join(", ") + "." : ""), config), 80 + group.rows.length * (14 + 17 * (series.length + 1)));
}
function batchPlot(group) {
  const names = unique(group.runs.map((run) => run.backend)).sort((a, b) => place(backends, a) - place(backends, b));
  const colours = ["c1", "c2", "c3", "c4", "c6"];
  const series = names.map((name, i) => {
    const runs = group.runs.filter((run) => run.backend === name).sort((a, b) => a.batch - b.batch);
    return line(name, colours[i % colours.length], runs.map((run) => run.batch), runs.map((run) => run.ticks), {pointRadius: 3, clip: 8});
  });
  const log = (title, more) => axis(title, {type: "logarithmic", ...more});
  return wide(plot(group.title + ": ticks a " + group.unit + " against batch size", "Both axes are logarithmic.",
    lines(series, () => log(group.unit + "s in a batch", {min: group.batches[0], max: group.batches.at(-1), afterBuildTicks: (scale) => {
      scale.ticks = group.batches.map((value) => ({value}));
    }, ticks: {callback: (n) => grouped(n)}}), () => log("ticks a " + group.unit, {ticks: {callback: (n) => [1, 2, 5].some((lead) => lead === Math.round(n / 10 ** Math.floor(Math.log10(n) + 1e-9) * 100) / 100) ? plain(n) : "", autoSkip: false}}),
    {title: (items) => "batch " + grouped(items[0].parsed.x), label: (item) => item.dataset.label + ": " + grouped(item.parsed.y) + " ticks"})));
}

/* ---- stages: each back end on its own scale, measured above the model ---- */
const stageColours = ["c5", "c1", "c2", "c3", "c7", "c4", "c6"];
function stagesCard(group) {
  const rows = group.rows.map((run, i) => ({run, name: group.names[i]})).filter(({run}) => run.stages.length > 0);
  if (rows.length === 0) return null;
  const stages = unique(rows.flatMap(({run}) => run.stages.map((stage) => stage.name)));
  const colour = (i) => stageColours[i % stageColours.length];
  const made = card(group.title + ": where the ticks go", "Kernels alone, as a batch calls them; the rest of the whole is assembly and memory. Model: what each took when it was measured by itself, " +
    "on an Intel server core. Each back end has its own scale.",
    make("ul", {class: "keys"}, ...stages.map((name, i) => make("li", {}, make("i", {style: "background: var(--" + colour(i) + ")"}), name))));
  for (const {run, name} of rows) {
    const of = (stage) => run.stages.find((s) => s.name === stage);
    const model = run.stages.reduce((sum, stage) => sum + (stage.model_ticks || 0), 0);
    const series = stages.map((stage, i) => ({label: stage, colour: colour(i), values: [of(stage)?.ticks ?? 0, ...(model > 0 ? [of(stage)?.model_ticks ?? 0] : [])]}));
    const canvas = make("canvas", {role: "img", "aria-label": "stages, " + name});
    plots.push({canvas, config: bars(model > 0 ? ["measured", "model"] : ["measured"], series, "ticks a " + group.unit, {stacked: true, min: Math.min(0, ...run.stages.map((stage) => stage.ticks)), max: Math.max(run.ticks, model) * 1.02, legend: false, tooltip: (item) => {
      const whole = item.dataIndex === 0 ? run.ticks : model;
      return grouped(item.parsed.x) + " ticks, " + percent(item.parsed.x / whole);
    }})});
    const box = make("div", {class: "plot"}, canvas);
    box.style.height = (model > 0 ? 118 : 90) + "px";
    made.append(make("h3", {}, name + " ", make("span", {}, grouped(run.ticks) + " ticks" + (model > 0 ? ", " + digits(run.ticks / model) + " × the model’s " + grouped(model) : ", no model"))), box);
  }
  return wide(made);
}

for (const group of groups) {
  const ticks = ticksPlot(group);
  grid.append(group.peers.length > 0 ? ticks : wide(ticks));
  if (group.peers.length > 0) grid.append(ratioPlot(group));
  if (group.batches.length > 1) grid.append(batchPlot(group));
  const stages = stagesCard(group);
  if (stages) grid.append(stages);
}

/* ---- the engine ---- */
for (const run of engines) {
  const series = [["busy", "c1", "busy"], ["on a core", "c5", "on_a_core"]].map(([label, colour, key]) => ({label, colour,
    values: run.threads.map((thread) => thread[key] * 100), beside: run.threads.map((thread) => percent(thread[key]))}));
  grid.append(high(plot("Engine: threads, " + run.backend, "Busy, by the thread's own clock; on a core, as the scheduler counts. " + run.file + ".",
    bars(run.threads.map((thread) => thread.name), series, "percent of the time", {max: 100, tooltip: (item) => item.parsed.x.toFixed(1) + " %, " +
      digits(run.threads[item.dataIndex].system_calls_per_packet) + " system calls a packet"})), 80 + 44 * run.threads.length));
  grid.append(card("Engine: what it sent, " + run.backend, run.io, pairs([
    ["load", plural(run.clients, "client") + ", " + plural(run.workers, "worker") + ", " + time(run.seconds)],
    ["data packets", grouped(run.packets_per_second) + "/s, each with its ack"], ["counted by gateways", grouped(run.counted_per_second) + "/s"],
    ["a second of a worker's core", grouped(run.packets_per_worker_core_second)], ["a second of any core", grouped(run.packets_per_core_second)],
    ["packets in a batch", digits(run.packets_per_batch)], ["slots missed", digits(run.slots_missed_per_second) + "/s"]])));
}

/* ---- every figure ---- */
if (crypto.length > 0) {
  grid.append(wide(card("Every run", "Ratios are medians, with quartiles.", table(["bench", "back end", "batch", "ticks", "least", "µs", "a second and core", "times as fast as", "file"],
    groups.flatMap((group) => [...group.runs].sort((a, b) => place(backends, a.backend) - place(backends, b.backend) || a.batch - b.batch).map((run) => [run.bench, run.backend, grouped(run.batch), grouped(run.ticks), grouped(run.ticks_least),
      digits(run.ns / 1e3), grouped(run.per_second_per_core), run.peers.length === 0 ? "–" : make("span", {}, ...run.peers.flatMap((peer, i) => [...(i > 0 ? [make("br")] : []),
        peerName(peer) + ": " + digits(peer.ratio) + " (" + digits(peer.ratio_low) + " .. " + digits(peer.ratio_high) + ")"])), make("code", {}, run.file)]))))));
}
add(make("footer", {}, "Ticks are those of the time stamp counter while the measuring thread had the core. docs/performance.md says what is measured, and how."));

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
