// The page: who hears what. The feed tells the board; once a frame at most, the parts show what has changed.

import { Announcer } from "./announcer.js";
import { Board } from "./board.js";
import { spotted } from "./call_selection.js";
import { CallsPanel } from "./calls_panel.js";
import { byId, mark, put } from "./dom.js";
import { Feed } from "./feed.js";
import { FleetPanel } from "./fleet_panel.js";
import { Glance } from "./glance.js";
import { LinkLine } from "./link_line.js";
import { PhrasesPanel } from "./phrases_panel.js";
import { Plots } from "./plots.js";
import { ShardsPanel, showRules } from "./shards_panel.js";
import { SignIn } from "./sign_in.js";
import { Theme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { clock, counted } from "./words.js";

const board = new Board();
const feed = new Feed(onEvent, onLink);
const announcer = new Announcer();
const glance = new Glance();
const line = new LinkLine();
const timeline = new Timeline(feed, board);
const calls = new CallsPanel((call) => timeline.open(call), () => soon("lists"));
const phrases = new PhrasesPanel((call) => timeline.open(call));
const plots = new Plots();
const shards = new ShardsPanel();
const fleet = new FleetPanel(feed);
const signIn = new SignIn(feed);
new Theme(byId("theme"), () => plots.recolour());

let held = null; // the view that the lists show while they are paused
let missed = 0; // phrases that came meanwhile
const changed = new Set();

function onEvent(kind, data) {
  board.apply(kind, data);
  if (kind === "phrase") {
    announcer.phrase(data);
    missed += held ? 1 : 0;
  }
  if (kind === "state") soon("lists", "glance", "plots", "shards", "state");
  else if (kind === "tick") soon("lists", "glance", "shards", ...(data.sample ? ["plots"] : []));
  else soon("lists", "glance");
}

function onLink(link) {
  line.link = link;
  signIn.show(link, feed.token !== null);
  fleet.link(link);
  soon("link");
}

function soon(...parts) {
  if (!changed.size) requestAnimationFrame(draw);
  for (const part of parts) changed.add(part);
}

function draw() {
  const parts = new Set(changed);
  changed.clear();
  if (parts.has("state")) drawState();
  if (board.engine && parts.has("glance")) {
    glance.show(board);
    announcer.verdict(glance.judged.text);
  }
  line.show(board, glance.judged);
  if (!board.engine) return;
  const view = held ?? board.view();
  if (parts.has("lists")) drawLists(view);
  if (parts.has("plots") && !held) plots.show(view.history);
  if (parts.has("shards")) shards.show(board.shards);
}

function drawLists(view) {
  const text = byId("filter").value.trim().toLowerCase();
  const found = spotted(view, text);
  calls.show(view, text, found);
  phrases.show(view, found, text, board.sinks);
  put(byId("pause"), held ? `Go on${missed ? ` · ${counted(missed, "new phrase")}` : ""}` : "Pause");
}

function drawState() {
  const { version, started_at: started, rules } = board.state;
  showRules(rules);
  fleet.begin(board.state.fleet);
  put(byId("about"), `Cueline ${version} · model ${board.engine.model} · started ${new Date(started * 1000).toLocaleDateString("en-CA")} ${clock(started)}`);
}

function pause() {
  held = held ? null : board.view();
  missed = 0;
  mark(byId("pause"), "aria-pressed", Boolean(held));
  mark(document.documentElement, "data-paused", held ? "" : null);
  soon("lists", "plots");
}

function pressed(event) {
  const typing = event.target.closest("input, select, textarea, dialog");
  if (event.key === "Escape" && event.target === byId("filter")) byId("filter").value = "";
  if (event.key === "Escape") soon("lists");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "p") pause();
  if (["ArrowUp", "ArrowDown"].includes(event.key) && idle(event.target) && calls.enter()) event.preventDefault();
  if (event.key === "/") {
    event.preventDefault();
    byId("filter").focus();
  }
}

/** Whether nothing has the focus that could want the arrows itself. */
function idle(target) {
  return [document.body, byId("calls"), byId("skip")].includes(target) && !document.querySelector("dialog[open]");
}

byId("skip").addEventListener("click", (event) => calls.enter() && event.preventDefault());
byId("filter").addEventListener("input", () => soon("lists"));
byId("pause").addEventListener("click", pause);
document.addEventListener("keydown", pressed);
setInterval(() => line.link.name !== "live" && soon("link"), 500); // it says when the next attempt is
feed.run();
