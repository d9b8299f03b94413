// Puts the page together: buttons, call, transcript, graph.

import { Call } from "./call.js";
import { Graph } from "./graph.js";
import { Scope } from "./scope.js";
import { span, Transcript } from "./transcript.js";

const STATES = {
  idle: "Not in a call",
  asking: "Microphone?",
  calling: "Calling",
  listening: "Listening",
  hearing: "Hears you",
  thinking: "Thinking",
  speaking: "Speaking",
  over: "Call ended",
};
const LISTENS = ["listening", "hearing"];

const TROUBLES = {
  error: "failed",
  retry: "is tried again",
  fallback: "is replaced by its fallback",
  hedge: "is slow: its fallback races it",
  back: "is back",
  restart: "is started again",
  say: "is covered by a few words",
  then: "is given up: the last resort is taken",
  give_up: "is given up for this turn",
  incident: "keeps the caller waiting",
  recovered: "has recovered",
};
const KEPT_TROUBLES = 4;

const ASKING = "Your browser asks whether this page may use the microphone. Allow it, and the call begins.";
const ASKED_LATE = 400; // ms: a browser that was allowed it before does not ask
const PAUSED = "Your browser has paused the sound. Click anywhere, or press a key, to go on.";
const DOUBLE = 600; // ms in which the second half of a double click must not hit what has taken the button's place

const [start, mute, hangUp, notice, welcome, inside, troubles] = [
  "start", "mute", "hang-up", "notice", "welcome", "inside", "troubles",
].map((id) => document.getElementById(id));
const [figure, answer, graphName] = ["figure", "answer", "graph-name"].map((id) => document.getElementById(id));
const [list, scroll, spoken, stateText] = ["transcript", "scroll", "spoken", "state"].map((id) => document.getElementById(id));

const transcript = new Transcript(list, scroll, spoken);
const graph = new Graph(figure, answer, graphName);
const scope = new Scope(document.getElementById("scope"));
let call = null;
let state = "idle";
let muted = false;
let connected = false;
let started = 0; // when the button was pressed

const VIEWS = {
  hello: ({ details }) => begin(details),
  graph: (view) => graph.draw(view),
  caller: (view) => transcript.caller(view),
  agent: (view) => transcript.agent(view),
  state: ({ state, caller }) => show(caller && state === "listening" ? "hearing" : state),
  active: (view) => graph.lit(view),
  answer: (view) => { transcript.answer(view); graph.time(view); },
  trouble: ({ node, step }) => trouble(node, step),
};

start.addEventListener("click", (event) => {
  if (call) return;
  started = event.timeStamp;
  connected = false;
  call = new Call();
  call.addEventListener("asking", asking);
  call.addEventListener("calling", () => { tell(""); show("calling"); });
  call.addEventListener("view", ({ detail }) => VIEWS[detail.type]?.(detail));
  call.addEventListener("levels", ({ detail }) => scope.add(detail));
  call.addEventListener("sound", ({ detail }) => tell(detail ? "" : PAUSED));
  call.addEventListener("over", ({ detail }) => over(detail));
  tell("");
  setMuted(false);
  buttons(true);
  show("calling");
  call.start();
});

mute.addEventListener("click", (event) => isAimed(event) && setMuted(!muted));
hangUp.addEventListener("click", (event) => isAimed(event) && call?.hangUp());
for (const sign of ["pointerdown", "keydown"]) addEventListener(sign, () => call?.wake());
document.addEventListener("visibilitychange", () => !document.hidden && call?.wake());

/** Not the second half of a double click on what was there before. */
function isAimed({ detail, timeStamp }) {
  return detail === 0 || timeStamp - started > DOUBLE;
}

function asking() {
  const asked = call;
  show("asking");
  setTimeout(() => { if (call === asked && state === "asking") tell(ASKING, "hint"); }, ASKED_LATE);
}

/** The agent is there. What was left of the call before goes. */
function begin(details) {
  connected = true;
  transcript.clear();
  scope.clear();
  troubles.replaceChildren();
  welcome.hidden = true;
  inside.hidden = !details;
  show("listening");
  transcript.tell("The call has begun.");
}

function over(why) {
  call = null;
  buttons(false);
  transcript.end();
  show(connected ? "over" : "idle");
  if (connected) transcript.tell("The call is over.");
  tell(why);
}

/** Which buttons there are. The focus goes with them, but only if it was on one. */
function buttons(calling) {
  const focused = [start, mute, hangUp].includes(document.activeElement);
  start.hidden = calling;
  mute.hidden = hangUp.hidden = !calling;
  start.querySelector("span").textContent = welcome.hidden ? "Call again" : "Start the call";
  if (focused) (calling ? mute : start).focus();
}

function setMuted(value) {
  muted = value;
  mute.setAttribute("aria-pressed", String(muted));
  call.mute(muted);
  show(state);
}

function show(now) {
  state = now;
  document.body.dataset.state = state;
  document.body.classList.toggle("muted", muted && LISTENS.includes(state));
  const text = muted && LISTENS.includes(state) ? "You are muted" : STATES[state];
  if (stateText.textContent !== text) stateText.textContent = text;
}

/** kind: `hint` for what is no fault. */
function tell(text, kind = "") {
  if (notice.textContent !== text) notice.textContent = text;
  notice.className = `notice ${kind}`;
  notice.hidden = !text;
}

function trouble(node, step) {
  if (!TROUBLES[step]) return;
  const item = document.createElement("li");
  item.append(span("name", node || "The agent"), ` ${TROUBLES[step]}`);
  troubles.prepend(item);
  while (troubles.children.length > KEPT_TROUBLES) troubles.lastChild.remove();
}
