// What the feed has told, as it is now: one object that all parts of the page read. It is bounded whatever happens.
//
// Rows (calls, phrases) are never changed, only replaced, so that a view that was taken stays what it was.

const MOST = { ended: 20, phrases: 200, history: 600, latencies: 3000 };
export const RECENT_S = 300; // what "lately" means for phrases and their latency

export class Board {
  state = null; // version, started_at, shows_text, rules
  engine = null;
  shards = [];
  calls = new Map();
  ended = [];
  phrases = []; // newest first
  history = { at: [] };
  recent = []; // {at, latency_ms} of the phrases of the last RECENT_S
  lost = []; // {at, frames} of the last RECENT_S
  heardAt = 0; // Unix seconds of the engine: how old all this is
  #ahead = 0; // s, the engine's clock less ours

  /** Take in one event of the feed. */
  apply(kind, data) {
    if (kind === "state") this.#state(data);
    else if (kind === "tick") this.#tick(data);
    else if (kind === "phrase") this.#phrase(data);
    else if (kind === "command") this.#command(data);
  }

  /** The engine's time, Unix seconds. */
  get now() {
    return Date.now() / 1000 + this.#ahead;
  }

  /** Names of each rule's sinks. */
  get sinks() {
    return new Map((this.state?.rules ?? []).map((rule) => [rule.name, rule.sinks]));
  }

  /** All that lists and plots show, as of now. */
  view() {
    const { phrases, ended, history, now } = this;
    return { calls: [...this.calls.values()], ended, phrases, history, now, texts: Boolean(this.state?.shows_text) };
  }

  #state(state) {
    this.state = state;
    this.#news(state);
    this.calls = new Map(state.calls.map((call) => [call.key, call]));
    this.ended = state.ended.slice(-MOST.ended).reverse();
    this.phrases = state.phrases.slice(-MOST.phrases).reverse();
    this.recent = state.phrases.map(({ at, latency_ms }) => ({ at, latency_ms }));
    this.history = state.history;
    this.#forget();
  }

  #tick(tick) {
    this.#news(tick);
    for (const call of tick.calls) this.calls.set(call.key, call);
    for (const key of tick.left) this.#left(key, tick);
    if (tick.sample) this.#sample(tick.sample);
    this.#forget();
  }

  #news({ at, engine, shards }) {
    this.#ahead = at - Date.now() / 1000;
    this.heardAt = at;
    this.engine = engine;
    for (const { shard, dropped } of shards) {
      const before = this.shards.find((other) => other.shard === shard)?.dropped ?? dropped;
      if (dropped > before) this.lost.push({ at, frames: dropped - before });
    }
    this.shards = shards;
  }

  #left(key, { at, ended = [] }) {
    const call = ended.find((other) => other.key === key) ?? this.calls.get(key);
    this.calls.delete(key);
    if (!call) return;
    const over = ["ended", "failed"].includes(call.state) ? call : { ...call, state: "ended", since: at };
    this.ended = [over, ...this.ended.filter((other) => other.key !== key)].slice(0, MOST.ended);
  }

  #sample(sample) {
    const next = {};
    for (const name of Object.keys({ ...this.history, ...sample })) {
      const values = this.history[name] ?? this.history.at.map(() => null);
      next[name] = [...values.slice(1 - MOST.history), sample[name] ?? null];
    }
    this.history = next;
  }

  #phrase(phrase) {
    if (this.phrases.some(({ id }) => id === phrase.id)) return;
    this.phrases = [phrase, ...this.phrases].slice(0, MOST.phrases);
    this.recent.push({ at: phrase.at, latency_ms: phrase.latency_ms });
    this.#forget();
  }

  #command({ id, sink, outcome, latency_ms }) {
    this.phrases = this.phrases.map((phrase) => {
      if (phrase.id !== id) return phrase;
      const others = phrase.deliveries.filter((delivery) => delivery.sink !== sink);
      return { ...phrase, deliveries: [...others, { sink, outcome, latency_ms }] };
    });
  }

  #forget() {
    const since = this.now - RECENT_S;
    this.recent = this.recent.filter(({ at }) => at >= since).slice(-MOST.latencies);
    this.lost = this.lost.filter(({ at }) => at >= since).slice(-MOST.history);
  }
}
