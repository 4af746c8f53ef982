// A call's timeline as SVG: a lane for each channel with speech, gaps and phrases over channel time. Pure but for the elements.

import { drawn } from "./dom.js";
import { lasting, who } from "./words.js";

const LANE = 56;
const SPEECH = 18; // height of a bar
const TOP = 6;
const AXIS = 24;
const LEFT = 74; // for the channels' names
const RIGHT = 14;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** The picture of a timeline between two times, `width` pixels wide. */
export function drawing(timeline, from, to, width) {
  const scale = (ms) => LEFT + ((Math.min(to, Math.max(from, ms)) - from) / Math.max(1, to - from)) * (width - LEFT - RIGHT);
  const height = TOP + timeline.channels.length * LANE + AXIS;
  const label = timeline.channels.map((channel) => `${who(channel.channel)}: ${channel.speech.length} utterances, ${channel.gaps.length} gaps, ${channel.phrases.length} phrases`);
  return drawn(
    "svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label.join("; ") },
    ...ticks(from, to, scale, height),
    ...timeline.channels.map((channel, n) => lane(channel, TOP + n * LANE, { from, to, width, scale, now: timeline.now_ms })),
  );
}

function ticks(from, to, scale, height) {
  const step = 1000 * (STEPS_S.find((s) => (to - from) / (s * 1000) <= 7) ?? 7200);
  const marks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const x = scale(at);
    marks.push(drawn("line", { class: "grid", x1: x, x2: x, y1: TOP, y2: height - AXIS }));
    marks.push(drawn("text", { class: "time", x, y: height - 7, "text-anchor": "middle" }, lasting(at / 1000)));
  }
  return marks;
}

function lane(channel, top, frame) {
  const { from, to, width, scale, now } = frame;
  const middle = top + LANE - SPEECH / 2 - 10;
  const within = ([start, end]) => (end ?? now) >= from && start <= to;
  const bar = (name, start, end, title) =>
    drawn("rect", { class: name, x: scale(start), y: middle - SPEECH / 2, width: Math.max(1.5, scale(end) - scale(start)), height: SPEECH, rx: 3 }, drawn("title", {}, title));
  return drawn(
    "g", {},
    drawn("text", { class: "channel", x: 0, y: middle + 4 }, who(channel.channel)),
    drawn("line", { class: "base", x1: LEFT, x2: width - RIGHT, y1: middle, y2: middle }),
    ...channel.speech.filter(within).map(([start, end]) =>
      bar(end === null ? "speech open" : "speech", start, end ?? now, `speech ${lasting(start / 1000)} to ${end === null ? "now" : lasting(end / 1000)}`)),
    ...channel.gaps.filter(([at, ms]) => within([at, at + ms])).map(([at, ms]) => bar("gap", at, at + ms, `${Math.round(ms)} ms of audio are missing`)),
    ...flags(channel.phrases.filter(({ phrase_end_ms: at }) => at >= from && at <= to), top, middle, scale, width),
  );
}

/** A flag at each phrase's end; its name where there is room for it. */
function flags(phrases, top, middle, scale, width) {
  let free = 0; // up to where names stand already
  const sorted = [...phrases].sort((a, b) => a.phrase_end_ms - b.phrase_end_ms);
  return sorted.flatMap((phrase, n) => {
    const x = scale(phrase.phrase_end_ms);
    const reach = phrase.rule.length * 6.6 + 8;
    const left = x + reach > width;
    const next = n + 1 < sorted.length ? scale(sorted[n + 1].phrase_end_ms) : Infinity;
    const named = left ? x - reach >= free : x >= free && x + reach <= next;
    free = Math.max(free, named && !left ? x + reach : x + 6);
    const flag = drawn("path", { class: "flag", d: `M${x} ${top + 12}V${middle + SPEECH / 2 + 3}` }, drawn("title", {}, `${phrase.rule}: ${phrase.phrase}`));
    const head = drawn("circle", { class: "flag", cx: x, cy: top + 12, r: 3.5 });
    const name = drawn("text", { class: "rule", x: left ? x - 7 : x + 7, y: top + 16, "text-anchor": left ? "end" : "start" }, phrase.rule);
    return named ? [flag, head, name] : [flag, head];
  });
}
