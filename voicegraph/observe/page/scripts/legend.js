"use strict";
// What the marks of the waterfall mean, and which keys there are.

const LEGEND = [
  ["part", "critical path, by node"],
  ["stage queue", "in its queue"],
  ["stage work", "to its first output"],
  ["stage rest", "giving more"],
  ["made own", "own code"],
  ["made waited", "waiting, as for a provider"],
  ["made blocked", "blocked by who takes"],
  ["made starved", "starved of input"],
  ["playing", "the reply is heard"],
  ["sign interrupt", "interrupt"],
  ["sign recovery", "recovery"],
  ["sign error", "failure"],
];

function legend() {
  const keys = el(
    "span",
    {},
    "Keys: ",
    [
      ["↑ ↓", "turns"],
      ["← →", "parts"],
      ["Enter", "opens"],
      ["z", "zooms to the turn"],
      ["+ −", "zoom"],
      ["0", "all"],
    ].map(([key, what]) => [el("kbd", {}, key), ` ${what}, `]),
    "and drag to zoom.",
  );
  return el(
    "div",
    { class: "legend" },
    el(
      "ul",
      {},
      LEGEND.map(([kind, text]) =>
        el("li", {}, el("span", { class: "sample", "aria-hidden": "true" }, el("i", { class: kind })), text),
      ),
    ),
    el(
      "p",
      { class: "hint" },
      "The thin line below a node's work shows what its time is made of, side by side: not when each of it was. ",
    ),
    el("p", { class: "hint keys-told" }, keys),
  );
}
