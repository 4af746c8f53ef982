// One spotted phrase with what became of its commands, as an item of a list.

import { element, mark, put } from "./dom.js";
import { clock, millis, percent, roughly, short, who } from "./words.js";

const MARKS = { delivered: "✓", failed: "✕", refused: "⊘", unknown: "?", elsewhere: "→" };

/** The item as of `now`; `onOpen` is called with the phrase's call, or null where the list belongs to one call already. */
export function phraseItem(phrase, texts, sinks, now, onOpen) {
  const head = element(
    "p", { class: "head" },
    element("time", {}, clock(phrase.at)),
    element("b", { class: "rule" }, phrase.rule),
    element("q", {}, phrase.phrase),
  );
  const facts = element("p", { class: "facts" }, ...factsOf(phrase), ...(onOpen ? [opener(phrase, onOpen)] : []));
  const said = texts && phrase.text ? [element("p", { class: "said" }, phrase.text)] : [];
  const item = element("li", { class: "phrase" }, head, facts, ...said, deliveries(phrase, sinks, now));
  mark(item, "data-late", phrase.latency_ms > 500 ? "" : null);
  return item;
}

function factsOf(phrase) {
  const late = phrase.latency_ms > 500;
  return [
    element("span", late ? { "data-level": "warn" } : {}, phrase.latency_ms === null ? "latency unknown" : `after ${millis(phrase.latency_ms)}`),
    element("span", {}, phrase.confidence === null ? `on ${phrase.fired_on}` : `${percent(phrase.confidence)} sure, on ${phrase.fired_on}`),
    element("span", {}, who(phrase.channel)),
  ];
}

function opener(phrase, onOpen) {
  const button = element("button", { type: "button", class: "plain", title: phrase.conversation_id, "aria-label": `Timeline of call ${phrase.conversation_id}` }, short(phrase.conversation_id));
  button.addEventListener("click", () => onOpen(phrase));
  return button;
}

/** The sinks of its rule that have said nothing yet. */
export const waitedFor = ({ deliveries: told, rule }, sinks) =>
  (sinks.get(rule) ?? []).filter((sink) => !told.some((delivery) => delivery.sink === sink));

/** What each sink has done with it, and for how long it has waited for the others. */
export function deliveries(phrase, sinks, now) {
  return element(
    "p", { class: "deliveries" },
    ...phrase.deliveries.map(({ sink, outcome, latency_ms }) => badge(sink, outcome, `${MARKS[outcome] ?? ""} ${sink} ${outcome}${latency_ms === null ? "" : `, ${millis(latency_ms)}`}`)),
    ...waitedFor(phrase, sinks).map((sink) => badge(sink, "waiting", waiting(sink, now - phrase.at))),
  );
}

/** An item that is shown already, a while later: its waiting sinks have waited longer. */
export function grown(item, phrase, now) {
  for (const node of item.querySelectorAll("[data-outcome=waiting]")) put(node, waiting(node.dataset.sink, now - phrase.at));
}

const waiting = (sink, seconds) => `… ${sink} waiting${seconds < 2 ? "" : `, ${roughly(seconds)}`}`;

const badge = (sink, outcome, text) => element("span", { class: "outcome", "data-outcome": outcome, "data-sink": sink }, text.trim());
