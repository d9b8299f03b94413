"use strict";
// Puts the page together from its data.

const shown = JSON.parse($("data").textContent);
const contents = { nodes: [], turns: [], names: [], budgets: [], layout: {}, ...shown.contents };
const nodes = new Nodes(contents.nodes, contents.line);

$("facts").append(
  ...(shown.facts ?? []).map(({ name, value }) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
);
drawGraph(contents, nodes);
const turns = new Turns(contents, nodes);
drawOverview(contents, nodes, (index) => turns.show(index));
drawSpreads(contents, nodes, shown.older);
drawNodes(contents, nodes);
drawComparison(shown.older);
