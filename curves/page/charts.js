// From runs to Chart.js charts. `page` is the state that the controls change.
const data = JSON.parse(document.getElementById("data").textContent);
const page = { visible: data.runs.map(() => true), smooth: 1, axis: "step", bands: true };
const charts = new Set();

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const runColor = (index) => style("--run" + (index % 8));
const faint = (color, alpha) => color + Math.round(alpha * 255).toString(16).padStart(2, "0");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children); // strings become text nodes, never markup
  return made;
}

function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5) return new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: digits }).format(value);
  return size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(digits)));
}

// Mean of each value and the window - 1 before it; nulls are left out and stay.
function movingMean(values, window) {
  if (window <= 1) return values;
  return values.map((value, i) => {
    if (value === null) return null;
    const near = values.slice(Math.max(0, i + 1 - window), i + 1).filter((v) => v !== null);
    return near.reduce((a, b) => a + b, 0) / near.length;
  });
}

function xValues(run, series) {
  if (page.axis === "step") return series.steps;
  const time = run.metrics.time;
  if (!time) return series.steps.map(() => null);
  const at = new Map(time.steps.map((step, i) => [step, (time.values[i] - time.values[0]) / 60]));
  return series.steps.map((step) => at.get(step) ?? null);
}

const zip = (xs, ys) => xs.map((x, i) => ({ x, y: ys[i] })).filter((point) => point.x !== null);

function line(label, points, color, more = {}) {
  return { label, data: points, borderColor: color, backgroundColor: color, borderWidth: 2, pointRadius: points.length === 1 ? 3 : 0,
    pointHoverRadius: 4, pointHitRadius: 6, tension: 0, spanGaps: false, ...more };
}

const evaluationStyle = { borderDash: [5, 4], borderWidth: 1.5, pointRadius: 3, pointStyle: "rectRot" };

function runLines(run, index, name, smooth) {
  const series = run.metrics[name];
  if (!series) return [];
  const xs = xValues(run, series);
  const color = runColor(index);
  if (name.startsWith("eval_")) {
    return [line(run.name + " (evaluation)", zip(xs, series.values), color, evaluationStyle)];
  }
  const strong = line(run.name, zip(xs, movingMean(series.values, smooth)), color);
  if (smooth <= 1) return [strong];
  return [line("", zip(xs, series.values), faint(color, 0.28), { borderWidth: 1, pointRadius: 0, quiet: true }), strong];
}

// Runs that differ in their seed alone: mean, and the range from the lowest to the highest of them.
function bandLines(members, name, smooth) {
  const having = members.filter(({ run }) => run.metrics[name]);
  const evaluation = name.startsWith("eval_");
  if (having.length < 2) return having.flatMap(({ run, index }) => runLines(run, index, name, smooth));
  const at = new Map();
  for (const { run } of having) {
    const series = run.metrics[name];
    const xs = xValues(run, series);
    movingMean(series.values, evaluation ? 1 : smooth).forEach((value, i) => {
      if (value === null || xs[i] === null) return;
      const key = series.steps[i];
      if (!at.has(key)) at.set(key, { x: 0, values: [] });
      at.get(key).x += xs[i];
      at.get(key).values.push(value);
    });
  }
  const points = [...at.values()].filter((p) => p.values.length === having.length).map((p) => ({ ...p, x: p.x / having.length }));
  const color = runColor(having[0].index);
  const edge = { borderWidth: 0, pointRadius: 0, pointHoverRadius: 0, quiet: true };
  return [
    line("", points.map((p) => ({ x: p.x, y: Math.min(...p.values) })), color, edge),
    line("", points.map((p) => ({ x: p.x, y: Math.max(...p.values) })), color, { ...edge, fill: "-1", backgroundColor: faint(color, 0.18) }),
    line(`mean of ${having.length} seeds${evaluation ? " (evaluation)" : ""}`,
      points.map((p) => ({ x: p.x, y: p.values.reduce((a, b) => a + b, 0) / p.values.length })), color, evaluation ? evaluationStyle : {}),
  ];
}

function visibleGroups() {
  const groups = new Map();
  data.runs.forEach((run, index) => {
    if (!page.visible[index]) return;
    const key = page.bands ? "group" + run.group : "run" + index;
    groups.set(key, [...(groups.get(key) ?? []), { run, index }]);
  });
  return [...groups.values()];
}

function metricLines(name) {
  const lines = visibleGroups().flatMap((members) => [name, "eval_" + name].flatMap((n) =>
    members.length > 1 ? bandLines(members, n, page.smooth) : runLines(members[0].run, members[0].index, n, page.smooth)));
  if (name === "objective/kl") lines.push(...targetLines());
  return lines;
}

function targetLines() {
  const seen = new Set();
  return visibleGroups().flat().flatMap(({ run }) => {
    const target = run.metrics["objective/kl_target"];
    const key = target && target.values.join();
    if (!target || seen.has(key)) return [];
    seen.add(key);
    return [line("target", zip(xValues(run, target), target.values), style("--soft"), { borderDash: [6, 5], borderWidth: 1.5, quiet: true, pointRadius: 0 })];
  });
}

// The over-optimisation plot (Gao et al., arXiv 2210.10760): what a nat of KL buys under the reward model and under gold.
function frontierLines() {
  return data.runs.flatMap((run, index) => {
    const kl = run.metrics["objective/kl"];
    if (!page.visible[index] || !kl) return [];
    const at = new Map(kl.steps.map((step, i) => [step, movingMean(kl.values, page.smooth)[i]]));
    const path = (name) => zip(run.metrics[name].steps.map((step) => at.get(step) ?? null), movingMean(run.metrics[name].values, page.smooth));
    const lines = [];
    if (run.metrics["objective/scores"]) lines.push(line(run.name, path("objective/scores"), runColor(index)));
    if (run.metrics["objective/gold_scores"]) lines.push(line(run.name + ", gold", path("objective/gold_scores"), runColor(index), { borderDash: [4, 3] }));
    return lines;
  });
}

const crosshair = {
  id: "crosshair",
  afterDatasetsDraw(chart) {
    const active = chart.tooltip?.getActiveElements?.() ?? [];
    if (!active.length) return;
    const { ctx, chartArea } = chart;
    ctx.save();
    ctx.strokeStyle = style("--soft");
    ctx.globalAlpha = 0.4;
    ctx.beginPath();
    ctx.moveTo(active[0].element.x, chartArea.top);
    ctx.lineTo(active[0].element.x, chartArea.bottom);
    ctx.stroke();
    ctx.restore();
  },
};

// A level curve gets room, so that its rounding is not blown up to the whole height.
function openUp(scale) {
  if (scale.max - scale.min > 1e-6 * Math.max(Math.abs(scale.min), Math.abs(scale.max))) return;
  const room = Math.abs(scale.max) * 0.1 || 1;
  scale.min -= room;
  scale.max += room;
}

function chartOptions(xTitle) {
  const soft = style("--soft");
  const axis = (title) => ({ type: "linear", grid: { color: style("--grid"), borderColor: style("--line"), tickColor: style("--grid") },
    ticks: { color: soft, maxTicksLimit: 7, maxRotation: 0, callback: (value) => number(value) }, title: { display: Boolean(title), text: title, color: soft } });
  return {
    responsive: true, maintainAspectRatio: false, animation: false, parsing: false, normalized: true,
    interaction: { mode: "nearest", axis: "x", intersect: false },
    scales: { x: { ...axis(xTitle), min: 0 }, y: { ...axis(""), afterDataLimits: openUp } },
    plugins: {
      legend: { display: false },
      tooltip: {
        filter: (item, i, items) => !item.dataset.quiet && items.findIndex((other) => other.datasetIndex === item.datasetIndex) === i,
        backgroundColor: style("--ink"), titleColor: style("--card"), bodyColor: style("--card"), boxPadding: 4, usePointStyle: false,
        callbacks: { title: (items) => items.length ? `${xTitle} ${number(items[0].parsed.x, 6)}` : "",
          label: (item) => ` ${item.dataset.label}: ${number(item.parsed.y)}` },
      },
    },
  };
}

// Left and right walk along the curve; what is there is also spoken.
function walkByKeys(canvas, chart, title) {
  let at = -1;
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    const sets = chart.data.datasets.map((set, datasetIndex) => ({ set, datasetIndex })).filter(({ set }) => !set.quiet && set.data.length);
    if (step === undefined || !sets.length) return;
    event.preventDefault();
    at = Math.min(sets[0].set.data.length - 1, Math.max(0, at + step));
    const x = sets[0].set.data[at].x;
    const here = sets.map(({ set, datasetIndex }) => ({ datasetIndex, index: set.data.findIndex((p) => p.x === x) })).filter((e) => e.index >= 0);
    chart.tooltip.setActiveElements(here, { x: 0, y: 0 });
    chart.update();
    document.getElementById("spoken").textContent = `${title}, ${page.axis} ${number(x)}: ` +
      here.map((e) => `${chart.data.datasets[e.datasetIndex].label} ${number(chart.data.datasets[e.datasetIndex].data[e.index].y)}`).join("; ");
  });
}

function describe(datasets) {
  return datasets.filter((set) => !set.quiet && set.data.length).map((set) => {
    const values = set.data.filter((p) => p.y !== null);
    return values.length ? `${set.label} from ${number(values[0].y)} to ${number(values[values.length - 1].y)}` : set.label;
  }).join("; ");
}

// A card with a chart that is made when it first comes into view and redrawn by chart.refresh().
function chartCard({ title, name, unit, note, lines, xTitle }) {
  const canvas = element("canvas", { role: "img", tabindex: "0", "aria-label": title });
  const enlarge = element("button", { type: "button", "aria-pressed": "false" }, "Enlarge");
  const values = element("details", { class: "values" }, element("summary", {}, "Values"));
  const holder = element("article", { class: "card" },
    element("div", { class: "head" }, element("h3", {}, title), ...(unit ? [element("span", { class: "unit" }, unit)] : [])),
    element("p", { class: "note" }, note), element("div", { class: "plot" }, canvas),
    element("div", { class: "foot" }, values, element("span", {}, element("code", {}, name), enlarge)));
  const card = { chart: null, refresh() {
    if (!card.chart) return;
    const datasets = lines();
    card.chart.options = chartOptions(xTitle());
    card.chart.data.datasets = datasets;
    card.chart.update();
    canvas.setAttribute("aria-label", `${title} over ${xTitle()}: ${describe(datasets)}. Arrow keys read values.`);
    if (values.open) fillValues(values, datasets, xTitle());
  } };
  const build = () => {
    if (card.chart) return;
    card.chart = new Chart(canvas, { type: "line", data: { datasets: [] }, options: chartOptions(xTitle()), plugins: [crosshair] });
    walkByKeys(canvas, card.chart, title);
    card.refresh();
  };
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    build();
  }, { rootMargin: "400px" }).observe(canvas);
  addEventListener("beforeprint", build);
  values.addEventListener("toggle", () => values.open && card.chart && fillValues(values, card.chart.data.datasets, xTitle()));
  enlarge.addEventListener("click", () => enlarge.setAttribute("aria-pressed", holder.classList.toggle("wide")));
  charts.add(card);
  return holder;
}
