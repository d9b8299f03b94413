"use strict";
// The axis of time that all turns share: which part of it is seen, its ticks, and how it is zoomed.

const STEPS = [1, 2, 5]; // of ticks, times a power of ten
const LEAST = 0.002; // seconds that can be seen at least
const WIDE = 110; // pixels between two ticks, about
const DRAGGED = 5; // pixels that make a click a drag

/** Round numbers that cover a range, about so many. */
function ticks(from, to, count) {
  const rough = (to - from) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (STEPS.find((each) => each * power >= rough) ?? 10);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

function tickText(seconds, span) {
  if (seconds === 0) return "0";
  return span > 3 ? `${+seconds.toFixed(2)} s` : `${+(seconds * 1000).toFixed(2)} ms`;
}

class Axis extends EventTarget {
  /** stage: the element whose CSS variables place all that is on the axis. scale: where the ticks stand. */
  constructor(stage, scale) {
    super();
    this.stage = stage;
    this.scale = scale;
    this.home = { from: 0, to: 1 };
    this.range = this.home;
    this.brush = scale.parentElement.appendChild(el("div", { class: "brush", hidden: true }));
    new ResizeObserver(() => this.#draw()).observe(scale);
    this.#drag();
  }

  show(from, to) {
    const lacks = Math.max(0, LEAST - (to - from)) / 2;
    this.range = { from: from - lacks, to: to + lacks };
    this.stage.style.setProperty("--from", this.range.from);
    this.stage.style.setProperty("--per", 100 / (this.range.to - this.range.from));
    this.#draw();
    this.dispatchEvent(new Event("shown"));
  }

  reset() {
    this.show(this.home.from, this.home.to);
  }

  /** by: below 1 nearer. about: a moment that stays where it is. */
  zoom(by, about = (this.range.from + this.range.to) / 2) {
    this.show(about + (this.range.from - about) * by, about + (this.range.to - about) * by);
  }

  /** by: a part of what is seen. */
  pan(by) {
    const way = by * (this.range.to - this.range.from);
    this.show(this.range.from + way, this.range.to + way);
  }

  get zoomed() {
    return this.range.from !== this.home.from || this.range.to !== this.home.to;
  }

  #draw() {
    const { from, to } = this.range;
    const marks = ticks(from, to, this.scale.clientWidth / WIDE);
    const made = marks.map((at) =>
      el("span", { class: at === 0 ? "tick zero" : "tick", vars: { "--a": at } }, tickText(at, to - from)),
    );
    this.scale.replaceChildren(...made);
  }

  #at(x) {
    const { left, width } = this.scale.getBoundingClientRect();
    return this.range.from + ((x - left) / width) * (this.range.to - this.range.from);
  }

  #drag() {
    let begun = null;
    let moved = false;
    const place = (x) => {
      const [a, b] = [begun, x].sort((one, other) => one - other);
      const { left } = this.brush.parentElement.getBoundingClientRect();
      this.brush.style.left = `${a - left}px`;
      this.brush.style.width = `${b - a}px`;
    };
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.button || event.pointerType === "touch" || !event.target.closest(".on-axis")) return;
      begun = event.clientX;
      moved = false;
    });
    addEventListener("pointermove", ({ clientX }) => {
      if (begun === null) return;
      if (!moved && Math.abs(clientX - begun) > DRAGGED) {
        moved = true;
        getSelection().removeAllRanges();
      }
      this.brush.hidden = !moved;
      this.stage.classList.toggle("dragged", moved);
      if (moved) place(clientX);
    });
    addEventListener("pointerup", ({ clientX }) => {
      if (begun !== null && moved) {
        const [from, to] = [this.#at(begun), this.#at(clientX)].sort((a, b) => a - b);
        this.show(from, to);
      }
      begun = null;
      this.brush.hidden = true;
      this.stage.classList.remove("dragged");
    });
    this.stage.addEventListener(
      "click",
      (event) => {
        if (!moved) return;
        event.stopPropagation();
        moved = false;
      },
      { capture: true },
    );
    this.stage.addEventListener("dblclick", ({ target }) => {
      if (target.closest(".on-axis")) this.reset();
    });
    this.stage.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey || !event.target.closest(".on-axis")) return;
        event.preventDefault();
        this.zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, this.#at(event.clientX));
      },
      { passive: false },
    );
  }
}
