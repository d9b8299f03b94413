"use strict";
// The waterfall: a row to a turn, on one axis that begins when the caller stops; it opens to show what each node did.
// Of many turns those that are far from the screen are not drawn: a thousand are as fast as a hundred.

const MANY = 100; // turns, above which they are drawn when they come near
const AHEAD = "800px"; // rows are drawn so long before they are seen
const AIR = 0.03; // of an answer's axis, on both sides
const WHEELED = 0.25; // of what is seen, by a press of an arrow

const FILTERS = {
  all: ["All", () => true],
  answers: ["Answers", (turn) => turn.answer !== undefined],
  over: ["Over budget", (turn, limit) => turn.answer > limit],
  interrupted: ["Interrupted", (turn) => turn.interrupted !== undefined],
  troubled: ["With recoveries or errors", (turn) => turn.happened?.length],
};

class Turns {
  constructor(contents, nodes) {
    this.turns = contents.turns ?? [];
    this.names = contents.names ?? [];
    this.nodes = nodes;
    this.limit = contents.answer?.limit ?? contents.budgets?.find(({ name }) => name === "answer")?.limit;
    this.rows = this.turns.map((turn, index) => turnRow(turn, index, this.names[index], this.limit));
    this.seen = new IntersectionObserver(
      (entries) => entries.forEach((entry) => entry.isIntersecting && this.#fill(entry.target)),
      { rootMargin: AHEAD },
    );
    const many = this.rows.length > MANY;
    this.list = el("ol", { class: many ? "turns many" : "turns" }, this.rows);
    this.scale = el("div", { class: "scale" });
    const single = this.names.every((name) => /^\d+$/.test(name));
    const wordy = this.turns.some((turn) => turn.asked !== undefined);
    this.stage = el(
      "div",
      { class: wordy ? "waterfall wordy" : single ? "waterfall" : "waterfall named" },
      this.#head(),
      el("div", { class: "grid", "aria-hidden": "true" }),
      this.list,
    );
    $("turns-figure").replaceChildren(this.#controls(contents.nodes), this.stage, legend());
    this.axis = new Axis(this.stage, this.scale);
    this.axis.addEventListener("shown", () => {
      this.resetButton.hidden = !this.axis.zoomed;
      this.#grid();
    });
    this.rows.forEach((row) => (many ? this.seen.observe(row) : this.#fill(row)));
    this.#choose();
    this.answers();
    this.stage.addEventListener("keydown", (event) => this.#key(event));
    this.stage.addEventListener("click", (event) => this.#click(event));
    addEventListener("beforeprint", () => this.rows.forEach((row) => this.#fill(row)));
    const left = contents.left_out ? `; ${WHOLE.format(contents.left_out)} more are left out, none of the slowest` : "";
    $("turns-hint").textContent = `From the moment at which the caller stopped speaking${left}.`;
  }

  /** Opens a turn and brings it to the screen. */
  show(index) {
    if (this.rows[index].hidden) {
      this.filter.value = "all";
      this.#choose();
    }
    this.#open(this.rows[index], true);
    this.rows[index].scrollIntoView({ block: "center" });
    this.rows[index].querySelector("button").focus({ preventScroll: true });
  }

  /** The axis as it is at first: all answers. */
  answers() {
    const most = Math.max(this.limit ?? 0, ...this.turns.map((turn) => turn.answer ?? 0)) || 1;
    this.axis.home = { from: -AIR * most, to: (1 + AIR) * most };
    this.axis.reset();
  }

  /** All of every turn, with the reply that is heard. */
  whole() {
    const extents = this.turns.map(extent);
    this.axis.show(
      Math.min(-0.2, ...extents.map(([from]) => from)),
      Math.max(1, ...extents.map(([, to]) => to)) * (1 + AIR),
    );
  }

  // --- what is around the rows ---------------------------------------------------------------------------------------

  #controls(figures) {
    const option = ([value, [text]]) => el("option", { value }, text);
    const parts = figures.filter(({ mean }) => mean > 0);
    this.filter = el("select", { "aria-label": "Which turns" }, Object.entries(FILTERS).map(option));
    this.order = el(
      "select",
      { "aria-label": "In which order" },
      el("option", { value: "order" }, "As they came"),
      el("option", { value: "slowest" }, "Slowest first"),
      el(
        "optgroup",
        { label: "Slowest in" },
        parts.map(({ name }) => el("option", { value: `node ${name}` }, this.nodes.title(name))),
      ),
    );
    this.count = el("span", { class: "hint", role: "status" });
    this.resetButton = button("Reset", "Show all answers again", () => this.axis.reset());
    this.all = button("Open all", "Show every node of every turn", () => this.#openAll());
    for (const select of [this.filter, this.order]) select.addEventListener("change", () => this.#choose());
    return el(
      "div",
      { class: "controls" },
      el("label", {}, "Show ", this.filter),
      el("label", {}, "Order ", this.order),
      this.count,
      el(
        "span",
        { class: "buttons" },
        this.resetButton,
        button("Answers", "Up to the first sound of the answer", () => this.answers()),
        button("Whole turns", "With the reply that is heard", () => this.whole()),
        button("−", "See more time", () => this.axis.zoom(1.5)),
        button("+", "See less time", () => this.axis.zoom(1 / 1.5)),
        this.all,
      ),
    );
  }

  #head() {
    return el(
      "div",
      { class: "row axis-row" },
      el("span", { class: "axis-name" }, "caller stops at 0"),
      el("div", { class: "on-axis" }, this.scale),
      el("span", { class: "took" }, "answer"),
    );
  }

  #grid() {
    const { from, to } = this.axis.range;
    const lines = ticks(from, to, this.scale.clientWidth / WIDE).map((at) =>
      el("i", { class: at === 0 ? "zero" : undefined, vars: { "--a": at } }),
    );
    const limit = this.limit === undefined ? null : el("i", { class: "limit", vars: { "--a": this.limit } });
    this.stage.querySelector(".grid").replaceChildren(el("div", { class: "on-axis" }, lines, limit));
  }

  #choose() {
    const [, test] = FILTERS[this.filter.value];
    this.rows.forEach((row, index) => {
      row.hidden = !test(this.turns[index], this.limit);
    });
    const shown = this.rows.filter((row) => !row.hidden).length;
    this.count.textContent = `${WHOLE.format(shown)} of ${plural(this.turns.length, "turn")}`;
    const key = this.#sorting(this.order.value);
    this.list.append(
      ...this.rows
        .map((row, index) => [row, key(this.turns[index], index)])
        .sort(([, a], [, b]) => a - b)
        .map(([row]) => row),
    );
  }

  #sorting(order) {
    if (order === "order") return (_, index) => index;
    if (order === "slowest") return (turn) => -(turn.answer ?? -1);
    const name = order.slice("node ".length);
    return (turn) =>
      -(turn.path ?? []).reduce((sum, { node, start, end }) => sum + (node === name ? end - start : 0), 0);
  }

  // --- rows ----------------------------------------------------------------------------------------------------------

  #fill(row) {
    this.seen.unobserve(row);
    const place = row.querySelector(".path");
    if (place.childElementCount) return;
    const turn = this.turns[row.index];
    place.append(...pathBar(turn, this.nodes), ...marksOf(turn, this.nodes).filter(Boolean));
  }

  #open(row, open) {
    row.querySelector("button").setAttribute("aria-expanded", String(open));
    row.classList.toggle("open", open);
    row.querySelector(".inside")?.remove();
    if (open) {
      this.#fill(row);
      row.append(turnInside(this.turns[row.index], this.nodes));
    }
  }

  #openAll() {
    const open = this.all.textContent === "Open all";
    this.rows.forEach((row) => !row.hidden && this.#open(row, open));
    this.all.textContent = open ? "Close all" : "Open all";
  }

  // --- keys and clicks -----------------------------------------------------------------------------------------------

  #click({ target }) {
    const row = target.closest("li");
    if (!row || target.closest(".further")) return;
    const piece = target.closest(".on-axis > i");
    if (piece && row.classList.contains("open")) return this.#zoomTo(piece);
    this.#open(row, !row.classList.contains("open"));
  }

  #zoomTo(piece) {
    const [start, end] = ["--a", "--b"].map((name) => parseFloat(piece.style.getPropertyValue(name)));
    if (Number.isNaN(end)) this.axis.zoom(0.5, start);
    else this.axis.show(start - 0.1 * (end - start), end + 0.1 * (end - start));
  }

  #key(event) {
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey) return;
    const row = event.target.closest("li");
    const act = {
      ArrowDown: () => row && this.#focus(row, 1),
      ArrowUp: () => row && this.#focus(row, -1),
      ArrowRight: () => (shiftKey ? this.axis.pan(WHEELED) : row && this.#step(row, 1)),
      ArrowLeft: () => (shiftKey ? this.axis.pan(-WHEELED) : row && this.#step(row, -1)),
      Home: () => row && this.#focus(row, -Infinity),
      End: () => row && this.#focus(row, Infinity),
      z: () => row && this.axis.show(...widened(extent(this.turns[row.index]))),
      0: () => this.axis.reset(),
      "+": () => this.axis.zoom(1 / 1.5),
      "=": () => this.axis.zoom(1 / 1.5),
      "-": () => this.axis.zoom(1.5),
    }[key];
    if (!act) return;
    act();
    event.preventDefault();
  }

  #focus(row, way) {
    const rows = [...this.list.children].filter((each) => !each.hidden);
    const to = Math.max(0, Math.min(rows.length - 1, rows.indexOf(row) + way));
    rows[to].querySelector("button").focus();
  }

  /** Goes from piece to piece of a row, and tells of each. */
  #step(row, way) {
    const pieces = [...row.querySelectorAll(".on-axis > i")].filter((piece) => tips.has(piece));
    if (!pieces.length) return;
    const old = pieces.findIndex((piece) => piece.classList.contains("at-focus"));
    const now = old < 0 ? (way > 0 ? 0 : pieces.length - 1) : (old + way + pieces.length) % pieces.length;
    pieces[old]?.classList.remove("at-focus");
    pieces[now].classList.add("at-focus");
    showTip(pieces[now]);
    $("told").textContent = toldOf(pieces[now]);
    row
      .querySelector("button")
      .addEventListener("blur", () => pieces[now].classList.remove("at-focus"), { once: true });
  }
}

const widened = ([from, to]) => [from - AIR * (to - from), to + AIR * (to - from)];

function button(text, title, act) {
  const made = el(
    "button",
    { type: "button", class: "plain", title, "aria-label": text.length < 2 ? title : undefined },
    text,
  );
  made.addEventListener("click", act);
  return made;
}
