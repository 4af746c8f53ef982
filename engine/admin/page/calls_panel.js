// The panel of calls: what is chosen to be shown, and the list itself.

import { CallList } from "./call_list.js";
import { selected } from "./call_selection.js";
import { byId, put } from "./dom.js";
import { counted } from "./words.js";

const NONE = { live: "No calls now.", speaking: "Nobody speaks just now.", trouble: "No call is in trouble.", left: "No call has left yet." };

export class CallsPanel {
  constructor(onOpen, onChoice) {
    this.list = new CallList(byId("calls-grid"), byId("calls-scroller"), byId("calls-sizer"), onOpen);
    this.which = byId("calls-which");
    this.order = byId("calls-order");
    for (const select of [this.which, this.order]) select.addEventListener("change", onChoice);
  }

  /** Show a board's view; `text` is the filter, in lower case, `phrases` those that it has found. */
  show(view, text, phrases) {
    const calls = selected(view, this.which.value, this.order.value, text, phrases);
    const all = this.which.value === "left" ? view.ended.length : view.calls.length;
    put(byId("calls-shown"), calls.length === all ? counted(all, "call") : `${calls.length} of ${counted(all, "call")}`);
    const empty = byId("calls-empty");
    empty.hidden = calls.length > 0;
    put(empty, text && all ? `No call here has “${text}” in its id, source, state or phrases.` : NONE[this.which.value]);
    byId("calls-grid").hidden = calls.length === 0;
    this.list.show(calls, view.now);
  }

  /** Go into the list by keyboard; false where it is empty. */
  enter() {
    if (byId("calls-grid").hidden) return false;
    byId("calls").scrollIntoView({ block: "nearest" });
    return this.list.enter();
  }
}
