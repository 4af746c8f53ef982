// One spotted phrase with what became of its commands, as an item of a list.

import { element, mark } from "./dom.js";
import { clock, millis, percent, short, who } from "./words.js";

const MARKS = { delivered: "✓", failed: "✕", refused: "⊘", unknown: "?" };

/** The item; `onOpen` is called with the phrase's call, or null where the list belongs to one call already. */
export function phraseItem(phrase, texts, sinks, onOpen) {
  const head = element(
    "p", { class: "head" },
    element("time", {}, clock(phrase.at)),
    element("b", { class: "rule" }, phrase.rule),
    element("q", {}, phrase.phrase),
  );
  const facts = element("p", { class: "facts" }, ...factsOf(phrase), ...(onOpen ? [opener(phrase, onOpen)] : []));
  const said = texts && phrase.text ? [element("p", { class: "said" }, phrase.text)] : [];
  const item = element("li", { class: "phrase" }, head, facts, ...said, deliveries(phrase, sinks));
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

/** What each sink has done with it; a sink of the rule that has said nothing yet is waited for. */
export function deliveries({ deliveries: told, rule }, sinks) {
  const waited = (sinks.get(rule) ?? []).filter((sink) => !told.some((delivery) => delivery.sink === sink));
  return element(
    "p", { class: "deliveries" },
    ...told.map(({ sink, outcome, latency_ms }) => badge(sink, outcome, `${MARKS[outcome] ?? ""} ${sink} ${outcome}${latency_ms === null ? "" : `, ${millis(latency_ms)}`}`)),
    ...waited.map((sink) => badge(sink, "waiting", `… ${sink}`)),
  );
}

const badge = (sink, outcome, text) => element("span", { class: "outcome", "data-outcome": outcome, "data-sink": sink }, text.trim());
