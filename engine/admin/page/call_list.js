// Any number of calls as a list of which only the visible part exists: a thousand calls cost what twenty do.
//
// Rows are kept by call, so that what has the focus keeps it while the list moves. One row at a time can be reached with Tab;
// the arrows, Page Up and Down, Home and End move on from there.

import { CallRow } from "./call_row.js";
import { mark } from "./dom.js";

const SPARE = 4; // rows above and below the visible part
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

export class CallList {
  #calls = [];
  #rows = new Map();
  #active = null; // key of the row that Tab reaches
  #now = 0;

  constructor(grid, scroller, sizer, onOpen) {
    Object.assign(this, { grid, scroller, sizer, onOpen });
    scroller.addEventListener("scroll", () => this.#draw(), { passive: true });
    sizer.addEventListener("click", (event) => this.#clicked(event));
    scroller.addEventListener("keydown", (event) => this.#pressed(event));
    new ResizeObserver(() => this.#measure()).observe(scroller);
  }

  /** Show these calls in this order. */
  show(calls, now) {
    this.#calls = calls;
    this.#now = now;
    mark(this.grid, "aria-rowcount", calls.length + 1);
    if (!calls.some(({ key }) => key === this.#active)) this.#active = calls[0]?.key ?? null;
    this.#measure();
  }

  /** Give the focus to the row that Tab reaches; false where there is none. */
  enter() {
    const index = this.#calls.findIndex(({ key }) => key === this.#active);
    if (index >= 0) this.#reach(index);
    return index >= 0;
  }

  #measure() {
    this.grid.style.setProperty("--scrollbar", `${this.scroller.offsetWidth - this.scroller.clientWidth}px`); // titles end where rows do
    this.height = parseFloat(getComputedStyle(this.sizer).getPropertyValue("--row")) || 40;
    this.sizer.style.height = `${this.height * this.#calls.length}px`;
    this.#draw();
  }

  #draw() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.height) - SPARE);
    const visible = Math.ceil(this.scroller.clientHeight / this.height) + 2 * SPARE;
    const calls = this.#calls.slice(first, first + visible);
    this.#drop(new Set(calls.map(({ key }) => key)));
    let place = this.sizer.firstChild;
    calls.forEach((call, offset) => {
      const row = this.#row(call);
      row.show(call, first + offset, this.#now);
      row.node.style.transform = `translateY(${(first + offset) * this.height}px)`;
      mark(row.button, "tabindex", call.key === this.#active ? 0 : -1);
      if (row.node === place) place = place.nextSibling;
      else this.#put(row, place);
    });
  }

  #row(call) {
    if (!this.#rows.has(call.key)) this.#rows.set(call.key, new CallRow(call));
    return this.#rows.get(call.key);
  }

  #put(row, place) {
    const focused = row.node.contains(document.activeElement);
    this.sizer.insertBefore(row.node, place);
    if (focused) row.button.focus({ preventScroll: true });
  }

  #drop(wanted) {
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      const focused = row.node.contains(document.activeElement);
      row.node.remove();
      this.#rows.delete(key);
      if (focused) this.scroller.focus({ preventScroll: true }); // the arrows go on from there
    }
  }

  #clicked(event) {
    const node = event.target.closest(".call");
    const row = [...this.#rows.values()].find((other) => other.node === node);
    if (row) this.#open(row.key);
  }

  #open(key) {
    this.#active = key;
    this.onOpen(this.#calls.find((call) => call.key === key));
  }

  #pressed(event) {
    if (!(event.key in STEPS) || !this.#calls.length) return;
    event.preventDefault();
    const at = this.#calls.findIndex(({ key }) => key === this.#active);
    this.#reach(Math.min(this.#calls.length - 1, Math.max(0, at + STEPS[event.key])));
  }

  #reach(index) {
    this.#active = this.#calls[index].key;
    const top = index * this.height;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.scroller.scrollTop = top + this.height - clientHeight;
    this.#draw();
    this.#rows.get(this.#active)?.button.focus({ preventScroll: true });
  }
}
