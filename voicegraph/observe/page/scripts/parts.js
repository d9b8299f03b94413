"use strict";
// What stands on the axis of a turn: its critical path, its milestones, what each node did, what went wrong.

const MARKS = {
  // milestones, as they are told; their order is that of a usual turn
  "pause noticed": "pause noticed",
  "text final": "final transcript",
  "turn given": "end of turn decided",
  "turn committed": "turn committed",
  "first token": "first token",
  "first sentence": "first sentence",
  "first audio": "first audio",
  heard: "heard",
};
const STEPS_OF_RECOVERY = {
  retry: "was tried again",
  fallback: "was replaced by its fallback",
  hedge: "was slow: its fallback raced it",
  back: "was back",
  restart: "was started again",
  say: "was covered by a few words",
  then: "was given up: the last resort",
  give_up: "was given up for this turn",
  incident: "kept the caller waiting",
  recovered: "had recovered",
  error: "failed",
};

/** What a part of a path is, in words. */
const whatOf = (what) => ({ "text final": "final transcript", "turn given": "end of turn decided" })[what] ?? what;

const onAxis = (start, end) => ({ "--a": start, "--b": end });

/** The critical path: one bar of parts, by node. */
function pathBar(turn, nodes) {
  return (turn.path ?? [])
    .filter(({ start, end }) => end > start)
    .map(({ node, what, start, end }) =>
      tip(
        el("i", {
          class: /queue|held|wait/.test(what) ? "part waits" : "part",
          vars: { ...onAxis(start, end), "--c": nodes.colour(node) },
        }),
        () => [
          nodes.title(node),
          [whatOf(what), milliseconds(end - start)],
          ["of the answer", percent((end - start) / turn.answer)],
          ["from", milliseconds(start)],
          ["to", milliseconds(end)],
        ],
      ),
    );
}

/** What else is known of a turn at a glance: milestones, playing, interrupt, recoveries. */
function marksOf(turn, nodes) {
  const marks = Object.entries(turn.marks ?? {}).map(([name, at]) =>
    tip(el("i", { class: name === "heard" ? "mark heard" : "mark", vars: { "--a": at } }), () => [
      MARKS[name] ?? name,
      ["at", milliseconds(at)],
    ]),
  );
  const trouble = (turn.happened ?? []).map(({ at, node, what }) =>
    tip(el("i", { class: what === "error" ? "sign error" : "sign recovery", vars: { "--a": at } }), () => [
      `${nodes.title(node)} ${STEPS_OF_RECOVERY[what] ?? what}`,
      ["at", milliseconds(at)],
    ]),
  );
  return [playing(turn), ...marks, interruptOf(turn), ...trouble];
}

/** The reply as it was heard: from its first sound to its end, or to the interrupt that cut it. */
function playing(turn) {
  const heard = turn.marks?.heard;
  if (heard === undefined || !turn.heard_seconds) return null;
  const end = heard + turn.heard_seconds;
  return tip(el("i", { class: "playing", vars: onAxis(heard, end) }), () => [
    "the reply is heard",
    ["for", milliseconds(turn.heard_seconds)],
    [
      "not heard of it",
      turn.seconds - turn.heard_seconds > 0.01 ? milliseconds(turn.seconds - turn.heard_seconds) : undefined,
    ],
  ]);
}

function interruptOf(turn) {
  if (turn.interrupted === undefined) return null;
  return tip(el("i", { class: "sign interrupt", vars: { "--a": turn.interrupted } }), () => [
    "interrupted",
    ["at", milliseconds(turn.interrupted)],
    ["heard after it", turn.barge_in === undefined ? undefined : milliseconds(turn.barge_in)],
  ]);
}

/** Of each node that worked on the turn what it did, in the order in which they began. */
function lanesOf(turn, nodes) {
  const staged = (turn.stages ?? []).map((stage) => ({
    node: stage.node,
    from: stage.came ?? stage.taken ?? stage.first ?? stage.last ?? 0,
    stage,
  }));
  const known = new Set(staged.map(({ node }) => node));
  const others = (turn.path ?? [])
    .filter(({ node }) => node && !known.has(node))
    .map((each) => ({ node: each.node, from: each.start, path: each }));
  return [...staged, ...others]
    .sort((a, b) => a.from - b.from)
    .map(({ node, stage, path }) => ({
      node,
      bars: stage ? stageBars(stage, nodes) : pathBar({ ...turn, path: [path] }, nodes),
      first: stage?.first !== undefined && stage.taken !== undefined ? digits(stage.first - stage.taken) : "",
    }));
}

/** A node's work on the turn: in its queue, to its first output, and the rest; below, what that consisted of. */
function stageBars(stage, nodes) {
  const { came, taken, first, last } = stage;
  const begin = taken ?? came ?? first ?? last;
  const until = first ?? last;
  const bars = [
    came !== undefined && begin > came && ["queue", came, begin],
    begin !== undefined && until !== undefined && ["work", begin, until],
    first !== undefined && last > first && ["rest", first, last],
  ].filter(Boolean);
  const tell = () => [nodes.title(stage.node), ...stageRows(stage)];
  const made = bars.map(([kind, start, end]) =>
    tip(el("i", { class: `stage ${kind}`, vars: { ...onAxis(start, end), "--c": nodes.colour(stage.node) } }), tell),
  );
  return [...made, ...composition(stage, begin, last ?? first, tell)];
}

function stageRows({ came, taken, first, last, queued, own, waited, blocked, starved, items, given }) {
  const some = (seconds) => (seconds ? milliseconds(seconds) : undefined);
  return [
    ["queue", some(queued ?? (taken !== undefined && came !== undefined ? taken - came : 0))],
    ["first output after", first !== undefined && taken !== undefined ? milliseconds(first - taken) : undefined],
    ["in all", last !== undefined && taken !== undefined ? milliseconds(last - taken) : undefined],
    ["own code", some(own)],
    ["waiting, as for a provider", some(waited)],
    ["blocked by who takes", some(blocked)],
    ["starved of input", some(starved)],
    ["frames", items || given ? `${WHOLE.format(items ?? 0)} in, ${WHOLE.format(given ?? 0)} out` : undefined],
  ];
}

const MADE_OF = ["own", "waited", "blocked", "starved"];

/** How the time of a node divides, side by side over all of it. When each was, is not known. */
function composition(stage, begin, end, tell) {
  const whole = MADE_OF.reduce((sum, name) => sum + (stage[name] ?? 0), 0);
  if (!whole || begin === undefined || !(end > begin)) return [];
  let at = begin;
  return MADE_OF.filter((name) => stage[name]).map((name) => {
    const start = at;
    at += ((end - begin) * stage[name]) / whole;
    return tip(el("i", { class: `made ${name}`, vars: onAxis(start, at) }), tell);
  });
}

/** The first and the last moment of a turn of which anything is known. */
function extent(turn) {
  const moments = [0, ...(turn.path ?? []).map(({ end }) => end), ...Object.values(turn.marks ?? {})];
  if (turn.marks?.heard !== undefined) moments.push(turn.marks.heard + (turn.heard_seconds ?? 0));
  if (turn.interrupted !== undefined) moments.push(turn.interrupted + (turn.barge_in ?? 0));
  return [Math.min(...moments), Math.max(...moments)];
}
