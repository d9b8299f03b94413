// The words of both sides: what is guessed, heard, still to come, and struck out because it was never heard.

const AT_END = 60; // pixels from the end of the list that still count as reading along

export class Transcript {
  constructor(list, scroll, log) {
    this.list = list;
    this.scroll = scroll;
    this.log = log; // read out by screen readers, one finished utterance at a time
    this.rows = new Map();
    this.open = new Map(); // views of what the agent says now
  }

  clear() {
    this.rows.clear();
    this.open.clear();
    this.list.replaceChildren();
    this.log.replaceChildren();
  }

  caller({ entry, text, final }) {
    const words = this.#row(entry, "caller", "You");
    words.replaceChildren(span(final ? "" : "guess", text));
    if (final) this.#read(entry, `You: ${text}`);
    this.#follow();
  }

  agent(view) {
    const { entry, heard, spoken, thought, state } = view;
    if (state === "open") this.open.set(entry, view);
    else this.open.delete(entry);
    if (state === "void") return this.#drop(entry);
    const rest = spoken + thought;
    if (!heard && !rest.trim()) return undefined;
    const words = this.#row(entry, "agent", "Agent");
    words.parentElement.dataset.state = state;
    if (state === "interrupted" || state === "cut") words.replaceChildren(span("", heard), ...struck(rest, state));
    else words.replaceChildren(span("", heard), span("coming", spoken), span("thought", thought));
    if (state !== "open") this.#read(entry, `Agent${state === "heard" ? "" : `, ${WHY[state]}`}: ${heard}`);
    return this.#follow();
  }

  /** The call is over, and what was still to be heard will not be. The server says so too, unless it is gone. */
  end() {
    for (const view of [...this.open.values()]) this.agent({ ...view, state: "cut" });
  }

  /** Something about the call itself, for those who do not see the page. */
  tell(text) {
    const line = document.createElement("p");
    line.textContent = text;
    this.log.append(line);
  }

  answer({ entry, seconds }) {
    const row = this.rows.get(entry);
    if (row) row.querySelector(".took").textContent = milliseconds(seconds);
  }

  #row(entry, who, name) {
    let row = this.rows.get(entry);
    if (!row) {
      row = document.createElement("li");
      row.className = who;
      row.dataset.entry = entry;
      row.append(span("who", name), span("words", ""), span("took", ""));
      const after = [...this.rows.keys()].filter((each) => each < entry).sort((a, b) => b - a)[0];
      if (after === undefined) this.list.prepend(row);
      else this.rows.get(after).after(row);
      this.rows.set(entry, row);
    }
    return row.querySelector(".words");
  }

  #drop(entry) {
    this.rows.get(entry)?.remove();
    this.rows.delete(entry);
  }

  #read(entry, text) {
    const line = this.log.querySelector(`[data-entry="${entry}"]`) ?? document.createElement("p");
    line.dataset.entry = entry;
    if (line.textContent !== text) line.textContent = text;
    this.log.append(line);
  }

  #follow() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroll;
    const grown = this.last === undefined ? 0 : scrollHeight - this.last;
    this.last = scrollHeight;
    if (scrollHeight - scrollTop - clientHeight - grown < AT_END) this.scroll.scrollTop = scrollHeight;
  }
}

const WHY = { interrupted: "interrupted", cut: "cut off" };

function struck(text, state) {
  if (!text.trim()) return [span("why", WHY[state])];
  const words = document.createElement("s");
  words.append(span("unseen", " (not heard: "), text.trim(), span("unseen", ")"));
  return [" ", words, " ", span("why", WHY[state])];
}

export function span(name, text) {
  const made = document.createElement("span");
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

export function milliseconds(seconds) {
  return `${Math.round(seconds * 1000).toLocaleString("en")} ms`;
}
