// Which calls and phrases are listed, and in what order. Pure.

const LATE_MS = 500;

const WHICH = {
  live: () => true,
  speaking: (call) => call.channels.some(({ speaking }) => speaking),
  trouble: (call) => troubled(call) !== null,
  left: () => true,
};
const ORDER = {
  newest: (a, b) => b.begun - a.begun,
  oldest: (a, b) => a.begun - b.begun,
  late: (a, b) => behind(b) - behind(a) || b.begun - a.begun,
  phrases: (a, b) => b.phrases - a.phrases || b.begun - a.begun,
};

/** How long the oldest frame not yet heard has waited, over all channels. */
export const behind = (call) => call.channels.reduce((most, { late_ms }) => Math.max(most, late_ms), 0);

/** What is wrong with a live call in a word or two, or null. */
export function troubled(call) {
  if (["reconnecting", "failed"].includes(call.state)) return call.state;
  if (call.without_audio) return "no audio";
  return behind(call) >= LATE_MS ? "late" : null;
}

/** The phrases of a view that have `text`, in lower case, in their ids, rule, phrase, channel, sinks, outcomes or (where shown) words. */
export function spotted(view, text) {
  return text ? view.phrases.filter((phrase) => wordsOf(phrase, view.texts).includes(text)) : view.phrases;
}

/** The wanted calls of a view in order. `text` is looked for in ids, source, state and reason; a call of one of `phrases` has it, too. */
export function selected(view, which, order, text, phrases) {
  const rows = which === "left" ? view.ended : view.calls.filter(WHICH[which]);
  const keys = new Set(phrases.map(({ key }) => key));
  const found = text ? rows.filter((call) => keys.has(call.key) || words(call).includes(text)) : rows;
  return which === "left" ? found : [...found].sort((a, b) => ORDER[order](a, b) || (a.key < b.key ? -1 : 1));
}

const known = new WeakMap();

function words(call) {
  if (!known.has(call)) {
    const all = [call.key, call.conversation_id, call.source, call.state, call.reason, troubled(call)];
    known.set(call, all.filter(Boolean).join(" ").toLowerCase());
  }
  return known.get(call);
}

function wordsOf(phrase, texts) {
  const outcomes = phrase.deliveries.flatMap(({ sink, outcome }) => [sink, outcome]);
  return [phrase.conversation_id, phrase.key, phrase.rule, phrase.phrase, phrase.channel, texts ? phrase.text : "", ...outcomes].join(" ").toLowerCase();
}
