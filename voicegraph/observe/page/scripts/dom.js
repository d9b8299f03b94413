"use strict";
// Elements, figures in words, and the tip that tells of what the pointer or the focus is at.

const $ = (id) => document.getElementById(id);

/** An element. props: attributes; `class`, and `vars` for CSS variables. children: elements and text. */
function el(name, props = {}, ...children) {
  return dress(document.createElement(name), props, children);
}

function svg(name, props = {}, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", name), props, children);
}

function dress(made, { vars, ...attributes }, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  for (const [key, value] of Object.entries(vars ?? {})) made.style.setProperty(key, value);
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** The digits of a duration: `0.42`, `8.1`, `1,231`. */
function digits(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const ms = seconds * 1000;
  const size = Math.abs(ms);
  return size === 0 ? "0" : size < 1 ? ms.toFixed(2) : size < 10 ? ms.toFixed(1) : WHOLE.format(ms);
}

const milliseconds = (seconds) => (seconds === null || seconds === undefined ? "–" : `${digits(seconds)} ms`);
const percent = (share) => `${share > 0 && share < 0.01 ? "<1" : Math.round(share * 100)} %`;
const plural = (count, one, more = `${one}s`) => `${WHOLE.format(count)} ${count === 1 ? one : more}`;

/** A place in percent, as CSS takes it. */
const part = (share) => `${(100 * share).toFixed(4)}%`;

// --- the tip ---------------------------------------------------------------------------------------------------------

const tips = new WeakMap(); // what is told of an element: a function that gives [heading, [name, value], …]
const AWAY = 14; // pixels between the pointer and the tip

function tip(element, tell) {
  tips.set(element, tell);
  return element;
}

/** Shows the tip of an element, beside a point or the element itself. */
function showTip(element, at) {
  const [heading, ...rows] = tips.get(element)();
  const list = rows
    .filter((row) => row && row[1] !== undefined)
    .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
  const box = $("tip");
  box.replaceChildren(el("strong", {}, heading), el("dl", {}, list.flat()));
  box.hidden = false;
  const { left, bottom } = element.getBoundingClientRect();
  const [x, y] = at ?? [left, bottom];
  const { offsetWidth: width, offsetHeight: height } = box;
  const below = y + AWAY + height <= innerHeight;
  box.style.left = `${Math.max(4, Math.min(x + AWAY, innerWidth - width - 4))}px`;
  box.style.top = `${Math.max(4, below ? y + AWAY : y - AWAY - height)}px`;
}

function hideTip() {
  $("tip").hidden = true;
}

/** What is told of an element, as one sentence: for people who hear it. */
function toldOf(element) {
  const [heading, ...rows] = tips.get(element)();
  return [heading, ...rows.filter((row) => row && row[1] !== undefined).map((row) => row.join(" "))].join(", ");
}

function withTip(node) {
  for (let at = node; at instanceof Element; at = at.parentElement) if (tips.has(at)) return at;
  return null;
}

document.addEventListener("pointermove", ({ target, clientX, clientY, buttons }) => {
  const found = buttons ? null : withTip(target);
  if (found) showTip(found, [clientX, clientY]);
  else hideTip();
});
document.addEventListener("pointerleave", hideTip);
document.addEventListener("scroll", hideTip, { capture: true, passive: true });
document.addEventListener("focusin", ({ target }) => {
  if (tips.has(target) && target.matches(":focus-visible")) showTip(target);
});
document.addEventListener("focusout", hideTip);
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") hideTip();
});

// --- nodes and their colours -----------------------------------------------------------------------------------------

const HUES = { hears: 4, speaks: 6 }; // how many of each are in style.css

class Nodes {
  constructor(figures, line) {
    this.line = line;
    this.byName = new Map(figures.map((node) => [node.name, node]));
    this.colours = new Map();
    const counts = { hears: 0, speaks: 0 };
    for (const node of figures) {
      if (node.name === line || !node.name) continue;
      const side = node.hears ? "hears" : "speaks";
      this.colours.set(node.name, `var(--${side}-${counts[side] % HUES[side]})`);
      counts[side] += 1;
    }
  }

  colour(name) {
    return this.colours.get(name) ?? "var(--nobody)";
  }

  /** A name that can be read, even of what belongs to no node. */
  title(name) {
    return name || "nobody";
  }
}
