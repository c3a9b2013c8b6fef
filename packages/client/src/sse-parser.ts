/** A frame of an event stream: what came between two blank lines. `undefined` is what it had not. */
export interface Frame {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
}

/** Reads `text/event-stream` (WHATWG HTML §9.2.6), frames without data included. The answer takes the stream's text. */
export function sseParser(onFrame: (frame: Frame) => void): (text: string) => void {
  let rest = "";
  let frame: Record<string, string> = {};
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() as string;
    for (const line of lines) {
      if (line === "") {
        onFrame(frame);
        frame = {};
      } else {
        const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) as unknown as [string, string, string?];
        // Only lines of data add up; a comment has no name.
        frame[name] = name === "data" && frame["data"] !== undefined ? `${frame["data"]}\n${value}` : value;
      }
    }
  };
}
