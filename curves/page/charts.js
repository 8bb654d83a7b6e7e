// From runs to Chart.js charts. `page` is the state that the controls change.
const data = JSON.parse(document.getElementById("data").textContent);
const page = { visible: data.runs.map(() => true), smooth: 1, axis: "step", bands: true };

const runColor = (index) => style("--run" + (index % 8));

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
