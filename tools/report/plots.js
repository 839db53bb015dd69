/* SPDX-License-Identifier: Apache-2.0 */
/* What the pages that Sluice writes have in common: numbers for people, elements, plots. It stands inside the page's own function. */
const main = document.getElementById("main");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

/* ---- numbers for people ---- */
const grouped = (n) => Math.round(n).toLocaleString("en-US");
const digits = (n) => n === 0 ? "0" : n >= 99.95 ? grouped(n) : n >= 9.995 ? n.toFixed(1) : n.toFixed(2);
const time = (s) => s === 0 ? "0" : s >= 0.9995 ? digits(s) + " s" : s >= 0.9995e-3 ? digits(s * 1e3) + " ms" : digits(s * 1e6) + " µs";
const bytes = (n) => {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; n >= 1000 && unit < 4; unit++) n /= 1000;
  return (unit === 0 ? n : n.toFixed(2)) + " " + units[unit];
};
/* A time without the zeros after its point: for axes. */
const tick = (s) => time(s).replace(/(\.\d*?)0+ /, "$1 ").replace(". ", " ");
const kib = (n) => (n / 1024).toFixed(1) + " KiB";
const percent = (share) => (share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0) + " %";
const plural = (n, word) => grouped(n) + " " + word + (n === 1 ? "" : "s");

/* ---- building: text only ever goes in as text ---- */
function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}
const add = (...children) => main.append(...children);
function card(title, note, ...children) {
  return make("section", {class: "card"}, make("h2", {}, title), note ? make("p", {class: "note"}, note) : null, ...children);
}
function table(head, rows) {
  const line = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
  return make("div", {class: "scroll"}, make("table", {}, make("thead", {}, line(head, "th")),
    make("tbody", {}, ...rows.map((row) => line(row, "td")))));
}
function pairs(entries) {
  return make("dl", {}, ...entries.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

/* ---- plots ---- */
const plots = [];
function plot(title, note, config, low) {
  const canvas = make("canvas", {role: "img", "aria-label": title});
  plots.push({canvas, config});
  return card(title, note, make("div", {class: low ? "plot low" : "plot"}, canvas));
}
function line(label, colour, xs, ys, more) {
  return {label, colour, data: xs.map((x, i) => ({x, y: ys[i]})), ...more};
}
function axis(title, more) {
  const {ticks, ...rest} = more || {};
  return {type: "linear", title: {display: true, text: title, color: css("soft"), font: {size: 11.5}},
    border: {display: false}, grid: {color: css("grid"), borderColor: css("line"), tickLength: 4},
    ticks: {color: css("soft"), font: {size: 11.5}, maxRotation: 0, ...ticks}, ...rest};
}
function lines(datasets, x, y, tooltip) {
  return () => ({
    type: "line",
    data: {datasets: datasets.map((d) => ({borderColor: css(d.colour), backgroundColor: css(d.colour) + (d.fill ? "66" : ""), borderWidth: 1.8,
      pointRadius: d.data.length < 3 ? 2 : 0, pointHitRadius: 10, pointHoverRadius: 4, tension: 0, ...d}))},
    options: {...common(), parsing: false, interaction: {mode: "nearest", axis: "x", intersect: false},
      scales: {x: x(), y: y()}, plugins: {...common().plugins, tooltip: {callbacks: tooltip}}},
  });
}
function common() {
  return {animation: false, responsive: true, maintainAspectRatio: false, layout: {padding: {right: 6}},
    plugins: {legend: {align: "start", labels: {sort: (a, b) => a.datasetIndex - b.datasetIndex, color: css("ink"), boxWidth: 12, boxHeight: 3, padding: 14, font: {size: 12}}}}};
}
function draw() {
  for (const each of plots) {
    if (each.chart) each.chart.destroy();
    each.chart = new Chart(each.canvas, each.config());
  }
}
