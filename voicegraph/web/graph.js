// The graph, one row to a node in the order in which frames come to it: its wires on the left, its share of the last
// answer on the right, on one axis of time. The line stands at both ends: there the caller speaks, and hears.

import { milliseconds, span } from "./transcript.js";

const HEAD = 28; // pixels of the table's head; as in style.css
const ROW = 44; // pixels of each row of it
const LANE = 40; // pixels from the left to the nodes' dots
const DEEPEST = 34; // pixels that a wire may leave the lane
const LIT = 350; // ms that a node stays lit

export class Graph {
  constructor(figure, answer, name) {
    this.figure = figure;
    this.answer = answer;
    this.name = name;
    this.rows = new Map(); // by name, the line twice
  }

  draw({ name, line, rows, wires }) {
    this.name.textContent = name;
    this.answer.textContent = "The time of each answer is shown here, node by node.";
    this.line = line;
    const first = rows.filter((row) => !row.standby);
    const ends = line ? [{ ...rows.find((row) => row.name === line), ends: true }] : [];
    const order = [...first, ...ends, ...rows.filter((row) => row.standby)];
    const table = document.createElement("table");
    table.innerHTML = `<caption class="unseen">Nodes, and their part of the last answer's time</caption>
      <colgroup><col class="names"><col><col class="times"></colgroup>
      <thead><tr><th scope="col"><span class="unseen">Node</span></th>
      <th scope="col" class="axis"><span>you stop</span><span>you hear</span></th>
      <th scope="col"><span class="unseen">Time</span></th></tr></thead><tbody></tbody>`;
    this.rows.clear();
    order.forEach((row, index) => {
      const made = this.#row(row);
      table.tBodies[0].append(made);
      this.rows.set(row.ends ? "" : row.name, { made, index });
    });
    this.figure.replaceChildren(this.#wires(order.length, wires), table);
  }

  lit({ nodes }) {
    for (const name of nodes) {
      const row = this.rows.get(name)?.made;
      if (!row) continue;
      row.classList.add("lit");
      clearTimeout(row.fading);
      row.fading = setTimeout(() => row.classList.remove("lit"), LIT);
    }
  }

  time({ seconds, shares }) {
    this.answer.replaceChildren("The last answer took ", strong(milliseconds(seconds)));
    for (const { made } of this.rows.values()) {
      made.querySelector(".bars").replaceChildren();
      made.querySelector(".ms").textContent = "";
    }
    const sums = new Map();
    for (const share of shares) {
      const key = share.node === this.line ? "" : share.node;
      const row = this.rows.get(key)?.made;
      if (!row) continue;
      const took = share.end - share.start;
      sums.set(key, (sums.get(key) ?? 0) + took);
      const bar = span("bar", "");
      bar.style.insetInlineStart = `${(100 * share.start) / seconds}%`;
      bar.style.inlineSize = `${(100 * took) / seconds}%`;
      bar.title = `${share.what}: ${milliseconds(took)}`;
      row.querySelector(".bars").append(bar);
      row.querySelector(".ms").textContent = milliseconds(sums.get(key));
    }
  }

  #row({ name, use, converter, standby, ends }) {
    const row = document.createElement("tr");
    row.className = [converter && "converter", standby && "standby"].filter(Boolean).join(" ");
    row.dataset.node = ends ? "" : name;
    const head = document.createElement("th");
    head.scope = "row";
    const note = ends ? "is heard" : standby ? `${use}, stands by` : use;
    head.append(span("name", name), span("use", note));
    const when = document.createElement("td");
    when.append(span("bars", ""));
    const took = document.createElement("td");
    took.className = "ms";
    row.append(head, when, took);
    return row;
  }

  #wires(count, wires) {
    const middle = (name) => HEAD + (this.rows.get(name).index + 0.5) * ROW;
    const svg = svgOf("svg", { class: "wires", width: LANE + 8, height: HEAD + count * ROW, "aria-hidden": "true" });
    for (const [giver, taker] of wires) {
      const to = taker === this.line ? "" : taker;
      if (!this.rows.has(giver) || !this.rows.has(to)) continue;
      const [y1, y2] = [middle(giver), middle(to)];
      const hops = Math.abs(this.rows.get(to).index - this.rows.get(giver).index);
      const x = LANE - (hops === 1 ? 0 : Math.min(DEEPEST, 12 + 6 * hops));
      svg.append(svgOf("path", { d: `M${LANE} ${y1} C${x} ${y1 + ROW / 2} ${x} ${y2 - ROW / 2} ${LANE} ${y2}` }));
    }
    for (const { index, made } of this.rows.values()) {
      const dot = svgOf("circle", { cx: LANE, cy: HEAD + (index + 0.5) * ROW, r: 5, class: made.className });
      svg.append(dot);
    }
    return svg;
  }
}

function svgOf(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function strong(text) {
  const made = document.createElement("strong");
  made.textContent = text;
  return made;
}
