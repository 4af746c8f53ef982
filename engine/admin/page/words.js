// Numbers and names as people read them. Pure.

const THIN = "\u202f"; // between a number and its unit, and within large numbers

/** "1 call", "3 calls"; large numbers in groups of three. */
export const counted = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
export const count = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, THIN);
export const percent = (share) => `${Math.round(share * 100)}${THIN}%`;

/** Milliseconds, from a second on as seconds: "310 ms", "1.2 s". */
export function millis(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 1000 ? `${Math.round(ms)}${THIN}ms` : `${(ms / 1000).toFixed(1)}${THIN}s`;
}

/** How long: "0:07", "12:40", "1:02:03". */
export function lasting(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** How long, roughly: "12 s", "4 min", "3 h". */
export function roughly(seconds) {
  if (seconds < 90) return `${Math.round(seconds)}${THIN}s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}${THIN}min`;
  return `${Math.round(seconds / 3600)}${THIN}h`;
}

/** How long ago, roughly: "just now", "12 s ago". */
export const ago = (seconds) => (seconds < 2 ? "just now" : `${roughly(seconds)} ago`);

/** Time of day of Unix seconds, in the reader's zone: "18:52:03". */
export const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");
export const hourAndMinute = (at) => clock(at).slice(0, 5);

/** An id's end, which is where ids differ. */
export const short = (id) => (id.length > 14 ? `…${id.slice(-8)}` : id);

export const WHO = { external: "customer", internal: "agent" };
export const who = (channel) => WHO[channel] ?? channel;

/** The q-th part of numbers, by nearest rank; null of none. */
export function quantile(numbers, q) {
  if (!numbers.length) return null;
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}
