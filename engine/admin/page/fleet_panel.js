// The fleet that this engine is a node of: shown only where there is one, and asked for while somebody looks.

import { byId, element, mark, put } from "./dom.js";
import { count, counted, millis, percent, roughly } from "./words.js";

const EVERY_MS = 2000;
const LEVELS = { ready: "ok", full: "warn", draining: "warn", fenced: "bad", silent: "bad" };
const FACTS = ["standing", "calls", "room", "busy", "heard"];

export class FleetPanel {
  #name = null; // the fleet's; null: this engine is alone
  #live = false;
  #asking = false;
  #rows = new Map();
  #concerns = "";

  constructor(feed) {
    this.feed = feed;
    setInterval(() => this.#look(), EVERY_MS);
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** The feed has begun with this fleet's name, or null. */
  begin(name) {
    this.#name = name ?? null;
    if (this.#name === null) byId("fleet").hidden = true;
    put(byId("fleet-title"), this.#name === null ? "Fleet" : `Fleet ${this.#name}`);
    this.#look();
  }

  /** Follow the connection's state: nothing is asked for without it. */
  link({ name }) {
    this.#live = name === "live";
  }

  async #look() {
    if (this.#name === null || !this.#live || this.#asking || document.visibilityState !== "visible") return;
    this.#asking = true;
    const { fleet, fault, alone } = await this.#asked();
    this.#asking = false;
    byId("fleet").hidden = Boolean(alone); // it has begun without its Redis
    put(byId("fleet-fault"), fault ?? "");
    mark(byId("fleet"), "data-old", fault ? "" : null);
    if (fleet) this.#show(fleet);
  }

  async #asked() {
    try {
      const response = await fetch("/v1/fleet", { headers: this.feed.headers, cache: "no-store" });
      const told = await response.json();
      if (response.status === 404) return { alone: true };
      return response.ok ? { fleet: told } : { fault: `The fleet can’t be seen now: ${told.detail}` };
    } catch {
      return { fault: "The fleet can’t be seen now: no answer from this engine." };
    }
  }

  #show(fleet) {
    put(byId("fleet-summary"), fleet.summary);
    put(byId("fleet-about"), about(fleet));
    this.#worry(fleet.concerns);
    const there = new Set(fleet.nodes.map(({ consumer }) => consumer));
    for (const [consumer, row] of this.#rows) if (!there.has(consumer)) this.#rows.delete(consumer) && row.node.remove();
    for (const node of fleet.nodes) this.#row(node.consumer).show(node);
    byId("fleet-nodes").append(...fleet.nodes.map(({ consumer }) => this.#rows.get(consumer).node).filter(misplaced));
  }

  #worry(concerns) {
    const key = JSON.stringify(concerns);
    if (key === this.#concerns) return;
    this.#concerns = key;
    byId("fleet-concerns").replaceChildren(...concerns.map(({ level, text }) => element("li", { "data-level": level }, text)));
  }

  #row(consumer) {
    if (!this.#rows.has(consumer)) this.#rows.set(consumer, new NodeRow());
    return this.#rows.get(consumer);
  }
}

/** Whether a row has no place yet; rows keep theirs, so that nothing jumps under a finger. */
const misplaced = (node) => !node.isConnected;

function about({ leader, epoch, lease_s: lease, redis }) {
  const leads = leader ? [`${leader} leads`] : epoch ? ["no leader"] : []; // nobody ever stood: no node follows notifications
  return [...leads, `lease ${lease} s`, `Redis ${redis.version}, ${count(redis.memory_mb)} MB`].join(" · ");
}

class NodeRow {
  constructor() {
    this.name = element("b", {});
    this.bar = element("i", {});
    this.meter = element("span", { class: "meter", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
    this.facts = Object.fromEntries(FACTS.map((name) => [name, element("span", { class: name })]));
    const { standing, ...others } = this.facts;
    this.node = element("li", {}, this.name, standing, this.meter, ...Object.values(others));
  }

  show(node) {
    const level = LEVELS[node.state] ?? "quiet";
    const share = shareOf(node);
    put(this.name, node.node);
    mark(this.name, "title", [node.consumer, node.version && `Cueline ${node.version}`, node.admin].filter(Boolean).join("\n"));
    mark(this.node, "data-level", level);
    this.bar.style.width = `${share * 100}%`;
    mark(this.meter, "aria-label", `Node ${node.node}, share of its calls that are taken`);
    mark(this.meter, "aria-valuenow", Math.round(share * 100));
    put(this.facts.standing, `${node.state ?? "unknown"}${node.leads ? ", leads" : ""}`);
    put(this.facts.calls, callsOf(node));
    put(this.facts.room, node.room ? `room for ${count(node.room)}` : "no room");
    put(this.facts.busy, [node.utilization !== null && `${percent(node.utilization)} busy`, node.lag_s !== null && `${millis(node.lag_s * 1000)} late`].filter(Boolean).join(", "));
    put(this.facts.heard, node.heard_s < 1 ? "heard of now" : `heard of ${roughly(node.heard_s)} ago`);
  }
}

/** How full it is, 0 to 1: of the calls that it may have, or of those that it has and would still take. */
function shareOf({ calls, max_calls: most, room, state }) {
  if (state === "draining" || most) return most ? Math.min(1, (calls ?? 0) / most) : 1;
  return calls ? calls / (calls + (room ?? 0)) : 0;
}

function callsOf({ calls, max_calls: most, audiohook }) {
  const hooked = audiohook ? `, ${count(audiohook)} by AudioHook` : "";
  if (calls === null) return "";
  return most === null ? counted(calls, "call") + hooked : `${count(calls)} of ${counted(most, "call")}${hooked}`;
}
