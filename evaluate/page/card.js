// The report card from its figures, which `rlhf evaluate reward` prints as JSON.
const data = JSON.parse(document.getElementById("data").textContent);

const share = (value) => value === undefined ? "–" : value.toFixed(3);
const interval = (of, name) => `${share(of[`${name}_low`])} to ${share(of[`${name}_high`])}`;
const count = (value, one, many) => `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
const swatch = (color) => element("span", { class: "swatch", style: `--run: var(--run${color})` });
const section = (id, title, hint, ...children) => document.getElementById(id).append(element("h2", {}, title),
  ...(hint ? [element("p", { class: "hint" }, hint)] : []), ...children);

function tile(what, value, more) {
  return element("div", { class: "tile" }, element("div", { class: "what" }, what), element("div", { class: "value" }, value),
    element("div", { class: "more" }, more));
}

function tiles() {
  const made = [tile("Accuracy", share(data.accuracy), `${interval(data, "accuracy")}, ${count(data.pairs, "pair", "pairs")}`)];
  const { ceiling, calibration, length } = data;
  if (ceiling) {
    made.push(tile("A person at the same task", share(ceiling.person_majority ?? ceiling.person_person),
      ceiling.person_majority === undefined ? "agrees with another person" : `agrees with the majority of the others; the model: ${share(ceiling.model_majority)}`));
  }
  made.push(tile("Calibration error (ECE)", share(calibration.ece), `Brier ${share(calibration.brier)}, log loss ${share(calibration.log_loss)}`));
  if (length.pairs) made.push(tile("Longer one scores higher", share(length.model_longer), `people choose it in ${share(length.people_longer)}`));
  document.getElementById("tiles").append(...made);
}

// An interval as a bar from `from` to 1, with a mark where all pairs are.
function range(of, name, from, kind = "") {
  const at = (value) => `${(100 * (value - from) / (1 - from)).toFixed(2)}%`;
  const [low, high] = [of[`${name}_low`], of[`${name}_high`]];
  return element("span", { class: `range ${kind}`, "aria-hidden": "true" },
    ...(kind ? [] : [element("span", { class: "all", style: `left: ${at(data.accuracy)}` })]),
    element("span", { class: "span", style: `left: ${at(low)}; width: ${(100 * (high - low) / (1 - from)).toFixed(2)}%` }),
    element("span", { class: "dot", style: `left: ${at(of[name])}` }));
}

const kGroupsShown = 16;

function groupsCard(by, groups, from) {
  const row = (group) => element("div", {}, element("span", { class: "name" }, group.name),
    element("span", { class: "figure" }, share(group.accuracy), " ", element("span", { class: "pairs-count" }, `(${interval(group, "accuracy")}) ${count(group.pairs, "pair", "pairs")}`)),
    range(group, "accuracy", from));
  const card = element("article", { class: "card" }, element("div", { class: "head" }, element("h3", {}, `By ${by.replaceAll("_", " ")}`)),
    element("div", { class: "groups" }, ...groups.slice(0, kGroupsShown).map(row)));
  if (groups.length > kGroupsShown) {
    card.append(element("details", {}, element("summary", {}, `${groups.length - kGroupsShown} more`),
      element("div", { class: "groups" }, ...groups.slice(kGroupsShown).map(row))));
  }
  return card;
}

function accuracySection() {
  const groupings = Object.entries(data.by);
  if (!groupings.length) return;
  const lows = groupings.flatMap(([, groups]) => groups.map((group) => group.accuracy_low));
  const from = Math.floor(Math.min(0.5, ...lows) * 10) / 10;
  section("accuracy", "Accuracy", `How often the scores order a pair as its annotator did; equal scores count one half. Bars run from ${from} to 1; the dashed mark is all pairs together.`,
    element("div", { class: "grid wide" }, ...groupings.map(([by, groups]) => groupsCard(by, groups, from))));
}

function figureCell(of, name) {
  if (of[name] === undefined) return numberCell("–");
  return element("td", { class: "number" }, share(of[name]), " ", element("span", { class: "interval" }, `(${interval(of, name)})`));
}

function figuresTable(head, rows) {
  const made = table(head, rows);
  made.classList.add("figures");
  return made;
}

function peopleSection() {
  const ceiling = data.ceiling;
  if (!ceiling) return section("people", "People at the same task", `Not known: ${data.left_out.ceiling}.`);
  const row = (who, person, majority) => [rowHead(who), figureCell(ceiling, person), figureCell(ceiling, majority)];
  section("people", "People at the same task",
    `On ${count(ceiling.pairs, "pair", "pairs")} that several of ${count(ceiling.annotators, "annotator", "annotators")} judged: how often each agrees with what one person said, `
    + "and with the majority of the others. A tie counts one half; nobody is measured against a label with a part in it. No model can be expected to pass the majority.",
    figuresTable(["", numberHead("one person"), numberHead("majority of the others")], [
      row("The reward model", "model_person", "model_majority"), row("Another person", "person_person", "person_majority"),
      row("The majority of the others", "majority_person", "none")]));
}

const legend = (...entries) => element("span", { class: "legend" }, ...entries.map(([color, text]) => element("span", {}, swatch(color), text)));

function reliabilityCard() {
  const bins = data.calibration.bins;
  const most = Math.max(...bins.map((bin) => bin.pairs));
  return chartCard({ title: "Reliability", name: "calibration", unit: "observed share over probability", xTitle: () => "probability of the higher score",
    note: legend([0, "the model; larger points hold more pairs"], [7, "perfect"]),
    lines: () => [
      line("observed", bins.map((bin) => ({ x: bin.predicted, y: bin.observed })), style("--run0"), { pointRadius: bins.map((bin) => 2 + 6 * Math.sqrt(bin.pairs / most)) }),
      line("", [{ x: 0.5, y: 0.5 }, { x: 1, y: 1 }], style("--run7"), { borderDash: [6, 5], borderWidth: 1.5, quiet: true })],
    tune: (options) => {
      Object.assign(options.scales.x, { min: 0.5, max: 1 });
      Object.assign(options.scales.y, { suggestedMin: 0.5, max: 1 });
      return options;
    } });
}

function histogramCard() {
  const { low, width, chosen, rejected } = data.scores;
  const points = (side) => side.counts.map((pairs, i) => ({ x: low + (i + 0.5) * width, y: pairs }));
  const area = (label, side, color) => line(label, points(side), style(color), { stepped: "middle", fill: "origin", backgroundColor: faint(style(color), 0.16) });
  return chartCard({ title: "Scores", name: "scores", unit: "pairs", xTitle: () => "score, deviations of the normaliser",
    note: legend([2, `chosen, mean ${number(chosen.mean, 3)}, deviation ${number(chosen.std, 3)}`], [1, `rejected, mean ${number(rejected.mean, 3)}, deviation ${number(rejected.std, 3)}`]),
    lines: () => [area("chosen", chosen, "--run2"), area("rejected", rejected, "--run1")],
    tune: (options) => {
      Object.assign(options.scales.x, { min: Math.floor(2 * low) / 2, max: Math.ceil(2 * (low + width * chosen.counts.length)) / 2 });
      options.scales.y.min = 0;
      return options;
    } });
}

function lengthSection() {
  const length = data.length;
  if (!length.pairs) return section("length", "Length", "Not known: the two responses of every pair are equally long.");
  const row = (what, name) => [rowHead(what), figureCell(length, name), element("td", {}, ...(length[name] === undefined ? [] : [range(length, name, 0, "small")]))];
  const correlation = length.correlation === undefined ? "" : ` Within a prompt, score and length correlate at ${number(length.correlation, 2)}.`;
  section("length", "Length", `${count(length.pairs, "pair", "pairs")} whose responses differ in length, in characters. A model that scores the longer one higher much more often than people choose it takes length for quality.${correlation}`,
    figuresTable(["", numberHead("share"), element("th", { scope: "col" }, "from 0 to 1")], [
      row("People choose the longer one", "people_longer"), row("The model scores the longer one higher", "model_longer"),
      row("Accuracy where people chose the longer", "longer_accuracy"), row("Accuracy where people chose the shorter", "shorter_accuracy")]));
}

function promptParts(prompt) {
  if (typeof prompt === "string") return prompt ? [element("div", { class: "prompt" }, prompt)] : [];
  return [element("div", { class: "prompt" }, ...prompt.map((turn) => element("div", { class: "turn" }, element("div", { class: "role" }, turn.role), turn.content)))];
}

function mistakeArticle(mistake) {
  const side = (label, text, score, trend) => element("div", { class: "side" },
    element("div", { class: "who" }, element("span", {}, label), element("span", { class: `score ${trend}` }, number(score, 3))),
    element("div", { class: "text" }, text));
  const said = mistake.annotator === undefined ? "Ranked so" : `${mistake.annotator} ranked so`;
  const people = mistake.people_for + mistake.people_against + mistake.people_tied > 1
    ? `, ${count(mistake.people_for, "person", "people")} for it, ${mistake.people_against} against, ${mistake.people_tied} tied` : "";
  const gap = mistake.rating_gap === undefined ? `${mistake.rank_gap} ${mistake.rank_gap === 1 ? "rank" : "ranks"} apart` : `ratings ${number(mistake.rating_gap, 3)} apart`;
  const about = element("div", { class: "about" }, `${said}, ${gap}${people}; the model gave it `, element("strong", {}, number(mistake.probability, 2)),
    `. ${mistake.origin}${mistake.source === undefined || mistake.origin.startsWith(mistake.source) ? "" : `, ${mistake.source}`}`);
  return element("article", { class: "pair" }, ...promptParts(mistake.prompt), about,
    side("chosen", mistake.chosen, mistake.score_chosen, "down"), side("rejected", mistake.rejected, mistake.score_rejected, "up"));
}

function mistakesSection() {
  if (!data.mistakes.length) return;
  section("mistakes", "Worst mistakes", "Pairs that the scores order the other way round by the largest difference; each response is shown once. Some are mistakes of the people.",
    element("div", { class: "pairs" }, ...data.mistakes.map(mistakeArticle)));
}

function leftOutSection() {
  const rest = Object.entries(data.left_out).filter(([name]) => name !== "ceiling");
  if (!rest.length) return;
  section("left-out", "Left out", "", element("ul", {}, ...rest.map(([name, why]) => element("li", {}, `By ${name.replaceAll("_", " ")}: ${why}.`))));
}

function start() {
  document.getElementById("subtitle").textContent = `${data.model} · ${count(data.rankings, "ranking", "rankings")}, ${data.data} · `
    + new Date(data.made * 1000).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  tiles();
  accuracySection();
  peopleSection();
  section("scores", "Calibration and scores", "The ranking loss makes sigmoid of the difference of raw scores the probability that people prefer the higher one; a curve below the diagonal is over-confident.",
    element("div", { class: "grid wide" }, reliabilityCard(), histogramCard()));
  lengthSection();
  mistakesSection();
  leftOutSection();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refreshAll);
}

start();
