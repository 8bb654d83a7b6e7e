// Hands one task after the other to the person: keys, buttons, drag, drafts, answers.
import { Board } from "./board.js";
import { Cards, promptView } from "./cards.js";
import { Drag } from "./drag.js";
import { byId, button, element, kept } from "./elements.js";
import { Entry } from "./entry.js";
import { showFigures } from "./figures.js";
import { Outbox } from "./outbox.js";

const kPatience = 20000;  // ms for a reply
const kLookAgain = 10000;  // ms between looks at the figures, or for work when there was none
const token = location.pathname.split("/").at(-1);

let session, outbox, state, entry, cards, texts = [], busy = true;
let pointed = true;  // the focus is where a pointer put it: Enter submits there, and does not press a button again
let mode = kept.get("rlhf mode") ?? "all";
const board = new Board({ list: byId("placed"), open: byId("open"), place: (i) => act(() => entry.place(i)),
  move: (i, ranking) => act(() => entry.change(ranking)), grab: (event, i) => grab(event, i) });
const drag = new Drag(board);
const grab = (event, i) => { if (!busy) drag.start(event, i, `Response ${i + 1}`); };

async function send(path, body, options = {}) {
  const reply = await fetch(path, { method: body === undefined ? "GET" : "POST", body: body === undefined ? undefined : JSON.stringify(body),
    headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    signal: options.keepalive ? undefined : AbortSignal.timeout(kPatience), ...options });
  return { status: reply.status, body: await reply.json() };
}

function tellConnection(how, words) {
  const shown = byId("connection");
  shown.className = how;
  shown.textContent = { kept: "Saved", sending: "Saving…", waiting: `${words}. Your work is kept in this browser and sent when it can be.` }[how];
}

const say = (words) => { byId("message").textContent = words; };

// A step of the person's that may change the ranking, and is kept at once.
function act(step) {
  if (busy || !entry) return;
  const before = entry.ranking;
  const words = step();
  show();
  say(typeof words === "string" ? words : "");
  if (!entry.ranking.equals(before)) keepDraft();
}

const draft = () => ({ annotation: state.task.annotation, ranks: entry.ranking.ranks(), note: byId("note").value, confidence: state.task.confidence });
const keepDraft = () => outbox.keepDraft(draft());

function show() {
  const pair = mode === "pairs" ? entry.question() : null;
  cards.show(entry.ranking, entry.tieNext, pair);
  board.show(entry.ranking, state.task.responses);
  byId("cards").classList.toggle("pair", pair !== null);
  byId("choice").hidden = pair === null;
  byId("placed").parentElement.classList.toggle("comparing", pair !== null);
  byId("comparisons").textContent = pair ? `At most ${pair.atMost} comparison${pair.atMost === 1 ? "" : "s"} to go` : "";
  byId("mode-all").setAttribute("aria-pressed", String(mode === "all"));
  byId("mode-pairs").setAttribute("aria-pressed", String(mode === "pairs"));
  byId("order").textContent = (entry.ranking.toString() || "–") + (entry.tieNext ? " =" : "");
  for (const id of ["submit", "bar-submit"]) byId(id).disabled = !entry.ranking.isComplete;
  for (const id of ["previous", "rest-previous"]) byId(id).hidden = state.last_answer === null;
}

function setMode(wanted) {
  mode = wanted;
  kept.set("rlhf mode", mode);
  act(() => mode === "pairs" ? entry.question() ? "Which of the two is better?" : "All have their place." : "");
}

function showTask() {
  const { task } = state;
  const unsent = outbox.unsentDraft(task.annotation);
  entry = new Entry(unsent?.ranks ?? task.responses.map((response) => response.rank));
  byId("note").value = unsent?.note ?? task.note;
  const more = async (part, index, offset) => (await outbox.deliver(`/api/text?${new URLSearchParams({ annotation: task.annotation, part, index, offset })}`)).body;
  const prompt = promptView(task, more);
  byId("prompt").replaceChildren(...prompt.messages);
  cards = new Cards(task, { more, place: (i) => act(() => entry.place(i)), grab });
  byId("cards").replaceChildren(...cards.elements);
  texts = [...prompt.texts, ...cards.texts];
  byId("title").textContent = `Rank these ${task.responses.length} responses`;
  show();
  scrollTo(0, 0);
  byId("title").focus({ preventScroll: true });
}

function showRest() {
  byId("rest-title").textContent = state.open ? "No task is left for you" : "This campaign is closed";
  byId("rest-words").textContent = state.open ? "Thank you. Should a task come back, it appears here by itself." : "Thank you. What you answered is kept.";
  byId("rest-previous").hidden = state.last_answer === null;
}

function take(reply) {
  const rested = state !== undefined && !state.task;
  state = reply;
  showFigures(state.figures);
  document.title = `${state.figures.done}/${state.figures.tasks} · ${session.campaign}`;
  byId("work").hidden = byId("bar").hidden = !state.task;
  byId("rest").hidden = Boolean(state.task);
  busy = false;
  if (state.task) return showTask();
  entry = null;
  showRest();
  if (!rested) byId("rest-title").focus();
}

// An answer or an undo; the reply brings the next task. What the server refuses is shown and stays until it is read.
async function post(path, body, words, gone = words) {
  if (busy) return;
  busy = true;
  const reply = await outbox.post(path, body);
  if (reply.status === 200) {
    take(reply.body);
    say(words);
  } else {
    refuse(gone, reply.body.error);
    await next();
  }
}

function refuse(what, why) {
  const list = [...(kept.get(`rlhf refused ${session.campaign}`) ?? []), `${what}: ${why}`];
  kept.set(`rlhf refused ${session.campaign}`, list);
  showRefused();
}

function showRefused() {
  const key = `rlhf refused ${session.campaign}`;
  const dismiss = () => { kept.remove(key); showRefused(); };
  const list = kept.get(key) ?? [];
  byId("refused").replaceChildren(...list.map((words) => element("p", { dir: "auto" }, words)), ...(list.length ? [button("I have read this", dismiss)] : []));
}

async function next() {
  busy = true;
  const reply = await outbox.inLine(() => outbox.deliver("/api/next", {}));
  if (reply.status === 200) take(reply.body);
  else tellConnection("waiting", reply.body.error);
}

function submit() {
  if (busy || !entry) return;
  if (!entry.ranking.isComplete) return act(() => entry.placeRest());
  const order = entry.ranking.toString();
  const note = byId("note").value;
  post("/api/answer", { ...draft(), verdict: "submitted" }, `Kept: ${order}.`, `Your ranking ${order}${note ? ` (${note})` : ""} could not be kept`);
}

function previous() {
  if (busy || state.last_answer === null) return;
  post("/api/undo", { answer: state.last_answer }, "Your last answer is taken back; change it and submit again.", "Your last answer could not be taken back");
}

function undo() {
  if (busy) return;
  if (!entry || (entry.ranking.isEmpty && entry.past.length === 0)) return previous();
  act(() => { entry.takeBack(); return entry.describe(); });
}

function confirm(title, words, yes, action) {
  if (busy || !entry) return;
  byId("confirm-title").textContent = title;
  byId("confirm-words").textContent = words;
  byId("confirm-yes").textContent = yes;
  byId("confirm-yes").onclick = () => { byId("confirm").close(); action(); };
  byId("confirm").showModal();
  byId("confirm-yes").focus();
}

const skip = () => confirm("Skip this task?", "It goes to somebody else, and does not come back to you.", "Skip it",
  () => post("/api/answer", { ...draft(), verdict: "skipped" }, "Skipped.", "The skip could not be kept"));
const unrankable = () => confirm("Cannot be ranked?", "Say so when the responses cannot be compared: the prompt makes no sense, or all are broken alike. It counts as your answer.", "Cannot be ranked",
  () => post("/api/answer", { ...draft(), verdict: "not_rankable" }, "Kept: cannot be ranked.", "\"Cannot be ranked\" could not be kept"));
const choose = (better) => act(() => entry.choose(better) || "");
const unfold = () => { const folded = texts.some((text) => text.folded && text.isLong); texts.forEach((text) => text.isLong && text.setFolded(!folded)); };
const showDialog = (id) => byId(id).showModal();

const kKeys = { "=": () => mode === "pairs" && entry?.question() ? choose("tie") : act(() => entry.tie()), Enter: submit, u: undo, Backspace: undo, p: previous,
  c: () => setMode(mode === "pairs" ? "all" : "pairs"), s: skip, x: unrankable, n: () => byId("note").focus(), f: unfold, g: () => showDialog("guidelines"), "?": () => showDialog("keys") };
const kPairKeys = { ArrowLeft: "left", a: "left", 1: "left", ArrowRight: "right", b: "right", 2: "right" };

function onKey(event) {
  if (event.key === "Tab" || event.key.startsWith("Arrow")) pointed = false;
  const inText = event.target.closest("textarea, input");
  if (event.ctrlKey && event.key === "Enter" && inText) return submit();
  if (event.key === "Escape" && inText) return byId("title").focus();
  if (event.ctrlKey && event.key === "z" && !inText) { event.preventDefault(); return undo(); }
  if (event.ctrlKey || event.metaKey || event.altKey || inText || document.querySelector("dialog[open]") || !byId("single-keys").checked) return;
  if (event.key === "Enter" && event.target.closest("button, a") && !pointed) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const comparing = mode === "pairs" && entry?.question();
  const action = comparing && kPairKeys[key] ? () => choose(kPairKeys[key])
    : /^[1-9]$/.test(key) && !comparing ? () => act(() => entry.place(Number(key) - 1)) : kKeys[key];
  if (!action) return;
  event.preventDefault();
  action();
}

function listen() {
  const clicks = { submit, "bar-submit": submit, undo, "bar-undo": undo, skip, unrankable, previous, "rest-previous": previous, "mode-all": () => setMode("all"), "mode-pairs": () => setMode("pairs"),
    "choose-left": () => choose("left"), "choose-tie": () => choose("tie"), "choose-right": () => choose("right"), "show-guidelines": () => showDialog("guidelines"), "show-keys": () => showDialog("keys"),
    "close-guidelines": () => byId("guidelines").close(), "close-keys": () => byId("keys").close(), "confirm-no": () => byId("confirm").close() };
  for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);
  byId("note").addEventListener("input", () => { if (entry && !busy) keepDraft(); });
  byId("single-keys").checked = kept.get("rlhf single keys") ?? true;
  byId("single-keys").addEventListener("change", (event) => kept.set("rlhf single keys", event.target.checked));
  addEventListener("keydown", onKey);
  addEventListener("pointerdown", () => { pointed = true; }, true);
}

// Looks for work when there was none, else at what the others did.
async function lookAgain() {
  if (document.hidden || busy) return;
  if (!state.task) return next();
  try {
    const reply = await send("/api/figures");
    if (reply.status === 200) showFigures(reply.body);
  } catch { /* the next answer or draft will tell */ }
}

function showSession() {
  byId("campaign").textContent = session.campaign;
  byId("annotator").textContent = session.annotator;
  byId("guidelines-text").textContent = session.guidelines || "This campaign has no guidelines.";
  if (kept.get("rlhf mode") === null && session.k === 2) mode = "pairs";
  const seen = `rlhf guidelines ${session.campaign}`;
  if (session.guidelines && kept.get(seen) !== session.guidelines) showDialog("guidelines");
  kept.set(seen, session.guidelines);
  showRefused();
}

async function begin() {
  listen();
  const connecting = new Outbox({ name: "", send, tell: tellConnection });
  session = (await connecting.deliver("/api/session")).body;
  outbox = new Outbox({ name: `${session.campaign} ${session.annotator}`, send, tell: tellConnection });
  showSession();
  for (const { entry: left, reply } of await outbox.flush())
    if (reply.status !== 200) refuse("An answer of an earlier visit could not be kept", `${JSON.stringify(left.body)}: ${reply.body.error}`);
  await next();
  setInterval(lookAgain, kLookAgain);
}

begin();
