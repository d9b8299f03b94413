"use strict";
// Distributions: of the answer as a curve above all answers, and of each node as strips on one logarithmic axis.

const LEAST_SHOWN = 1e-5; // seconds at which a logarithmic axis begins at the latest

function drawSpreads({ answer, barge_in: bargeIn, nodes: figures }, nodes, old) {
  const strips = [
    ["first", "First output", "from its input to its first output"],
    ["queue", "Queue", "from a frame's coming to its being taken"],
  ];
  $("spreads-figure").replaceChildren(
    ...[curve("Answer", answer, old?.answer), curve("Barge-in", bargeIn, old?.barge_in)].filter(Boolean),
    ...strips
      .map(([name, title, hint]) =>
        nodeStrips(
          figures.filter((node) => node[name]),
          name,
          title,
          hint,
          nodes,
        ),
      )
      .filter(Boolean),
  );
}

/** For each time the share of samples that took no longer. old: the same of an earlier result. */
function curve(title, spread, old) {
  if (!spread) return null;
  const most = Math.max(spread.most, spread.limit ?? 0, old?.most ?? 0) * 1.04 || 1;
  const drawn = steps(spread.points ?? [], most);
  const lines = [
    svg("path", { class: "under", d: `${drawn}V100H0Z` }),
    old && svg("path", { class: "curve old", d: steps(old.points ?? [], most) }),
    svg("path", { class: "curve", d: drawn }),
  ];
  const named = ["p50", "p95", "p99"].filter((name) => spread.n >= (FEW[name] ?? 0));
  const label = `${title}: ${named.map((name) => `${name} ${milliseconds(spread[name])}`).join(", ")}`;
  return el(
    "div",
    { class: "card" },
    el(
      "div",
      { class: "head" },
      el("h3", {}, title),
      el("p", { class: "hint" }, `${plural(spread.n, "sample")}: the share that took no longer`),
    ),
    el(
      "div",
      { class: "plot", role: "img", "aria-label": label },
      el(
        "div",
        { class: "area" },
        [0, 25, 50, 75, 100].map((share) =>
          el("span", { class: "level", vars: { bottom: `${share}%` } }, `${share} %`),
        ),
        svg(
          "svg",
          { viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true" },
          lines.filter(Boolean),
        ),
        named.map((name) =>
          el("i", { class: `drop ${name}`, vars: { left: part(spread[name] / most), height: `${name.slice(1)}%` } }),
        ),
        spread.limit !== undefined && el("i", { class: "drop limit", vars: { left: part(spread.limit / most) } }),
        labels(named, spread, most),
      ),
      strip(spread, title, most),
      el(
        "div",
        { class: "ticks" },
        ticks(0, most, 6).map((at) => el("span", { vars: { left: part(at / most) } }, tickText(at, most))),
      ),
    ),
    old &&
      el(
        "p",
        { class: "hint foot" },
        el("i", { class: "dash" }),
        `the older result: p50 ${milliseconds(old.p50)}, p95 ${milliseconds(old.p95)}`,
      ),
  );
}

/** The percentiles' names where they meet the curve; those that would meet each other one above the other. */
function labels(named, spread, most) {
  const text = named.map((name) => [name, spread[name] / most]);
  return text.map(([name, at]) =>
    el(
      "span",
      {
        class: at > 0.72 ? "label left" : "label",
        vars: { left: part(at), bottom: `${{ p50: 50, p95: 84, p99: 93 }[name]}%` },
      },
      el("b", {}, name),
      ` ${milliseconds(spread[name])}`,
    ),
  );
}

/** A cumulative distribution as steps, in a box of 1000 by 100. */
function steps(points, most) {
  const x = (value) => ((1000 * value) / most).toFixed(2);
  const path = points
    .map((value, index) => `H${x(value)}V${(100 - (100 * (index + 1)) / points.length).toFixed(2)}`)
    .join("");
  return `M0 100${path}H1000`;
}

/** The samples of each node, all on one logarithmic axis. */
function nodeStrips(figures, name, title, hint, nodes) {
  if (!figures.length) return null;
  const values = figures.flatMap((node) => [node[name].points[0] ?? 0, node[name].most]).filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.max(LEAST_SHOWN, Math.min(...values, 0.001))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values, 0.01))));
  const share = (value) => Math.max(0, Math.min(1, (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)));
  const powers = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  const rows = figures.map((node) => {
    const { points = [], p50, p95, p99, n, most, limit } = node[name];
    const row = el(
      "div",
      { class: "node-strip", vars: { "--c": nodes.colour(node.name) }, tabindex: "0", role: "img" },
      el("span", { class: "name" }, nodes.title(node.name)),
      el(
        "div",
        { class: "strip" },
        dots(points.map(share)),
        powers.map((at) => el("i", { class: "line", vars: { left: part(share(at)) } })),
        Object.entries({ p50, p95, p99 }).map(([key, value]) =>
          el("i", { class: `at ${key}`, vars: { left: part(share(value)) } }),
        ),
        limit !== undefined && el("i", { class: "at limit", vars: { left: part(share(limit)) } }),
      ),
      el("span", { class: "told" }, el("b", {}, digits(p50)), ` / ${digits(p95)}`),
    );
    tip(row, () => [
      `${nodes.title(node.name)}: ${title.toLowerCase()}`,
      ["p50", milliseconds(p50)],
      ["p95", milliseconds(p95)],
      ["p99", milliseconds(p99)],
      ["longest", milliseconds(most)],
      ["samples", WHOLE.format(n)],
      ["budget", limit === undefined ? undefined : milliseconds(limit)],
    ]);
    row.setAttribute("aria-label", toldOf(row));
    return row;
  });
  const scale = el(
    "div",
    { class: "node-strip scale-row", "aria-hidden": "true" },
    el("span"),
    el(
      "div",
      { class: powers.length > 4 ? "ticks dense" : "ticks" },
      powers.map((at) =>
        el("span", { vars: { left: part(share(at)) } }, at >= 1 ? `${at} s` : `${+(at * 1000).toPrecision(1)} ms`),
      ),
    ),
    el("span", { class: "told" }, "p50 / p95"),
  );
  return el(
    "div",
    { class: "card" },
    el("div", { class: "head" }, el("h3", {}, title), el("p", { class: "hint" }, `${hint}; logarithmic`)),
    rows,
    scale,
  );
}
