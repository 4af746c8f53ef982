// A call's timeline as SVG: a lane for each channel with speech, gaps and phrases over channel time. Pure but for the elements.

import { drawn, textWidth } from "./dom.js";
import { lasting, who } from "./words.js";

const LANE = 56;
const SPEECH = 18; // height of a bar
const TOP = 6;
const AXIS = 24;
const LEFT = 74; // for the channels' names
const RIGHT = 14;
const PIN = 5; // half a pin's width
const FONT = "600 12px"; // of a pin's name, as in dialogs.css
const TICK = 56; // for a time below
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
  const most = Math.min(7, (scale(to) - scale(from)) / TICK);
  const step = 1000 * (STEPS_S.find((s) => (to - from) / (s * 1000) <= most) ?? 7200);
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

/** A pin at each phrase's end, which says what it is when pointed at; its name beside it where there is room. */
function flags(phrases, top, middle, scale, width) {
  const ends = phrases.map((phrase) => scale(phrase.phrase_end_ms));
  const places = names(phrases.map(({ rule }) => rule), ends, width);
  return phrases.map((phrase, n) => {
    const [x, place] = [ends[n], places[n]];
    return drawn(
      "g", { class: "pin" },
      drawn("title", {}, `${phrase.rule}: “${phrase.phrase}” at ${lasting(phrase.phrase_end_ms / 1000)}`),
      drawn("rect", { class: "reach", x: x - PIN, y: top, width: 2 * PIN, height: middle + SPEECH / 2 - top }), // a line alone is hard to point at
      drawn("path", { class: "flag", d: `M${x} ${top + 12}V${middle + SPEECH / 2 + 3}` }),
      drawn("circle", { class: "flag", cx: x, cy: top + 12, r: 3.5 }),
      ...(place ? [drawn("text", { class: "rule", x: place.x, y: top + 16 }, phrase.rule)] : []),
    );
  });
}

/** Where each name begins, right or left of its pin and over no other pin or name: {x}, or null without room. */
function names(rules, ends, width) {
  const taken = ends.map((x) => [x - PIN, x + PIN]);
  return rules.map((rule, n) => {
    const long = textWidth(rule, FONT);
    const x = [ends[n] + PIN + 2, ends[n] - PIN - 2 - long].find((at) => at >= 0 && at + long <= width && taken.every(([a, b]) => at >= b || at + long <= a));
    if (x === undefined) return null;
    taken.push([x - PIN, x + long + PIN]);
    return { x };
  });
}
