// The last ten minutes as three pictures, by uPlot (vendored: uplot.js, version 1.6.32).
//
// Each has its legend in words with the present value, so that no colour has to be told from another, and a line for what
// must not be passed. Colours are read from the legend's swatches: the style sheets are the only place that knows them.

import { byId, element, mark, put } from "./dom.js";
import { count, hourAndMinute, millis } from "./words.js";

const HEIGHT = 150;
const LIMIT_MS = 500;
const STEPS = [1, 2, 5].flatMap((n) => [1, 10, 100, 1000, 10000].map((ten) => n * ten)).sort((a, b) => a - b); // of the left axis
const PLOTS = [
  { title: "Calls", value: count, floor: 4, series: [["calls", "calls"], ["speaking", "channels speaking"]] },
  { title: "Latency", value: millis, floor: 600, limit: LIMIT_MS, series: [["spot_p95_ms", "phrase p95"], ["spot_p50_ms", "phrase p50"], ["frame_p99_ms", "frame p99"]] },
  { title: "A minute", value: count, floor: 4, series: [["phrases_per_min", "phrases"], ["commands_per_min", "deliveries"], ["failed_per_min", "failed"]] },
];

export class Plots {
  constructor() {
    this.plots = PLOTS.map((plan) => new Plot(plan, byId("plots")));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
  }

  /** Show a history: columns by name, `at` among them. */
  show(history) {
    for (const plot of this.plots) plot.show(history);
  }

  /** The colours have changed. */
  recolour() {
    for (const plot of this.plots) plot.picture.redraw(false);
  }
}

class Plot {
  constructor(plan, parent) {
    this.plan = plan;
    this.values = plan.series.map(() => element("b", {}, "–"));
    this.swatches = plan.series.map((_, n) => element("i", { class: `swatch series-${n + 1}` }));
    this.box = element("div", { class: "canvas", role: "img" });
    const legend = plan.series.map(([, label], n) => element("span", {}, this.swatches[n], `${label} `, this.values[n]));
    const probe = element("i", { class: "probe" });
    this.figure = element("figure", { class: "card" }, element("figcaption", {}, element("h2", {}, plan.title), ...legend, probe), this.box);
    parent.append(this.figure);
    this.ink = () => getComputedStyle(probe).color;
    this.line = () => getComputedStyle(probe).borderTopColor;
    this.picture = new uPlot(this.#options(), [[], ...plan.series.map(() => [])], this.box);
    new ResizeObserver(() => this.#fit()).observe(this.box);
  }

  show(history) {
    const columns = this.plan.series.map(([name]) => history[name] ?? history.at.map(() => null));
    this.picture.setData([history.at, ...columns]);
    const now = columns.map((values) => this.plan.value(values.findLast((value) => value !== null) ?? 0));
    now.forEach((text, n) => put(this.values[n], columns[n].some((value) => value !== null) ? text : "–"));
    mark(this.box, "aria-label", `${this.plan.title}, last 10 minutes; now ${this.plan.series.map(([, label], n) => `${label} ${now[n]}`).join(", ")}`);
  }

  #fit() {
    const width = Math.floor(this.box.clientWidth);
    if (width && width !== this.picture.width) this.picture.setSize({ width, height: HEIGHT });
  }

  #options() {
    const colour = (n) => () => getComputedStyle(this.swatches[n]).color;
    const axis = { stroke: this.ink, grid: { stroke: this.line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const top = (most) => Math.max(this.plan.floor, most * 1.1);
    return {
      width: 320, height: HEIGHT, legend: { show: false }, padding: [8, 12, 0, 0],
      cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
      scales: { y: { range: (_, __, most) => [0, top(most ?? 0)] } },
      axes: [
        { ...axis, size: 26, gap: 4, space: 60, values: (_, ticks) => ticks.map(hourAndMinute) },
        { ...axis, size: 46, gap: 4, space: 30, incrs: STEPS, values: (_, ticks) => ticks.map((tick) => this.plan.value(tick)) },
      ],
      series: [{}, ...this.plan.series.map((_, n) => ({ stroke: colour(n), width: 1.75, dash: n === 1 ? [6, 4] : undefined, points: { show: false }, spanGaps: true }))],
      hooks: { draw: [(picture) => this.#limit(picture)], setCursor: [(picture) => this.#point(picture)] },
    };
  }

  #limit(picture) {
    if (this.plan.limit === undefined) return;
    const { ctx, bbox } = picture;
    const y = Math.round(picture.valToPos(this.plan.limit, "y", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = this.ink();
    ctx.setLineDash([2, 4]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    ctx.fillText("objective", bbox.left + bbox.width - 2, y - 2);
    ctx.restore();
  }

  /** The values under the pointer stand in the legend while it is there. */
  #point(picture) {
    const at = picture.cursor.idx;
    if (at === null || at === undefined) return;
    this.values.forEach((node, n) => {
      const value = picture.data[n + 1][at];
      put(node, value === null || value === undefined ? "–" : this.plan.value(value));
    });
  }
}
