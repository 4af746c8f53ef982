// Is it well? One sentence and what there is to worry about, from the figures alone. Pure; docs/console.md lists the bounds.

import { behind, troubled } from "./call_selection.js";
import { counted, millis, percent } from "./words.js";

export const OBJECTIVE_MS = 500;
const LEVELS = ["ok", "warn", "bad"];
const CONDITIONS = {
  model_loaded: "the model is not loaded yet",
  shards_up: "not all shards are up",
  not_draining: "it is draining",
  state_writable: "the state folder can’t be written",
};

/** ENGINE's status, with one more: "full", where room is all that it lacks. That is well: it refuses what it could not hear. */
export function standingOf({ status, conditions }) {
  const failing = Object.keys(conditions).filter((name) => !conditions[name]);
  return status === "not ready" && failing.length === 1 && failing[0] === "capacity_left" ? "full" : status;
}

/** {level, text, concerns: [{level, text}]} of a Board and its recent latencies' 95th percentile. */
export function verdict({ engine, shards, calls, lost, history }, p95) {
  const concerns = [...standing(engine), ...hearing(engine, calls), ...load(shards, lost), ...speed(engine, p95), ...doing(engine, history)];
  const level = LEVELS[Math.max(0, ...concerns.map((concern) => LEVELS.indexOf(concern.level)))];
  return { level, text: sentence(engine, level), concerns };
}

function sentence(engine, level) {
  const hears = engine.calls ? `hearing ${counted(engine.calls, "call")}` : "no calls now";
  const status = standingOf(engine);
  if (status === "full") return `Full: takes no more calls; ${hears}.`;
  if (status === "draining") return `Draining: ${engine.calls ? `${counted(engine.calls, "call")} left` : "no calls left"}.`;
  if (status !== "ready") return `Not ready for new calls; ${hears}.`;
  const opening = engine.calls ? `Hearing ${counted(engine.calls, "call")}` : "Ready, no calls now";
  return level === "ok" ? `${opening}. All is well.` : `${opening}, but:`;
}

function* standing(engine) {
  if (engine.status === "draining") yield warn("New calls are refused until it has stopped or is started again.");
  for (const [name, holds] of Object.entries(engine.conditions)) {
    if (holds || name === "not_draining") continue;
    if (name === "capacity_left") yield warn("Full: new calls are refused until others end.");
    else yield bad(`Not ready: ${CONDITIONS[name] ?? name.replaceAll("_", " ")}.`);
  }
  if (engine.token_s !== null && engine.token_s < 120) yield bad(`The platform’s token ends in ${Math.max(0, Math.round(engine.token_s))} s.`);
}

function* hearing(engine, calls) {
  if (engine.without_audio) yield warn(`${counted(engine.without_audio, "call")} without audio for 10 s or more.`);
  const all = [...calls.values()];
  const lines = all.filter(({ state }) => state === "reconnecting").length;
  if (lines) yield warn(`${counted(lines, "call")} reconnecting.`);
  const late = all.filter((call) => troubled(call) === "late");
  if (late.length) yield warn(`${counted(late.length, "call")} heard late, up to ${millis(Math.max(...late.map(behind)))} behind.`);
}

function* load(shards, lost) {
  const frames = lost.reduce((sum, one) => sum + one.frames, 0);
  if (frames) yield warn(`${counted(frames, "frame")} lost in the last 5 minutes: more audio came than was heard.`);
  for (const { shard, up, utilization } of shards) {
    if (!up) yield bad(`Shard ${shard} is down.`);
    else if (utilization > 0.9) yield warn(`Shard ${shard} is full: ${percent(utilization)} busy.`);
  }
}

function* speed(engine, p95) {
  if (p95 !== null && p95 > OBJECTIVE_MS) yield warn(`Phrases are late: 5 in 100 took ${millis(p95)} or more, the objective is 500 ms.`);
  if (engine.loop_lag_ms > 100) yield warn(`The event loop is ${millis(engine.loop_lag_ms)} late.`);
}

function* doing(engine, history) {
  const failed = Math.round(history.failed_per_min?.at(-1) ?? 0);
  if (failed) yield warn(`${counted(failed, "delivery", "deliveries")} failed in the last minute.`);
  for (const sink of engine.sinks_failing) yield bad(`Sink ${sink} fails; its deliveries wait.`);
  if (engine.outbox_dead) yield warn(`${counted(engine.outbox_dead, "delivery", "deliveries")} given up: cueline commands list.`);
  if (engine.outbox_oldest_s > 30) yield warn(`${counted(engine.outbox_pending, "delivery", "deliveries")} waiting, the oldest for ${Math.round(engine.outbox_oldest_s)} s.`);
}

const warn = (text) => ({ level: "warn", text });
const bad = (text) => ({ level: "bad", text });
