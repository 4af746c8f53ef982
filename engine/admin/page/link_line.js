// How the page stands with the engine, said in the bar, in the window's title and by a veil over figures that are old.

import { byId, mark, put } from "./dom.js";
import { clock, counted } from "./words.js";

const TITLE = "Cueline";
const SIGNS = { ok: "●", warn: "▲", bad: "■", quiet: "○" };

export class LinkLine {
  link = { name: "connecting", detail: "" };

  /** Show it, with what the board had last. */
  show(board, judged) {
    const live = this.link.name === "live";
    const level = live ? "ok" : this.link.name === "waiting" ? "bad" : "quiet";
    mark(byId("link"), "data-level", level);
    put(byId("link-text"), this.#words(board));
    mark(document.documentElement, "data-stale", board.engine && !live ? "" : null);
    const sign = SIGNS[live && judged ? judged.level : level];
    document.title = live && board.engine ? `${sign} ${counted(board.engine.calls, "call")} · ${TITLE}` : `${sign} ${this.#short()} · ${TITLE}`;
    byId("concerns").hidden = !live; // they were reasons of then
    if (this.link.name !== "live") this.#lost(board);
  }

  #words(board) {
    const { name, detail, retryAt } = this.link;
    if (name === "live") return `Live, ${clock(board.now)}`;
    if (name === "sign-in") return "Not signed in";
    if (name === "connecting") return "Connecting…";
    const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    return `Not connected: ${detail}. ${seconds ? `Trying again in ${seconds} s.` : "Trying again."}`;
  }

  #short() {
    return { connecting: "connecting", "sign-in": "not signed in", waiting: "not connected" }[this.link.name];
  }

  #lost(board) {
    if (this.link.name === "connecting" && !board.engine) return; // the page has just been opened
    const [level, text] = this.link.name === "sign-in" ? ["quiet", "Not signed in"] : ["bad", "Not connected"];
    mark(byId("verdict"), "data-level", level);
    put(byId("verdict-text"), board.engine ? `${text}. What stands below is from ${clock(board.heardAt)}.` : `${text} yet.`);
  }
}
