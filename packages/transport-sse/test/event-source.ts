/** What a client makes of a stream, by the letter of WHATWG HTML §9.2.6. */
export interface Dispatched {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** The result of {@link parseStream}. */
export interface Parsed {
  readonly events: readonly Dispatched[];
  readonly comments: readonly string[];
  readonly retries: readonly number[];
  /** What `Last-Event-ID` would be. */
  readonly lastEventId: string;
}

/** Interprets the text of an event stream; what isn't ended by an empty line is not dispatched. */
export function parseStream(text: string): Parsed {
  const events: Dispatched[] = [];
  const comments: string[] = [];
  const retries: number[] = [];
  let lastEventId = "";
  let idBuffer = "";
  let type = "";
  let data: string[] = [];
  const lines = text.split(/\r\n|\n|\r/);
  lines.pop();
  for (const line of lines) {
    if (line === "") {
      lastEventId = idBuffer;
      if (data.length > 0) events.push({ type: type === "" ? "message" : type, data: data.join("\n"), lastEventId });
      type = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    if (colon === 0) {
      comments.push(line.slice(1).trim());
      continue;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") type = value;
    else if (field === "data") data.push(value);
    else if (field === "id") idBuffer = value;
    else if (field === "retry" && /^\d+$/.test(value)) retries.push(Number(value));
    else throw new Error(`an EventSource passes over ${JSON.stringify(line)}`);
  }
  return { events, comments, retries, lastEventId };
}
