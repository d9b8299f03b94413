// Puts the page together: buttons, call, transcript, graph.

import { Call } from "./call.js";
import { Graph } from "./graph.js";
import { Scope } from "./scope.js";
import { span, Transcript } from "./transcript.js";

const STATES = {
  idle: "Not in a call",
  calling: "Calling",
  listening: "Listening",
  hearing: "Hears you",
  thinking: "Thinking",
  speaking: "Speaking",
  over: "Call ended",
};

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

const [start, mute, hangUp, notice, welcome, inside, troubles] = [
  "start", "mute", "hang-up", "notice", "welcome", "inside", "troubles",
].map((id) => document.getElementById(id));
const [figure, answer, graphName] = ["figure", "answer", "graph-name"].map((id) => document.getElementById(id));
const [list, scroll, spoken, stateText] = ["transcript", "scroll", "spoken", "state"].map((id) => document.getElementById(id));

const transcript = new Transcript(list, scroll, spoken);
const graph = new Graph(figure, answer, graphName);
const scope = new Scope(document.getElementById("scope"));
let call = null;
let muted = false;

const VIEWS = {
  hello: ({ details }) => { inside.hidden = !details; },
  graph: (view) => graph.draw(view),
  caller: (view) => transcript.caller(view),
  agent: (view) => transcript.agent(view),
  state: ({ state, caller }) => show(caller && state === "listening" ? "hearing" : state),
  active: (view) => graph.lit(view),
  answer: (view) => { transcript.answer(view); graph.time(view); },
  trouble: ({ node, step }) => trouble(node, step),
};

start.addEventListener("click", () => {
  call = new Call();
  call.addEventListener("view", ({ detail }) => VIEWS[detail.type]?.(detail));
  call.addEventListener("levels", ({ detail }) => scope.add(detail));
  call.addEventListener("ready", () => show("listening"));
  call.addEventListener("over", ({ detail }) => over(detail));
  transcript.clear();
  scope.clear();
  troubles.replaceChildren();
  tell("");
  welcome.hidden = true;
  setMuted(false);
  buttons(true);
  show("calling");
  call.start();
});

mute.addEventListener("click", () => setMuted(!muted));
hangUp.addEventListener("click", () => call.hangUp());

function over(why) {
  buttons(false);
  show("over");
  tell(why);
  call = null;
}

/** Which buttons there are. The focus goes with them, but only if it was on one. */
function buttons(calling) {
  const focused = [start, mute, hangUp].includes(document.activeElement);
  start.hidden = calling;
  mute.hidden = hangUp.hidden = !calling;
  start.querySelector("span").textContent = "Call again";
  if (focused) (calling ? mute : start).focus();
}

function setMuted(value) {
  muted = value;
  mute.setAttribute("aria-pressed", String(muted));
  call.mute(muted);
}

function show(state) {
  document.body.dataset.state = state;
  if (stateText.textContent !== STATES[state]) stateText.textContent = STATES[state];
}

function tell(text) {
  notice.textContent = text;
  notice.hidden = !text;
}

function trouble(node, step) {
  if (!TROUBLES[step]) return;
  const item = document.createElement("li");
  item.append(span("name", node || "The agent"), ` ${TROUBLES[step]}`);
  troubles.prepend(item);
  while (troubles.children.length > KEPT_TROUBLES) troubles.lastChild.remove();
}
