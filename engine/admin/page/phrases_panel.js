// The phrases as they come, newest on top. Items are made anew only for phrases that have changed.

import { byId, put } from "./dom.js";
import { phraseItem } from "./phrase_item.js";
import { counted } from "./words.js";

export class PhrasesPanel {
  #items = new Map(); // phrase → its item; a phrase is replaced where it changes

  constructor(onOpen) {
    this.onOpen = onOpen;
    this.list = byId("phrases");
  }

  /** Show a board's view; `text` is the filter in lower case, `sinks` the names of each rule's sinks. */
  show(view, text, sinks) {
    const phrases = text ? view.phrases.filter((phrase) => words(phrase, view.texts).includes(text)) : view.phrases;
    put(byId("phrases-shown"), text ? `${phrases.length} of the latest ${view.phrases.length}` : `the latest ${phrases.length}`);
    byId("phrases-empty").hidden = phrases.length > 0;
    put(byId("phrases-empty"), text && view.phrases.length ? `None of the latest phrases has “${text}” in it.` : "Nothing spotted yet.");
    put(byId("text-note"), view.texts ? "What was said is shown: the operator has switched that on (console.show_text)." : "What was said is not shown (console.show_text is off).");
    this.#place(phrases, (phrase) => phraseItem(phrase, view.texts, sinks, this.onOpen));
  }

  #place(phrases, make) {
    const wanted = new Set(phrases);
    const old = this.#items;
    this.#items = new Map(phrases.map((phrase) => [phrase, old.get(phrase) ?? make(phrase)]));
    for (const [phrase, item] of old) if (!wanted.has(phrase)) item.remove();
    let place = this.list.firstChild;
    for (const item of this.#items.values()) {
      if (item === place) place = place.nextSibling;
      else this.list.insertBefore(item, place);
    }
  }
}

function words(phrase, texts) {
  const outcomes = phrase.deliveries.flatMap(({ sink, outcome }) => [sink, outcome]);
  return [phrase.conversation_id, phrase.key, phrase.rule, phrase.phrase, phrase.channel, texts ? phrase.text : "", ...outcomes].join(" ").toLowerCase();
}
