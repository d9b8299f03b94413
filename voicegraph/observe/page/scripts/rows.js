"use strict";
// A turn as a row of the waterfall, and what is in it.

/** What is seen of a turn while it is closed; its bars are drawn when it comes into view. */
function turnRow(turn, index, name, limit) {
  const signs = [
    turn.interrupted !== undefined && ["interrupt", "interrupted"],
    turn.happened?.some(({ what }) => what !== "error") && ["recovery", "recovered"],
    turn.happened?.some(({ what }) => what === "error") && ["error", "failed"],
  ].filter(Boolean);
  const over = turn.answer > limit;
  const head = el(
    "button",
    { type: "button", class: "turn-name", "aria-expanded": "false" },
    el("span", { class: "number" }, /^\d/.test(name) && el("span", { class: "unseen" }, "Turn "), name),
    el(
      "span",
      { class: "words" },
      turn.asked ?? (turn.answer !== undefined ? "" : turn.speech_end === undefined ? "answers nobody" : "not heard"),
    ),
    signs.map(([name, text]) =>
      el("i", { class: `badge ${name}`, title: text }, el("span", { class: "unseen" }, `, ${text}`)),
    ),
    el(
      "span",
      { class: "unseen" },
      turn.answer === undefined ? "" : `, ${milliseconds(turn.answer)}${over ? ", over budget" : ""}`,
    ),
  );
  const took = el(
    "span",
    { class: over ? "took over" : "took", "aria-hidden": "true" },
    turn.answer === undefined ? "" : digits(turn.answer),
  );
  const row = el("li", {}, el("div", { class: "row" }, head, el("div", { class: "on-axis path" }), took));
  row.index = index;
  return row;
}

/** What a turn shows when it is open: what each node did, and the same in figures. */
function turnInside(turn, nodes) {
  const lanes = lanesOf(turn, nodes).map(({ node, bars, first }) =>
    el(
      "div",
      { class: "row lane", vars: { "--c": nodes.colour(node) } },
      el("span", { class: "lane-name" }, el("i", { class: "key" }), nodes.title(node)),
      el("div", { class: "on-axis" }, bars),
      el("span", { class: "took" }, first),
    ),
  );
  const head = el(
    "div",
    { class: "row lane-head" },
    el("span"),
    el("span"),
    el("span", { class: "took" }, "to first output"),
  );
  return el(
    "div",
    { class: "inside" },
    lanes.length > 0 && head,
    lanes,
    el("div", { class: "further" }, pathTable(turn, nodes), spokenIn(turn)),
  );
}

/** The critical path in figures, for those who read or hear them. */
function pathTable(turn, nodes) {
  const path = (turn.path ?? []).map(({ node, what, start, end }) =>
    el(
      "tr",
      { vars: { "--c": nodes.colour(node) } },
      el("th", { scope: "row" }, el("i", { class: "key" }), nodes.title(node)),
      el("td", {}, whatOf(what)),
      el("td", { class: "figure" }, digits(end - start)),
      el("td", { class: "figure soft" }, percent((end - start) / (turn.answer || 1))),
    ),
  );
  if (!path.length) return null;
  return el(
    "table",
    { class: "path-table" },
    el("caption", {}, "Critical path, in ms: ", el("b", {}, digits(turn.answer))),
    el("tbody", {}, path),
  );
}

function spokenIn({ asked, heard, unheard }) {
  if (asked === undefined && heard === undefined) return null;
  return el(
    "div",
    { class: "words-said" },
    asked !== undefined && el("p", { class: "caller" }, asked),
    el(
      "p",
      {},
      el("span", { class: "agent" }, heard ?? ""),
      " ",
      unheard && el("s", {}, el("span", { class: "unseen" }, "not heard: "), unheard),
    ),
  );
}
