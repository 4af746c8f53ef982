// One call's row: its elements are made once and written to only where something differs.

import { behind, troubled } from "./call_selection.js";
import { element, mark, put } from "./dom.js";
import { count, lasting, millis, who } from "./words.js";

const OVER = ["ended", "failed"];

export class CallRow {
  constructor(call) {
    this.key = call.key;
    this.head = element("span", { class: "start" });
    this.tail = element("span"); // ids differ at their end: it is never cut off
    this.button = element("button", { type: "button", class: "id", tabindex: "-1" }, this.head, this.tail);
    this.source = element("small", { class: "source" });
    this.state = element("span", { class: "state" });
    this.voices = element("span", { role: "gridcell", class: "voices" });
    this.cells = Object.fromEntries(
      ["lasts", "behind", "phrases", "gaps", "shard"].map((name) => [name, element("span", { role: "gridcell", class: name })]),
    );
    const { lasts, behind: late, phrases, gaps, shard } = this.cells;
    this.node = element(
      "div", { role: "row", class: "call" },
      element("span", { role: "gridcell", class: "who" }, this.button, this.source),
      element("span", { role: "gridcell" }, this.state), lasts, this.voices, late, phrases, gaps, shard,
    );
    this.channels = new Map();
  }

  /** Show the call at this place in the list, which begins with 0. */
  show(call, index, now) {
    const trouble = troubled(call);
    mark(this.node, "aria-rowindex", index + 2);
    mark(this.node, "data-trouble", trouble);
    put(this.head, call.conversation_id.slice(0, -8));
    put(this.tail, call.conversation_id.slice(-8));
    put(this.source, call.source);
    put(this.state, this.#state(call, trouble));
    mark(this.state, "data-state", trouble ?? call.state);
    const until = OVER.includes(call.state) ? call.since : now;
    this.#cell("lasts", lasting(until - call.begun));
    const late = behind(call);
    this.#cell("behind", late < 100 ? "" : millis(late), late >= 500 ? "warn" : null);
    this.#cell("phrases", call.phrases ? count(call.phrases) : "");
    this.#cell("gaps", call.gap_ms || call.reconnects ? `${millis(call.gap_ms)}${call.reconnects ? ` · ${call.reconnects}×` : ""}` : "");
    this.#cell("shard", call.shard === null ? "" : call.shard);
    for (const channel of call.channels) this.#voice(channel, OVER.includes(call.state));
  }

  #state(call, trouble) {
    if (call.state === "ended" && call.reason && call.reason !== "ended") return call.reason.replaceAll("_", " ");
    if (call.state === "failed" && call.reason) return `failed: ${call.reason.replaceAll("_", " ")}`;
    return trouble === "no audio" ? trouble : call.state;
  }

  #cell(name, text, level = null) {
    put(this.cells[name], text === "" ? "–" : String(text));
    mark(this.cells[name], "data-level", level);
    mark(this.cells[name], "data-empty", text === "" ? "" : null);
  }

  #voice({ channel, speaking }, over) {
    if (!this.channels.has(channel)) {
      const label = element("span", { class: "voice" });
      this.channels.set(channel, label);
      this.voices.append(label);
    }
    const label = this.channels.get(channel);
    const speaks = speaking && !over;
    put(label, who(channel));
    mark(label, "data-speaking", speaks);
    mark(label, "aria-label", `${who(channel)} ${speaks ? "speaks" : "is silent"}`);
  }
}
