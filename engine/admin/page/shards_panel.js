// The shards and their load, and the rules that are listened for.

import { byId, element, mark, put } from "./dom.js";
import { count, counted, percent } from "./words.js";

const FACTS = ["share", "channels", "queue", "dropped", "restarts", "memory"];

export class ShardsPanel {
  #rows = new Map();

  /** Show these SHARDs. */
  show(shards) {
    const there = new Set(shards.map(({ shard }) => shard));
    for (const [number, row] of this.#rows) if (!there.has(number)) this.#rows.delete(number) && row.node.remove();
    for (const shard of shards) this.#row(shard.shard).show(shard);
  }

  #row(number) {
    if (!this.#rows.has(number)) {
      const row = new ShardRow(number);
      this.#rows.set(number, row);
      byId("shards").append(row.node);
    }
    return this.#rows.get(number);
  }
}

class ShardRow {
  constructor(number) {
    this.bar = element("i", {});
    this.meter = element("span", { class: "meter", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": `Shard ${number}, busy` }, this.bar);
    this.facts = Object.fromEntries(FACTS.map((name) => [name, element("span", { class: name })]));
    this.node = element("li", {}, element("b", {}, `Shard ${number}`), this.meter, ...Object.values(this.facts));
  }

  show({ up, utilization, calls, queue_frames, dropped, restarts, memory_mb }) {
    const level = !up ? "bad" : utilization > 0.9 ? "warn" : "ok";
    this.bar.style.width = `${Math.min(100, utilization * 100)}%`;
    mark(this.node, "data-level", level);
    mark(this.meter, "aria-valuenow", Math.round(utilization * 100));
    this.#fact("share", up ? `${percent(utilization)} busy` : "down");
    this.#fact("channels", counted(calls, "channel"));
    this.#fact("queue", `${counted(queue_frames, "frame")} waiting`);
    this.#fact("dropped", dropped ? `${count(dropped)} lost` : "none lost", dropped > 0);
    this.#fact("restarts", counted(restarts, "restart"), restarts > 0);
    this.#fact("memory", memory_mb === null ? "" : `${count(memory_mb)} MB`);
  }

  #fact(name, text, notable = false) {
    put(this.facts[name], text);
    mark(this.facts[name], "data-level", notable ? "warn" : null);
  }
}

/** The rules of a state, as a list. */
export function showRules(rules) {
  const items = rules.map(({ name, phrases, sinks }) =>
    element("li", {}, element("b", {}, name), ...phrases.map((phrase) => element("q", {}, phrase)), element("span", { class: "note" }, sinks.length ? `→ ${sinks.join(", ")}` : "→ no sink")));
  byId("rules").replaceChildren(...items);
}
