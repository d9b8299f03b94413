// The last seconds of both sides as a strip: the caller above the line, the agent below it.

const KEPT = 400; // levels, of 20 ms each
const BAR = 3; // pixels
const GAP = 2;
const PER_BAR = 3; // levels in a bar
const STEADY = 25; // levels between two drawings for who wants no motion

export class Scope {
  constructor(canvas) {
    this.canvas = canvas;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.levels = [];
    this.count = 0;
    this.due = false;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear() {
    this.levels = [];
    this.draw();
  }

  add(levels) {
    this.levels.push(levels);
    if (this.levels.length > KEPT * PER_BAR) this.levels.splice(0, PER_BAR);
    this.count += 1;
    if (this.count % (this.still.matches ? STEADY : PER_BAR) === 0) this.soon();
  }

  /** Once, however often it is asked for: a tab in the background draws nothing, and would do all of it at its return. */
  soon() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const scale = devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const paint = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    const [caller, agent, line] = ["--caller", "--agent", "--rule"].map((name) => style.getPropertyValue(name));
    paint.scale(scale, scale);
    paint.fillStyle = line;
    paint.fillRect(0, height / 2 - 0.5, width, 1);
    const bars = Math.min(Math.floor(width / (BAR + GAP)), Math.floor(this.levels.length / PER_BAR));
    const last = this.levels.length - (this.levels.length % PER_BAR);
    for (let bar = 0; bar < bars; bar += 1) {
      const group = this.levels.slice(last - (bar + 1) * PER_BAR, last - bar * PER_BAR);
      const x = width - (bar + 1) * (BAR + GAP);
      this.#bar(paint, caller, x, height / 2, -1, Math.max(...group.map(([mic]) => mic)));
      this.#bar(paint, agent, x, height / 2, 1, Math.max(...group.map(([, out]) => out)));
    }
  }

  #bar(paint, colour, x, middle, side, level) {
    const tall = loudness(level) * (middle - 3);
    if (tall < 1) return;
    paint.fillStyle = colour;
    paint.beginPath();
    paint.roundRect(x, side < 0 ? middle - 2 - tall : middle + 2, BAR, tall, BAR / 2);
    paint.fill();
  }
}

/** 0 to 1 for a level, from -54 dB of full scale to -6 dB. */
function loudness(level) {
  return Math.max(0, Math.min(1, (20 * Math.log10(level + 1e-6) + 54) / 48));
}
