/* SPDX-License-Identifier: Apache-2.0 */
/* What the load report shows of `report`, its JSON; it stands inside the frame's function, after plots.js. */
/* Where the load began to count and where it ended: what lies outside is warm-up and drain. */
const phases = {id: "phases", beforeDatasetsDraw(chart) {
  if (!chart.config.options.scales.x?.phases) return;
  const {ctx, chartArea, scales} = chart;
  ctx.save();
  ctx.fillStyle = css("line") + "80";
  const from = Math.max(chartArea.left, scales.x.getPixelForValue(0)), to = Math.min(chartArea.right, scales.x.getPixelForValue(loadEnd));
  ctx.fillRect(chartArea.left, chartArea.top, from - chartArea.left, chartArea.height);
  ctx.fillRect(to, chartArea.top, chartArea.right - to, chartArea.height);
  ctx.restore();
}};
Chart.register(phases);

const series = report.series, at = series.at_seconds, lengths = series.length_seconds;
const loadEnd = report.duration_seconds.measured;
const rate = (column) => column.map((n, i) => lengths[i] > 0 ? n / lengths[i] : 0);
const known = (column) => column.map((s) => s > 0 ? s : NaN);
const timeAxis = () => axis("seconds since measuring began", {phases: true, min: Math.min(0, ...at), max: Math.max(1, ...at),
  ticks: {maxTicksLimit: 12, includeBounds: false}});
const timeTitle = {title: (items) => items[0].parsed.x.toFixed(1) + " s"};

/* A log axis of time with a label at each 1, 2 and 5. */
function logTime(title) {
  return axis(title, {type: "logarithmic", ticks: {callback: (value) => {
    const lead = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
    return [1, 2, 5].some((n) => Math.abs(lead - n) < 1e-6) ? tick(value) : "";
  }, autoSkip: false}});
}

/* ---- the page ---- */
const {messages, packets, load, generator} = report;
const verdict = report.verdict === "invalid" && generator.saturated ? "invalid, generator saturated" : report.verdict;
document.title = "Sluice load: " + verdict;
add(make("header", {}, make("h1", {}, "Sluice load report"), make("span", {class: "badge " + report.verdict}, verdict)));
/* Nothing was offered: what is measured is how clients keep their slots with cover. */
const quiet = load.rate_total === 0;
add(make("p", {class: "lead"}, [plural(load.clients, "client") + " on " + load.target,
  quiet ? "no messages, cover only" : digits(load.rate_total) + (load.ping ? " requests/s of " : " messages/s of ") + bytes(load.message_bytes) + ", " + load.arrivals + " arrivals",
  time(report.duration_seconds.measured) + " measured",
  new Date(report.started_unix * 1000).toISOString().replace("T", " ").slice(0, 16) + " UTC"].join(" · ")));
add(make("ul", {class: "reasons " + report.verdict}, ...report.reasons.map((reason) => make("li", {}, reason))));

const bad = new Set(["lost", "corrupted", "duplicated", "in_flight", "unanswered", "answered_wrong", "answered_again"]);
const names = load.ping ? ["offered", "sent", "delivered", "acked", "answered", "unanswered", "answered_wrong", "answered_again"] :
  ["offered", "sent", "delivered", "acked", "lost", "corrupted", "duplicated", "in_flight"];
const figures = quiet ? [["packets/s", digits(packets.sent_per_second)], ["a busy core", grouped(packets.sent_per_busy_core)],
  ["lateness p50", time(generator.slot_lateness_seconds.p50)], ["lateness p99", time(generator.slot_lateness_seconds.p99)],
  ["slots", grouped(generator.slots)], ["late", grouped(generator.slots_late)], ["dropped", grouped(generator.slots_missed), generator.slots_missed > 0],
  ["slowed down", grouped(generator.slowdowns), generator.slowdowns > 0]] :
  names.map((name) => [name.replace("_", " "), grouped(messages[name]), bad.has(name) && messages[name] > 0]);
add(make("section", {class: "card ledger", "aria-label": quiet ? "Packets" : load.ping ? "Requests" : "Messages"}, ...figures.map(([name, figure, wrong]) =>
  make("div", {class: wrong ? "nonzero" : ""}, make("b", {}, figure), make("span", {}, name)))));

const roundTrips = load.ping ? [["intended_to_answered", "intended to answered", "c7"], ["sent_to_answered", "sent to answered", "c6"]] : [];
const latencyNames = [...roundTrips, ["intended_to_delivered", "intended to delivered", "c1"], ["intended_to_acked", "intended to acked", "c2"],
  ["sent_to_delivered", "sent to delivered", "c3"], ["sent_to_acked", "sent to acked", "c4"]].filter(([key]) => !(load.ping || quiet) || report.latency_seconds[key].count > 0);
const latencyKeys = [["p50", "p50"], ["p90", "p90"], ["p99", "p99"], ["p999", "p99.9"], ["p9999", "p99.99"], ["max", "max"]];
const latencyRow = (label, values) => [label, ...latencyKeys.map(([key]) => values.count > 0 ? time(values[key]) : "–"), grouped(values.count)];
const grid = make("div", {class: "grid"});
add(grid);

if (!quiet) {
  const throughput = plot(load.ping ? "Requests per second" : "Messages per second", "Second by second. Shaded: the warm-up, and after the load's end the wait for what is still under way.",
    lines([line("offered", "c5", at, rate(series.offered), {borderWidth: 4, order: 1}), line("delivered", "c1", at, rate(series.delivered)),
      line("acked", "c2", at, rate(series.acked)), ...(load.ping ? [line("answered", "c7", at, rate(series.answered))] : [])], timeAxis,
      () => axis(load.ping ? "requests/s" : "messages/s", {beginAtZero: true}),
      {...timeTitle, label: (item) => item.dataset.label + " " + digits(item.parsed.y) + "/s"}));
  throughput.classList.add("wide");
  grid.append(throughput);

  const over = load.ping ? "intended_to_answered" : "intended_to_delivered";
  grid.append(plot(load.ping ? "Round trip over time" : "Latency over time", load.ping ?
    "From the intended time to the answer, of the requests that were answered in each second." :
    "From the intended time to delivery, of the messages that arrived in each second.",
    lines([line("p50", "c1", at, known(series[over + "_p50_seconds"])), line("p99", "c3", at, known(series[over + "_p99_seconds"]))],
      timeAxis, () => axis("latency", {beginAtZero: true, ticks: {callback: (s) => tick(s)}}), {...timeTitle, label: (item) => item.dataset.label + " " + time(item.parsed.y)})));
}

/* x: how many nines of the messages were at least so fast. */
const nines = (share) => -Math.log10(1 - share);
const spreads = quiet ? [["slot_lateness", "packets’ lateness", "c3"]] : latencyNames;
const most = Math.max(2, ...spreads.map(([key]) => report.distribution_seconds[key].length > 1 ?
  nines(report.distribution_seconds[key].at(-2)[0]) : 0));
const shareOf = (x) => (x < 0.5 ? "50 %" : x <= 1 ? "90 %" : "99" + (x > 2 ? "." + "9".repeat(Math.round(x) - 2) : "") + " %");
const spreadPlot = plot(quiet ? "Lateness distribution" : "Latency distribution", "The share of " + (quiet ? "packets that left at most so late" :
  "messages that took at most so long") + "; each step to the right is one nine more.",
  lines(spreads.map(([key, label, colour]) => {
    const points = report.distribution_seconds[key].map(([share, s]) => [share < 1 ? nines(share) : most, s]);
    return line(label, colour, points.map((p) => p[0]), points.map((p) => p[1]), key.startsWith("sent") ? {borderDash: [5, 3]} : {});
  }), () => axis("share of " + (quiet ? "packets" : "messages"), {min: 0, max: Math.ceil(most * 4) / 4, afterBuildTicks: (scale) => {
    scale.ticks = [nines(0.5), ...Array.from({length: Math.floor(scale.max)}, (_, i) => i + 1)].map((value) => ({value}));
  }, ticks: {callback: shareOf, autoSkip: false}}), () => logTime(quiet ? "lateness" : "latency"),
  {title: (items) => ((1 - 10 ** -items[0].parsed.x) * 100).toPrecision(6).replace(/\.?0+$/, "") + " % of " + (quiet ? "packets" : "messages"),
    label: (item) => item.dataset.label + " " + time(item.parsed.y)}));
if (quiet) spreadPlot.classList.add("wide");
grid.append(spreadPlot);

const latencyCard = card("Latency", quiet ? "How long after its slot each packet left for its gateway." : "Intended: from the moment the schedule names, which no answer moves. Sent: from the first fragment's time on the wire.",
  table(["", ...latencyKeys.map(([, label]) => label), quiet ? "packets" : "messages"], [...latencyNames.map(([key, label]) => latencyRow(label, report.latency_seconds[key])),
    ...(quiet ? [] : [latencyRow("generator’s lateness", generator.lateness_seconds)]), latencyRow("packets’ lateness", generator.slot_lateness_seconds)]));
latencyCard.classList.add("wide");
grid.append(latencyCard);

const kinds = [["real", "real", "c1"], ["cover", "cover", "c5"], ["retransmitted", "retransmitted", "c6"], ["ack", "acks received", "c2"]];
grid.append(plot("Packets per second", "Sent, stacked by kind; acks come back over the same network.",
  lines(kinds.map(([key, label, colour], i) => line(label, colour, at, rate(series[key]), key === "ack" ? {fill: false, stack: "acks", borderDash: [5, 3]} :
    {fill: i === 0 ? "origin" : "-1", stack: "sent", borderWidth: 1})), timeAxis,
    () => axis("packets/s", {beginAtZero: true, stacked: true}), {...timeTitle, label: (item) => item.dataset.label + " " + digits(item.parsed.raw.y) + "/s"})));

/* One bar: where the bytes on the wire went. */
const sent = packets.real + packets.cover + packets.retransmitted + packets.surb;
const received = packets.ack + packets.cover_ack;
const shares = [["real", "real", "c1", packets.real / (sent || 1), 0], ["cover", "cover", "c5", packets.cover / (sent || 1), 0],
  ["retransmitted", "retransmitted", "c6", packets.retransmitted / (sent || 1), 0], ["surb", "SURBs only", "c4", packets.surb / (sent || 1), 0],
  ["ack", "acks of messages", "c2", 0, packets.ack / (received || 1)], ["cover_ack", "acks of cover", "c3", 0, packets.cover_ack / (received || 1)]];
grid.append(plot("Packet mix", grouped(sent) + " packets sent, " + grouped(packets.sent_per_second) + "/s while measured. " +
  bytes(report.bytes.delivered) + " delivered for " + bytes(report.bytes.wire_sent) + " sent on the wire (" +
  percent(report.bytes.delivered / (report.bytes.wire_sent || 1)) + ").", () => ({
  type: "bar",
  data: {labels: ["sent", "acks"], datasets: shares.filter(([key]) => packets[key] > 0).map(([key, label, colour, a, b]) => ({label,
    count: packets[key], data: [a * 100, b * 100], backgroundColor: css(colour), barPercentage: 0.62, borderWidth: 0}))},
  options: {...common(), indexAxis: "y", scales: {x: {...axis("percent"), stacked: true, max: 100}, y: {...axis(""), title: {display: false}, grid: {display: false}, type: "category", stacked: true}},
    plugins: {...common().plugins, tooltip: {callbacks: {label: (item) => item.dataset.label + " " + item.parsed.x.toFixed(2) + " %, " + grouped(item.dataset.count)}}}},
})));

const states = [["busy", "busy", "c1"], ["housekeeping", "housekeeping", "c4"], ["backpressured", "backpressured", "c6"], ["starved", "waiting", "grid"]];
const threadPlot = plot("Threads", "What each thread did with its time while measured.", () => ({
  type: "bar",
  data: {labels: report.threads.map((t) => t.name + (t.cpu >= 0 ? " @" + t.cpu : "")), datasets: states.map(([key, label, colour]) => ({label,
    data: report.threads.map((t) => t[key] * 100), backgroundColor: css(colour), barPercentage: 0.75, categoryPercentage: 0.9}))},
  options: {...common(), indexAxis: "y", scales: {x: {...axis("percent"), stacked: true, max: 100}, y: {...axis(""), title: {display: false}, grid: {display: false}, type: "category", stacked: true}},
    plugins: {...common().plugins, tooltip: {callbacks: {label: (item) => item.dataset.label + " " + item.parsed.x.toFixed(1) + " %"}}}},
}));
threadPlot.querySelector(".plot").style.height = 70 + 24 * report.threads.length + "px";
grid.append(threadPlot);

if (!quiet) {
  grid.append(plot("Generator", "How late the generator itself was at worst in each second. Above 5 ms at p99, of it or of how late packets left, the run is invalid.",
    lines([line("latest of the second", "c3", at, series.lateness_max_seconds.map((s) => s * 1e3))], timeAxis, () => axis("lateness", {beginAtZero: true, suggestedMax: 5, ticks: {callback: (ms) => tick(ms / 1e3)}}),
      {...timeTitle, label: (item) => time(item.parsed.y / 1e3)})));
}

const memory = plot("Memory", "Of the whole process. By least squares over the last 80 % of the measured time it grows by " +
  bytes(Math.round(Math.abs(report.machine.resident_slope_bytes_per_minute))) + (report.machine.resident_slope_bytes_per_minute < 0 ? " less" : "") + " a minute.",
  lines([line("resident", "c4", at, series.resident_bytes.map((n) => n / 1e6))], timeAxis, () => axis("MB", {beginAtZero: true}),
    {...timeTitle, label: (item) => bytes(item.parsed.y * 1e6)}));
if (!load.ping && !quiet) memory.classList.add("wide");
grid.append(memory);

if (load.ping) {
  const {surbs, services} = report;
  const asked = load.services_here ? [["used", grouped(surbs.used) + ", " + digits(surbs.used_per_answer) + " an answer"],
    ["asked for more", grouped(surbs.requests_sent) + " times, " + grouped(surbs.requests_served) + " served"],
    ["services", plural(services.received, "request") + " = " + ["answered", "failed", "unanswerable", "empty", "under_way"].map((name) =>
      grouped(services[name]) + " " + name.replace("_", " ")).join(" + ") + (services.balanced ? ", balanced" : ", NOT balanced") + ", warm-up included"]] :
    [["asked for more", grouped(surbs.requests_served) + " times, as clients saw"]];
  grid.append(card("Answers and SURBs", plural(load.services, "echo service") + (load.services_here ? " in this process." : " elsewhere: what they counted is not known."),
    pairs([["requests sent", grouped(messages.sent) + " = " + ["answered", "answered_wrong", "unanswered"].map((name) => grouped(messages[name]) + " " + name.replace("_", " ")).join(" + ")],
      ["SURBs", grouped(load.surbs_per_message) + " a request, " + grouped(load.surbs_first_message) + " in a client’s first; " + grouped(surbs.made) + " made"], ...asked])));
}

const gatewayCard = card("Gateways", "Counted by our clients, from their first connection to the end.",
  table(["gateway", "address", "clients", "messages sent", "acked", "delivered", "packets sent", "retransmitted", "connections lost"],
    report.gateways.map((g) => [make("code", {title: g.identity}, g.identity.slice(0, 10) + "…"), make("code", {}, g.address), grouped(g.clients), grouped(g.counters.messages_sent),
      grouped(g.counters.messages_acked), grouped(g.counters.messages_delivered),
      grouped(g.counters.real_sent + g.counters.cover_sent + g.counters.retransmitted + g.counters.surb_packets_sent),
      grouped(g.counters.retransmitted), grouped(g.counters.losts)])));
gatewayCard.classList.add("wide");
grid.append(gatewayCard);

grid.append(card("The ledger", messages.balanced ? "Balanced: every offered message has exactly one end." : "NOT balanced: events and records disagree.",
  pairs([["offered", grouped(messages.offered)], ["never sent", [["missed", messages.missed], ["refused", messages.refused], ["waiting", messages.waiting]].map(([name, n]) => grouped(n) + " " + name).join(", ")],
    ["sent", grouped(messages.sent) + " = " + ["delivered", "corrupted", "lost", "in_flight"].map((name) => grouped(messages[name]) + " " + name.replace("_", " ")).join(" + ")],
    ["acked", grouped(messages.acked)], ["duplicated", grouped(messages.duplicated)], ["unrecognised", grouped(messages.unrecognised)],
    ["warm-up", grouped(report.warm_up_messages.offered) + " offered, " + grouped(report.warm_up_messages.delivered) + " delivered, not counted above"]])));
grid.append(card("The run", null, pairs([["load", digits(load.rate_per_client) + " messages/s a client, " + plural(load.packets_per_message, "packet") + " each"],
  ["pacing", load.pacing + (load.slots_per_second > 0 ? ", " + digits(load.slots_per_second) + " slots/s" : "") + (load.adaptive ? ", adaptive" : "") + (load.cover ? ", cover" : ", no cover")], ["SURBs", grouped(load.surbs_per_message) + " a message"], ["seed", String(load.seed)],
  ...(load.preset ? [["preset", load.preset]] : []), ...(load.set.length ? [["set", load.set.join(", ")]] : []),
  ["times", ["connect", "warm_up", "measured", "drain"].map((part) => part.replace("_", "-") + " " + time(report.duration_seconds[part])).join(", ")],
  ["clients", grouped(report.clients.ready) + " of " + grouped(load.clients) + " ready, " + grouped(report.clients.connections_lost) + " connections lost"],
  ["memory", kib(report.clients.state_bytes_each) + " of state a client, " + kib(report.clients.resident_bytes_each) + " resident idle, " + kib(report.clients.resident_bytes_each_loaded) + " under load" + (load.local_network ? " with its end of the local mixnet" : "")],
  ["speed", grouped(packets.sent_per_second) + " packets/s, " + grouped(packets.sent_per_busy_core) + " a busy core of the engine"],
  ["slots", grouped(generator.slots) + ", " + grouped(generator.slots_late) + " late, " + grouped(generator.slots_missed) + " dropped, slowed down " + grouped(generator.slowdowns) + " times"],
  ["machine", "sluice " + report.machine.version + ", " + report.machine.cpu + ", " + report.machine.io]])));
add(make("footer", {}, report.anonymity + " Schema " + report.schema + "."));

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
