"use strict";
// Figures in rows: each node, and what has changed since an older result.

const NODE_GROUPS = [
  ["", 1],
  ["Answer", 2],
  ["Queue", 3],
  ["First output", 3],
  ["Total", 3],
  ["Seconds in all", 4],
  ["Frames", 3],
];
const THREE = ["p50", "p95", "p99"];
const FRAME_COUNTS = ["items", "given", "dropped"];

function drawNodes({ nodes: figures }, nodes) {
  const counted = figures.filter((node) => node.items || node.given || node.share || node.use);
  const spreads = ["queue", "first", "total"];
  const seconds = ["own", "waited", "blocked", "starved"];
  const inSeconds = (value) => (value ? value.toFixed(value < 10 ? 2 : 0) : "");
  const rows = counted.map((node) =>
    el(
      "tr",
      { vars: { "--c": nodes.colour(node.name) } },
      el(
        "th",
        { scope: "row" },
        el("i", { class: "key" }),
        nodes.title(node.name),
        el("small", {}, node.standby ? `${node.use}, stands by` : node.use),
      ),
      cell(node.mean ? digits(node.mean) : ""),
      el(
        "td",
        { class: "figure share" },
        el("i", { class: "bar", vars: { width: part(node.share ?? 0) } }),
        node.share ? percent(node.share) : "",
      ),
      spreads.flatMap((name) =>
        THREE.map((p) =>
          cell(node[name] ? digits(node[name][p]) : "", p === "p50" && "first", over(node[name], p) && "over"),
        ),
      ),
      seconds.map((name, index) => cell(inSeconds(node.worked?.[name]), index === 0 && "first")),
      FRAME_COUNTS.map((name, index) =>
        cell(
          node[name] ? WHOLE.format(node[name]) : "",
          index === 0 && "first",
          name === "dropped" && node[name] && "over",
        ),
      ),
    ),
  );
  const heads = ["node", "mean", "share", ...spreads.flatMap(() => THREE), ...seconds, "in", "out", "dropped"];
  const starts = new Set([3, 6, 9, 12, 16]);
  $("nodes-table").replaceChildren(
    el(
      "table",
      { class: "nodes" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          NODE_GROUPS.map(([title, span], index) =>
            el(
              title ? "th" : "td",
              { colspan: span, scope: title ? "colgroup" : undefined, class: index > 1 ? "first" : undefined },
              title,
            ),
          ),
        ),
        el(
          "tr",
          {},
          heads.map((title, index) =>
            el("th", { scope: "col", class: starts.has(index) ? "first" : undefined }, title),
          ),
        ),
      ),
      el("tbody", {}, rows),
    ),
  );
}

function cell(text, ...kinds) {
  return el("td", { class: ["figure", ...kinds].filter(Boolean).join(" ") }, text);
}

const over = (spread, name) => name === "p95" && spread?.limit !== undefined && spread.p95 > spread.limit;
