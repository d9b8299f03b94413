"use strict";
// What everybody wants to know first: how long an answer takes, what breaks, the worst turn, where the time goes.

const FEW = { p95: 20, p99: 100 }; // samples below which a percentile is hardly more than the slowest one

function drawOverview(contents, nodes, show) {
  const { answer, barge_in: bargeIn, budgets = [], turns = [] } = contents;
  const cards = [
    figureCard("Answer", "from the caller's last sound to the agent's first", answer, "nobody was answered"),
    figureCard("Barge-in", "from an interrupt to silence", bargeIn, "nobody interrupted"),
    worstCard(turns, contents.names, nodes, show),
    healthCard(contents),
  ];
  $("cards").replaceChildren(...cards);
  $("where").replaceChildren(...whereTimeGoes(contents, nodes));
  $("where").hidden = !$("where").childElementCount;
  if (budgets.length) $("cards").after(budgetsCard(budgets));
}

function card(title, hint, ...children) {
  return el("div", { class: "card" }, el("h3", {}, title), el("p", { class: "hint" }, hint), ...children);
}

function figureCard(title, hint, spread, nothing) {
  if (!spread) return card(title, hint, el("p", { class: "none" }, nothing));
  const figures = ["p50", "p95", "p99"].map((name) => {
    const few = spread.n < (FEW[name] ?? 0);
    return el(
      "div",
      { class: few ? "few" : undefined, title: few ? `rests on ${spread.n} only` : undefined },
      el("dt", {}, name),
      el("dd", {}, digits(spread[name]), el("small", {}, " ms")),
    );
  });
  return card(title, hint, el("dl", { class: "figures" }, figures), strip(spread, title), judged(spread));
}

/** How many there are, and what is asked of them. */
function judged(spread) {
  const budget = spread.limit === undefined ? "" : `; budget ${milliseconds(spread.limit)}`;
  return el(
    "p",
    { class: "foot" },
    `${WHOLE.format(spread.n)} in all, the longest ${milliseconds(spread.most)}${budget}`,
  );
}

/** All samples as dots on a line from 0, with the percentiles and the limit of the budget. */
function strip(spread, title, most = Math.max(spread.most, spread.limit ?? 0) * 1.04 || 1) {
  const points = spread.points ?? [];
  const label = `${title}: ${["p50", "p95", "p99"].map((name) => `${name} ${milliseconds(spread[name])}`).join(", ")}`;
  return el(
    "div",
    { class: "strip", role: "img", "aria-label": label },
    dots(points.map((value) => value / most)),
    ["p50", "p95", "p99"].map((name) => el("i", { class: `at ${name}`, vars: { left: part(spread[name] / most) } })),
    spread.limit !== undefined && el("i", { class: "at limit", vars: { left: part(spread.limit / most) } }),
  );
}

/** Dots at these shares of the width, each a little above or below the last. One path: thousands cost nothing. */
function dots(shares) {
  const path = shares
    .map((x, index) => `M${(x * 1000).toFixed(1)} ${(10 + 80 * scattered(index)).toFixed(0)}h0`)
    .join("");
  return svg(
    "svg",
    { class: "dots", viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { d: path }),
  );
}

/** Between 0 and 1; neighbours lie far apart. */
const scattered = (index) => ((index + 1) * 0.618034) % 1;

function worstCard(turns, names, nodes, show) {
  const index = turns.reduce(
    (worst, turn, at) => ((turn.answer ?? -1) > (turns[worst]?.answer ?? -1) ? at : worst),
    -1,
  );
  if (index < 0) return card("Worst turn", "the slowest answer", el("p", { class: "none" }, "nobody was answered"));
  const turn = turns[index];
  const longest = (turn.path ?? []).reduce((a, b) => (!a || b.end - b.start > a.end - a.start ? b : a), null);
  const go = el(
    "button",
    { type: "button", class: "plain" },
    /^\d/.test(names[index]) ? `Show turn ${names[index]}` : `Show ${names[index]}`,
  );
  go.addEventListener("click", () => show(index));
  return card(
    "Worst turn",
    "the slowest answer",
    el("p", { class: "big" }, digits(turn.answer), el("small", {}, " ms")),
    longest &&
      el(
        "p",
        { class: "foot" },
        el("b", {}, nodes.title(longest.node)),
        `, ${whatOf(longest.what)}: `,
        el("b", {}, milliseconds(longest.end - longest.start)),
        " of it",
      ),
    go,
  );
}

function healthCard({ tally, nodes = [] }) {
  const sum = (name) => nodes.reduce((all, node) => all + (node[name] ?? 0), 0);
  const rows = [
    ["answers", tally.answers],
    ["interrupted", tally.interrupted],
    ["with recoveries", tally.recovered, "warn"],
    ["errors", sum("errors"), "bad"],
    ["frames dropped", sum("dropped"), "warn"],
  ];
  return card(
    "What happened",
    `in ${plural(tally.turns, "turn")}`,
    el(
      "dl",
      { class: "tally" },
      rows.map(([name, value, kind]) =>
        el("div", { class: value ? kind : undefined }, el("dt", {}, name), el("dd", {}, WHOLE.format(value))),
      ),
    ),
  );
}

function budgetsCard(budgets) {
  const rows = budgets.map(({ name, limit, measured, place }) => {
    const state = measured === undefined ? "open" : measured > limit ? "broken" : "kept";
    const most = Math.max(limit, measured ?? 0) * 1.15 || 1;
    const words = { open: "not measured", kept: "kept", broken: `broken by ${milliseconds((measured ?? 0) - limit)}` };
    return el(
      "li",
      { class: state },
      el("span", { class: "name", title: place || undefined }, name, place && el("small", {}, place)),
      el(
        "span",
        { class: "bullet", "aria-hidden": "true" },
        el("i", { class: "bar", vars: { width: part((measured ?? 0) / most) } }),
        el("i", { class: "limit", vars: { left: part(limit / most) } }),
      ),
      el("span", { class: "told" }, `p95 ${milliseconds(measured)} of ${milliseconds(limit)}`),
      el("span", { class: "verdict" }, words[state]),
    );
  });
  return el("div", { class: "card budgets" }, el("h3", {}, "Budgets"), el("ul", {}, rows));
}

/** The mean answer as one bar: means of parts add up to the mean of the whole, which percentiles do not. */
function whereTimeGoes({ nodes: figures }, nodes) {
  const parts = figures.filter((node) => node.mean > 0).sort((a, b) => b.mean - a.mean);
  const whole = parts.reduce((sum, node) => sum + node.mean, 0);
  if (!whole) return [];
  const order = [...figures.filter((node) => node.mean > 0)].sort(
    (a, b) => (a.name === nodes.line) - (b.name === nodes.line),
  );
  const bars = order.map((node) =>
    tip(el("i", { vars: { width: part(node.mean / whole), "--c": nodes.colour(node.name) } }), () =>
      toldOfShare(node, nodes),
    ),
  );
  const keys = parts.map((node) =>
    tip(
      el(
        "li",
        { vars: { "--c": nodes.colour(node.name) } },
        el("i", { class: "key" }),
        el("b", {}, nodes.title(node.name)),
        el("span", {}, milliseconds(node.mean)),
        el("small", {}, percent(node.share)),
      ),
      () => toldOfShare(node, nodes),
    ),
  );
  return [
    el(
      "div",
      { class: "head" },
      el("h3", {}, "Where the time of an answer goes"),
      el("p", { class: "hint" }, "the critical path of the mean answer, ", el("b", {}, milliseconds(whole))),
    ),
    el("div", { class: "stack", "aria-hidden": "true" }, bars),
    el("ul", { class: "keys" }, keys),
  ];
}

function toldOfShare(node, nodes) {
  const does = (node.does ?? [])
    .filter(({ mean }) => mean > 0)
    .map(({ what, mean }) => [whatOf(what), milliseconds(mean)]);
  return [`${nodes.title(node.name)}: ${percent(node.share)}`, ...does];
}
