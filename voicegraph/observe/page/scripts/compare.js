"use strict";
// What has changed since an older result: the difference, where the true one lies, and whether that is more than noise.

const UNITS = {
  // of figures: how they are written, and what more and less of them is called
  time: { text: milliseconds, more: "slower", less: "faster" },
  cpu: { text: (value) => `${(value * 1000).toPrecision(3)} ms/s`, more: "costs more", less: "costs less" },
  frame: { text: (value) => `${(value * 1e6).toPrecision(3)} µs`, more: "costs more", less: "costs less" },
};
const FARTHEST = 1; // of the old figure: what is more, or more uncertain, ends at the edge
const NEAREST = 0.1; // the least that the axis spans to each side

function drawComparison(older) {
  if (!older) return;
  const { changes = [], changed = [], versions = ["", ""], rounds, rounds_needed: needed } = older;
  $("comparison").hidden = $("to-comparison").hidden = false;
  const relative = (change, name) => (change[name] ?? 0) / (Math.abs(change.old) || 1);
  const sure = changes.filter(({ verdict }) => verdict === "more" || verdict === "less");
  const ends = (sure.length ? sure : changes).flatMap((change) => [relative(change, "low"), relative(change, "high")]);
  const most = Math.min(FARTHEST, Math.max(NEAREST, ...ends.map(Math.abs))) * 1.1;
  const at = (share) => part(0.5 + Math.max(-0.5, Math.min(0.5, share / (2 * most))));
  const rows = changes.map((change) => {
    const { name, unit, old, new: now, verdict, difference } = change;
    const { text, ...words } = UNITS[unit];
    const known = difference !== undefined;
    const [low, high] = [relative(change, "low"), relative(change, "high")];
    const edge = (share) => Math.max(-0.5, Math.min(0.5, share / (2 * most)));
    const drawn = el(
      "div",
      { class: "change", "aria-hidden": "true" },
      el("i", { class: "zero" }),
      known && el("i", { class: "range", vars: { left: at(low), width: part(edge(high) - edge(low)) } }),
      known && el("i", { class: "point", vars: { left: at(relative(change, "difference")) } }),
    );
    const row = el(
      "tr",
      { class: verdict.replaceAll(" ", "-") },
      el("th", { scope: "row" }, name),
      cell(text(old)),
      cell(text(now)),
      cell(known ? signed(relative(change, "difference")) : ""),
      el("td", { class: "drawn" }, drawn),
      el(
        "td",
        { class: "verdict" },
        words[verdict] ?? { alike: "no difference beyond noise", "too few rounds": "too few rounds to tell" }[verdict],
      ),
    );
    if (known)
      tip(row, () => [
        name,
        ["difference", signed(relative(change, "difference"))],
        ["the true one is between", `${signed(low)} and ${signed(high)}`],
      ]);
    return row;
  });
  const scale = el(
    "span",
    { class: "change-scale" },
    el("span", {}, signed(-most)),
    el("span", {}, "0"),
    el("span", {}, signed(most)),
  );
  $("comparison-table").replaceChildren(
    el(
      "table",
      { class: "compared" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ["median of rounds", "then", "now", "difference"].map((title) => el("th", { scope: "col" }, title)),
          el("th", { scope: "col" }, scale),
          el("th", { scope: "col", class: "verdict" }, "verdict"),
        ),
      ),
      el("tbody", {}, rows),
    ),
    ...changedLines(changed),
  );
  const enough =
    Math.min(...rounds) >= needed ? "" : `; it takes ${needed} of each to tell a difference in so many figures`;
  const release = versions[0] === versions[1] ? "" : `; voicegraph ${versions.join(" → ")}`;
  $("comparison-hint").textContent =
    `With an older result: ${rounds[0]} rounds then, ${rounds[1]} now${enough}${release}.`;
}

function changedLines(lines) {
  if (!lines.length) return [];
  const texts = lines.map((line) => el("span", { class: line.startsWith("+") ? "added" : "gone" }, `${line}\n`));
  return [
    el("details", {}, el("summary", {}, "What the graph says now that it did not say then"), el("pre", {}, texts)),
  ];
}

const signed = (share) =>
  `${share > 0 ? "+" : share < 0 ? "−" : "±"}${Math.abs(share * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0)} %`;
