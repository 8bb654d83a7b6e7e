// Puts the page together and wires its controls.
const stepTitle = () => page.axis === "step" ? "step" : "minutes";

function runChips() {
  const chips = data.runs.map((run, index) => {
    const box = element("input", { type: "checkbox" });
    box.checked = true;
    box.addEventListener("change", () => { page.visible[index] = box.checked; refreshAll(); });
    return element("label", { class: "chip", style: `--run: var(--run${index % 8})`, title: run.folder }, box, run.name);
  });
  document.getElementById("runs").append(...chips);
}

function controls() {
  const longest = Math.max(1, ...data.runs.flatMap((run) => Object.values(run.metrics).map((series) => series.steps.length)));
  const smooth = document.getElementById("smooth");
  const shown = document.getElementById("smooth-value");
  page.smooth = data.smooth || Math.min(50, Math.max(1, Math.round(longest / 20)));
  smooth.max = Math.max(50, page.smooth);
  smooth.value = shown.value = page.smooth;
  smooth.addEventListener("input", () => { page.smooth = Number(smooth.value); shown.value = smooth.value; refreshAll(); });
  const axis = document.getElementById("axis");
  axis.addEventListener("change", () => { page.axis = axis.value; refreshAll(); });
  const seeds = document.getElementById("seeds");
  document.getElementById("seeds-label").hidden = new Set(data.runs.map((run) => run.group)).size === data.runs.length;
  seeds.addEventListener("change", () => { page.bands = seeds.value === "band"; refreshAll(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refreshAll);
}

function thinnedNote(name) {
  const factor = Math.max(1, ...data.runs.map((run) => run.metrics[name]?.thinned ?? 1));
  return factor > 1 ? ` Each point is the mean of ${factor} logged ones.` : "";
}

const metricCard = (card) => chartCard({ title: card.title, name: card.name, unit: card.unit, note: card.note + thinnedNote(card.name),
  lines: () => metricLines(card.name), xTitle: stepTitle });

function frontierCard() {
  const gold = data.runs.some((run) => run.metrics["objective/gold_scores"]);
  return chartCard({ title: "Score against KL", name: "objective/scores", unit: "",
    note: "What each nat of distance from the reference buys." + (gold ? " Dashed: gold. Where dashed turns down, the reward model is being fooled." : ""),
    lines: frontierLines, xTitle: () => "KL, nats per response" });
}

function sections() {
  const bySection = new Map();
  for (const card of data.cards) bySection.set(card.section, [...(bySection.get(card.section) ?? []), card]);
  return [...bySection].map(([name, cards]) => {
    const chosen = cards.filter((card) => card.headline);
    const first = chosen.length ? chosen : cards.slice(0, 3);
    const rest = cards.filter((card) => !first.includes(card));
    const shown = first.map(metricCard);
    const names = new Set(data.cards.map((card) => card.name));
    if (name === "Reward" && names.has("objective/scores") && names.has("objective/kl")) shown.push(frontierCard());
    const section = element("section", {}, element("h2", {}, name), element("div", { class: "grid" }, ...shown));
    if (rest.length) {
      section.append(element("details", { class: "more" }, element("summary", {}, `${rest.length} more: ${rest.map((card) => card.title).join(", ")}`),
        element("div", { class: "grid" }, ...rest.map(metricCard))));
    }
    return section;
  });
}

function start() {
  document.title = data.title;
  document.getElementById("title").textContent = data.title;
  const made = new Date(data.made * 1000).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  document.getElementById("subtitle").textContent = `${data.runs.length} ${data.runs.length === 1 ? "run" : "runs"} · ${made}`;
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  runChips();
  controls();
  document.getElementById("glance").append(...glanceTable());
  document.getElementById("summary").append(...data.summaries.flatMap(summaryTable));
  document.getElementById("charts").append(...sections());
  samplesSection(document.getElementById("samples"));
  configurationSection(document.getElementById("configuration"));
}

start();
