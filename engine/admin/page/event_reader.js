// Server-sent events out of text that comes in pieces of any size. Pure: text in, events out.

const MOST_CHARACTERS = 32 * 1024 * 1024; // of one event; the feed's largest, a state with 1,000 calls, has about half a million

export class EventReader {
  #rest = "";

  /** All events that are whole now, as {kind, data}; comments are none. Throws where one outgrows all bounds. */
  push(text) {
    this.#rest += text;
    const blocks = this.#rest.split("\n\n");
    this.#rest = blocks.pop();
    if (this.#rest.length > MOST_CHARACTERS) throw new Error("an event without end");
    return blocks.map(eventOf).filter((event) => event !== null);
  }
}

function eventOf(block) {
  let kind = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) kind = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  return data.length ? { kind, data: JSON.parse(data.join("\n")) } : null;
}
