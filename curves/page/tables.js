// Everything on the page that is a table.
function fromTo(from, to) {
  return element("td", { class: "number" }, element("span", { class: "from" }, number(from, 3) + " → "), number(to, 3));
}

// The mean of the last ten points, or of the last fifth of a short run.
function lastMean(values) {
  const last = values.slice(-Math.min(10, Math.ceil(values.length / 5)));
  return last.reduce((a, b) => a + b, 0) / last.length;
}

// One row per run: where its headline metrics began, and where they are.
function glanceTable() {
  const cards = data.cards.filter((card) => card.headline && card.section !== "Losses and updates" && data.runs.some((run) => run.metrics[card.name]));
  if (!cards.length) return [];
  const rows = data.runs.map((run, index) => element("tr", {},
    rowHead(element("span", { class: "swatch", style: `--run: var(--run${index % 8})` }), run.name),
    numberCell(number(Math.max(0, ...Object.values(run.metrics).map((series) => series.steps[series.steps.length - 1] ?? 0)), 6)),
    ...cards.map((card) => {
      const values = (run.metrics[card.name]?.values ?? []).filter((v) => v !== null);
      return values.length ? fromTo(values[0], lastMean(values)) : numberCell("–");
    })));
  return [element("h2", {}, "At a glance"), table(["Run", numberHead("Steps"), ...cards.map((card) => numberHead(card.title))], rows),
    element("p", { class: "hint" }, "First value → mean of the last ten points (of the last fifth, in a short run).")];
}

// summary.json: x_before and x_after become one row, nested objects become columns beside the main one.
function summaryTable(summary) {
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const columns = [["", summary], ...Object.entries(summary).filter(([, value]) => isObject(value) && Object.keys(value).some((key) => key in summary))];
  const keys = [...new Set(columns.flatMap(([, part]) => Object.keys(part).filter((key) => !isObject(part[key]))))];
  const names = [...new Set(keys.map((key) => key.replace(/_(before|after)$/, "")))];
  const show = (value) => value === undefined ? "–" : typeof value === "number" ? number(value) : String(value);
  const valueOf = (part, name) => `${name}_after` in part ? fromTo(part[`${name}_before`], part[`${name}_after`]) : numberCell(show(part[name]));
  const parts = [table(["", ...columns.map(([name]) => numberHead(name || "main"))],
    names.map((name) => [rowHead(name.replaceAll("_", " ")), ...columns.map(([, part]) => valueOf(part, name))]))];
  for (const [name, part] of Object.entries(summary)) {
    if (!isObject(part) || columns.some(([column]) => column === name)) continue;
    parts.push(element("h3", { style: "margin: 14px 0 8px" }, name),
      table(Object.keys(part).map((key) => numberHead(key)), [Object.values(part).map((value) => numberCell(isObject(value) ? JSON.stringify(value) : show(value)))]));
  }
  return [element("h2", {}, "Summary"), ...parts];
}

function sampleSets() {
  return data.runs.flatMap((run) => {
    const steps = [...new Set(run.samples.map((sample) => sample.step))];
    return steps.map((step) => ({ label: `${run.name}, step ${step}`, run, step, rows: run.samples.filter((sample) => sample.step === step) }));
  });
}

function sampleSide(label, sample, other) {
  if (!sample) return element("div", { class: "side" }, element("div", { class: "who" }, label), element("div", { class: "missing" }, "not sampled"));
  const trend = other && sample.score !== null && other.score !== null ? (sample.score > other.score ? " up" : sample.score < other.score ? " down" : "") : "";
  return element("div", { class: "side" },
    element("div", { class: "who" }, element("span", {}, label), element("span", { class: "score" + trend }, number(sample.score, 3))),
    element("div", { class: "text" }, sample.response));
}

// The same prompts answered by two checkpoints, side by side; any two steps of any runs.
function samplesSection(section) {
  const sets = sampleSets();
  if (!sets.length) return;
  section.hidden = false;
  const firstRun = sets.filter((set) => set.run === sets[0].run);
  const picker = (chosen) => element("select", {}, ...sets.map((set, i) => new Option(set.label, i, false, set === chosen)));
  const left = picker(firstRun[0]);
  const right = picker(firstRun[firstRun.length - 1]);
  const more = element("button", { type: "button" }, "Show all");
  const pairs = element("div", { class: "pairs" });
  let limit = 8;
  const show = () => {
    const [a, b] = [sets[left.value], sets[right.value]];
    const prompts = [...new Set([...a.rows, ...b.rows].map((sample) => sample.prompt))];
    const find = (set, prompt) => set.rows.find((sample) => sample.prompt === prompt);
    pairs.replaceChildren(...prompts.slice(0, limit).map((prompt) => element("article", { class: "pair" },
      element("div", { class: "prompt" }, prompt), sampleSide(a.label, find(a, prompt)), sampleSide(b.label, find(b, prompt), find(a, prompt)))));
    more.hidden = prompts.length <= limit;
    more.textContent = `Show all ${prompts.length}`;
  };
  for (const select of [left, right]) select.addEventListener("change", show);
  more.addEventListener("click", () => { limit = Infinity; show(); });
  section.append(element("h2", {}, "Samples"),
    element("div", { class: "pickers" }, element("label", {}, "Compare", left), element("label", {}, "with", right), more), pairs);
  show();
}

function configurationSection(section) {
  const runs = data.runs.filter((run) => Object.keys(run.configuration).length);
  if (!runs.length) return;
  section.hidden = false;
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.configuration)))];
  const show = (value) => value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value);
  const rows = keys.map((key) => {
    const values = runs.map((run) => show(run.configuration[key]));
    const differs = new Set(values).size > 1;
    return { differs, row: element("tr", differs ? { class: "differs" } : {}, rowHead(element("code", {}, key)), ...values.map((value) => element("td", {}, element("code", {}, value)))) };
  });
  const shown = table(["Setting", ...runs.map((run) => run.name)], rows.sort((a, b) => b.differs - a.differs).map(({ row }) => row));
  const summary = runs.length > 1 ? `${rows.filter((row) => row.differs).length} of ${rows.length} settings differ` : `${rows.length} settings`;
  section.append(element("h2", {}, "Configuration"), element("details", {}, element("summary", {}, summary), shown));
}
