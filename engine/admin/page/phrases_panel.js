// The phrases as they come, newest on top. An item is made once; what changes of a phrase is what its sinks have done.

import { byId, put } from "./dom.js";
import { deliveries, grown, phraseItem } from "./phrase_item.js";

export class PhrasesPanel {
  #items = new Map(); // id → {phrase, item}; a phrase is replaced where it changes

  constructor(onOpen) {
    this.onOpen = onOpen;
    this.list = byId("phrases");
  }

  /** Show these phrases of a board's view; `text` is the filter that chose them, `sinks` the names of each rule's sinks. */
  show(view, phrases, text, sinks) {
    put(byId("phrases-shown"), text ? `${phrases.length} of the latest ${view.phrases.length}` : `the latest ${phrases.length}`);
    byId("phrases-empty").hidden = phrases.length > 0;
    put(byId("phrases-empty"), text && view.phrases.length ? `None of the latest phrases has “${text}” in it.` : "Nothing spotted yet.");
    put(byId("text-note"), view.texts ? "What was said is shown: the operator has switched that on (console.show_text)." : "What was said is not shown (console.show_text is off).");
    this.#place(phrases, (phrase) => this.#entry(phrase, view, sinks));
  }

  #entry(phrase, { texts, now }, sinks) {
    const entry = this.#items.get(phrase.id);
    if (!entry) return { phrase, item: phraseItem(phrase, texts, sinks, now, this.onOpen) };
    if (entry.phrase !== phrase) entry.item.lastElementChild.replaceWith(deliveries(phrase, sinks, now));
    else grown(entry.item, phrase, now);
    return { phrase, item: entry.item };
  }

  #place(phrases, entryOf) {
    const old = this.#items;
    this.#items = new Map(phrases.map((phrase) => [phrase.id, entryOf(phrase)]));
    for (const [id, { item }] of old) if (!this.#items.has(id)) item.remove();
    let place = this.list.firstChild;
    for (const { item } of this.#items.values()) {
      if (item === place) place = place.nextSibling;
      else this.list.insertBefore(item, place);
    }
  }
}
