"use strict";
// The graph from left to right, each node filled by its share of the critical path. The line stands at both ends.

const COLUMN = 150;
const ROW = 88; // a row with nodes
const WIRES = 34; // a row of wires only
const BOX = { width: 122, height: 58 };
const EDGE = 8; // around it all
const DARKEST = 62; // percent of a node's colour in the node with the greatest share

function drawGraph({ layout, nodes: figures }, nodes) {
  const { boxes = [], wires = [] } = layout;
  const columns = 1 + Math.max(0, ...boxes.map(({ at: [column] }) => column));
  const width = columns * COLUMN - (COLUMN - BOX.width) + 2 * EDGE;
  const heights = rowHeights(boxes, wires);
  const middle = ([column, row]) => [EDGE + column * COLUMN + BOX.width / 2, heights.get(row)];
  const top = Math.min(0, ...heights.values()) - BOX.height / 2 - EDGE;
  const height = Math.max(0, ...heights.values()) + BOX.height / 2 + EDGE - top;
  const most = Math.max(...figures.map((node) => node.share ?? 0), 1e-9);
  const drawing = svg(
    "svg",
    {
      class: "graph",
      viewBox: `0 ${top} ${width} ${height}`,
      width,
      height,
      role: "group",
      "aria-label": "Nodes and wires",
    },
    wires.map((wire) => drawWire(wire, middle, nodes)),
    boxes.map((box) => drawBox(box, middle(box.at), nodes, most)),
  );
  drawing.style.minWidth = `${Math.min(width, columns * 104)}px`;
  $("graph-figure").replaceChildren(drawing);
}

/** Where each row is, above and below the middle one. */
function rowHeights(boxes, wires) {
  const withBoxes = new Set(boxes.map(({ at: [, row] }) => row));
  const rows = [0, ...withBoxes, ...wires.flatMap(({ through }) => through.map(([, row]) => row))];
  const tall = (row) => (withBoxes.has(row) ? ROW : WIRES);
  const found = new Map([[0, 0]]);
  for (let row = 1; row <= Math.max(...rows); row += 1)
    found.set(row, found.get(row - 1) + (tall(row - 1) + tall(row)) / 2);
  for (let row = -1; row >= Math.min(...rows); row -= 1)
    found.set(row, found.get(row + 1) - (tall(row + 1) + tall(row)) / 2);
  return found;
}

/** From the right of one box to the left of another, level where it passes a column. */
function drawWire({ giver, taker, through }, middle, nodes) {
  const last = through.length - 1;
  const points = through.map(middle);
  const half = BOX.width / 2;
  let [x, y] = [points[0][0] + half, points[0][1]];
  let path = `M${x} ${y}`;
  points.slice(1).forEach(([px, py], index) => {
    const into = px - half;
    const bend = (into - x) / 2 + (index + 1 === last ? 0 : half / 3);
    path += `C${x + bend} ${y} ${into - bend} ${py} ${into} ${py}`;
    [x, y] = [px + half, py];
    if (index + 1 < last) path += `H${x}`;
  });
  const standby = [giver, taker].some((name) => nodes.byName.get(name)?.standby);
  return svg("path", { class: standby ? "wire standby" : "wire", d: path });
}

function drawBox({ node: name, end }, [x, y], nodes, most) {
  const node = nodes.byName.get(name) ?? { name };
  const isLine = name === nodes.line;
  // the line hears nothing of the critical path at its first place: the time is in the last one
  const share = isLine && !end && [...nodes.byName.keys()].length > 1 ? 0 : (node.share ?? 0);
  const { width, height } = BOX;
  const down = share > 0 ? 0 : 7; // what is written stands in the middle
  const kinds = [node.converter && "converter", node.standby && "standby", isLine && "line"].filter(Boolean).join(" ");
  const group = svg(
    "g",
    {
      class: `box ${kinds}`,
      transform: `translate(${x - width / 2} ${y - height / 2})`,
      tabindex: "0",
      role: "img",
      vars: { "--c": nodes.colour(name), "--full": `${(DARKEST * share) / most}%` },
    },
    svg("rect", { class: "back", width, height, rx: isLine ? height / 2 : 10 }),
    svg("text", { class: "name", x: width / 2, y: 19 + down }, short(nodes.title(name), 13)),
    svg(
      "text",
      { class: "use", x: width / 2, y: 33 + down },
      short(isLine ? (end ? "is heard" : "hears") : (node.use ?? ""), 20),
    ),
    svg(
      "text",
      { class: "share", x: width / 2, y: 49 },
      share > 0 ? `${percent(share)} · ${milliseconds(node.mean)}` : "",
    ),
  );
  tip(group, () => [
    nodes.title(name),
    ["type", node.use || undefined],
    ["of the critical path", share > 0 ? `${percent(share)}, ${milliseconds(node.mean)}` : "nothing"],
    ...spreadRows(node),
    ["stands by", node.standby ? "for another's failure" : undefined],
  ]);
  group.setAttribute("aria-label", toldOf(group));
  return group;
}

function spreadRows(node) {
  const row = (title, spread) => [
    `${title}, p50 / p95`,
    spread && `${digits(spread.p50)} / ${milliseconds(spread.p95)}`,
  ];
  return [row("queue", node.queue), row("first output", node.first), row("total", node.total)];
}

function short(text, length) {
  const letters = [...text];
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : text;
}
