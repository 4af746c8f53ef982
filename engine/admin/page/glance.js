// The top of the page: is it hearing, how fast, what did it do.

import { RECENT_S } from "./board.js";
import { byId, element, mark, put } from "./dom.js";
import { standingOf, verdict } from "./verdict.js";
import { ago, count, counted, millis, percent, quantile } from "./words.js";

const SCALE_MS = 1000; // right end of the latency scale
const LEVELS = { ready: "ok", full: "warn", draining: "warn", "not ready": "bad" };
const OUTCOMES = ["delivered", "failed", "refused", "unknown", "elsewhere"];

export class Glance {
  /** Show the board as it is now. */
  show(board) {
    const { engine, shards, recent } = board;
    const latencies = recent.map(({ latency_ms }) => latency_ms).filter((ms) => ms !== null);
    const [half, most] = [quantile(latencies, 0.5), quantile(latencies, 0.95)];
    this.judged = verdict(board, most);
    this.#verdict(this.judged);
    this.#hearing(engine, shards);
    this.#speed(board, half, most);
    this.#deeds(board);
  }

  #verdict({ level, text, concerns }) {
    mark(byId("verdict"), "data-level", level);
    put(byId("verdict-text"), text);
    const key = concerns.map((concern) => concern.text).join("\n");
    if (key === this.concerns) return;
    this.concerns = key;
    byId("concerns").replaceChildren(...concerns.map((it) => element("li", { "data-level": it.level }, it.text)));
  }

  #hearing(engine, shards) {
    put(byId("calls-count"), count(engine.calls));
    put(byId("calls-word"), engine.calls === 1 ? "call" : "calls");
    put(byId("speaking"), `${counted(engine.speaking, "channel")} speaking`);
    put(byId("without-audio"), engine.without_audio ? `${count(engine.without_audio)} without audio` : "audio on every call");
    mark(byId("without-audio"), "data-level", engine.without_audio ? "warn" : null);
    const status = standingOf(engine);
    put(byId("status"), status);
    mark(byId("status"), "data-level", LEVELS[status] ?? "bad");
    byId("refused").hidden = !engine.refused_total;
    put(byId("refused"), `${counted(engine.refused_total, "call")} refused`);
    const busy = shards.reduce((sum, shard) => sum + shard.utilization, 0) / (shards.length || 1);
    put(byId("load"), `${percent(busy)} of ${counted(shards.length, "shard")} busy`);
  }

  #speed({ engine, history, recent }, half, most) {
    put(byId("spot-p95"), millis(most));
    put(byId("spot-word"), most === null ? "no phrase in the last 5 minutes" : "at most, for 95 of 100 phrases");
    mark(byId("spot-p95"), "data-level", most === null ? null : most > 500 ? "warn" : "ok");
    place("scale-half", half);
    place("scale-most", most);
    put(byId("spot-p50"), half === null ? "" : `half within ${millis(half)} of their end, in the last ${RECENT_S / 60} min`);
    put(byId("frame-p99"), `a frame is heard within ${millis(latest(history.frame_p99_ms))}`);
    put(byId("loop-lag"), `loop ${millis(engine.loop_lag_ms)} late`);
  }

  #deeds({ engine, phrases, recent, now, sinks }) {
    const total = Math.max(engine.phrases_total, recent.length); // a phrase is told before the tick that counts it
    put(byId("phrases-count"), count(recent.length));
    put(byId("phrases-word"), `${recent.length === 1 ? "phrase" : "phrases"} in 5 minutes, ${count(total)} since the start`);
    this.#outcomes(engine, new Set([...sinks.values()].flat()));
    const [last] = phrases;
    put(byId("latest"), last ? `latest: ${last.rule}, ${ago(now - last.at)}` : "nothing spotted yet");
  }

  /** One delivery is one phrase to one sink: three sinks make three of one phrase. */
  #outcomes(engine, sinks) {
    const label = sinks.size > 3 ? `deliveries to ${sinks.size} sinks: ` : `deliveries (${[...sinks].join(" + ") || "no sink"}): `;
    const totals = OUTCOMES.map((name) => [name, engine.commands_total[name] ?? 0]).filter(([name, n]) => n || name === "delivered");
    const parts = [...totals, ...(engine.outbox_pending ? [["waiting", engine.outbox_pending]] : [])];
    const key = JSON.stringify([label, parts]);
    if (key === this.outcomes) return;
    this.outcomes = key;
    byId("outcomes").replaceChildren(
      label, ...parts.map(([name, n]) => element("span", { class: "outcome", "data-outcome": name }, `${count(n)} ${name}`)),
    );
  }
}

function place(id, ms) {
  const node = byId(id);
  node.hidden = ms === null;
  node.style.left = `${Math.min(100, ((ms ?? 0) / SCALE_MS) * 100)}%`;
}

function latest(values = []) {
  return values.findLast((value) => value !== null) ?? null;
}
