// What pages are made of: elements, numbers, tables, and charts in cards. Text goes in as text nodes only.
const charts = new Set();
const refreshAll = () => charts.forEach((card) => card.refresh());

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
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

function table(head, rows) {
  const cell = (tag, value) => value instanceof Node && /^T[HD]$/.test(value.nodeName) ? value : element(tag, {}, value);
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" }, element("table", {},
    element("thead", {}, element("tr", {}, ...head.map((h) => cell("th", h)))),
    element("tbody", {}, ...rows.map((row) => row instanceof Node ? row : element("tr", {}, ...row.map((value) => cell("td", value)))))));
}

const numberCell = (text) => element("td", { class: "number" }, text);
const numberHead = (text) => element("th", { class: "number", scope: "col" }, text);
const rowHead = (...children) => element("th", { scope: "row" }, ...children);

// At most twelve rows of what a chart shows, for those who cannot see it.
function fillValues(details, datasets, xTitle) {
  const sets = datasets.filter((set) => !set.quiet && set.data.length);
  const xs = [...new Set(sets.flatMap((set) => set.data.map((p) => p.x)))].sort((a, b) => a - b);
  const every = Math.max(1, Math.ceil(xs.length / 12));
  const chosen = xs.filter((x, i) => i % every === 0 || i === xs.length - 1);
  const rows = chosen.map((x) => [numberCell(number(x)), ...sets.map((set) => numberCell(number(set.data.find((p) => p.x === x)?.y)))]);
  details.replaceChildren(details.firstElementChild, table([numberHead(xTitle), ...sets.map((set) => numberHead(set.label))], rows));
}

function line(label, points, color, more = {}) {
  return { label, data: points, borderColor: color, backgroundColor: color, borderWidth: 2, pointRadius: points.length === 1 ? 3 : 0,
    pointHoverRadius: 4, pointHitRadius: 6, tension: 0, spanGaps: false, ...more };
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
function walkByKeys(canvas, chart, title, xTitle) {
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
    document.getElementById("spoken").textContent = `${title}, ${xTitle()} ${number(x)}: ` +
      here.map((e) => `${chart.data.datasets[e.datasetIndex].label} ${number(chart.data.datasets[e.datasetIndex].data[e.index].y)}`).join("; ");
  });
}

function describe(datasets) {
  return datasets.filter((set) => !set.quiet && set.data.length).map((set) => {
    const values = set.data.filter((p) => p.y !== null);
    return values.length ? `${set.label} from ${number(values[0].y)} to ${number(values[values.length - 1].y)}` : set.label;
  }).join("; ");
}

// A card with a chart that is made when it first comes into view and redrawn by chart.refresh(). `note` is text or a
// node; `tune` may change the chart's options.
function chartCard({ title, name, unit, note, lines, xTitle, tune = (options) => options }) {
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
    card.chart.options = tune(chartOptions(xTitle()));
    card.chart.data.datasets = datasets;
    card.chart.update();
    canvas.setAttribute("aria-label", `${title} over ${xTitle()}: ${describe(datasets)}. Arrow keys read values.`);
    if (values.open) fillValues(values, datasets, xTitle());
  } };
  const build = () => {
    if (card.chart) return;
    card.chart = new Chart(canvas, { type: "line", data: { datasets: [] }, options: tune(chartOptions(xTitle())), plugins: [crosshair] });
    walkByKeys(canvas, card.chart, title, xTitle);
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
