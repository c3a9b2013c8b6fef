import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { Inbox } from "../../support/inbox.ts";
import type { Answer } from "../../support/publisher.ts";
import { SseParser, type SseFrame } from "../../support/sse-parser.ts";
import { readPath, type Reader, type ReaderDriver, type ReaderOptions } from "./reader-driver.ts";

/** Server-sent events, read from the raw stream. */
export const sse: ReaderDriver = {
  name: "sse",
  staysConnected: true,
  connect: connectSse,
  async refusal(options) {
    const { response } = await open(options);
    const answer = await refusalOf(response);
    if (answer.status < 300) throw new Error(`Not refused: ${answer.status} ${answer.text}`);
    return answer;
  },
};

/** A connected SSE reader, with what only this transport has. */
export interface SseReader extends Reader {
  readonly response: IncomingMessage;
  /** Every frame, heartbeats included. */
  readonly frames: readonly SseFrame[];
}

/** Connects; resolves with the first id. */
export async function connectSse(options: ReaderOptions): Promise<SseReader> {
  const { sent, response } = await open(options);
  if (response.statusCode !== 200) throw new Error(`Refused: ${response.statusCode} ${await text(response)}`);
  const inbox = new Inbox();
  const frames: SseFrame[] = [];
  const parser = new SseParser((frame) => {
    frames.push(frame);
    take(inbox, frame);
  });
  response.on("data", (bytes: Buffer) => {
    parser.push(bytes);
    inbox.changed();
  });
  response.on("end", () => {
    const isWhole = response.complete && parser.isAtBoundary;
    inbox.ended({ how: isWhole ? "complete" : "cut", detail: "the body's end" });
  });
  response.on("error", (error) => inbox.ended({ how: "cut", detail: error.message }));
  sent.on("error", (error) => inbox.ended({ how: "cut", detail: error.message }));
  const cut = (): void => {
    inbox.ended({ how: "left", detail: "cut by the test" });
    sent.destroy();
  };
  await inbox.until("the first id", () => inbox.cursor !== null);
  return {
    inbox,
    response,
    frames,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    cut,
    close: () => {
      cut();
      return Promise.resolve();
    },
  };
}

function open(options: ReaderOptions): Promise<{ readonly sent: ClientRequest; readonly response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${options.url}${readPath(options)}`, {
      agent: false,
      headers: { accept: "text/event-stream", ...options.headers },
    });
    sent.on("response", (response) => resolve({ sent, response }));
    sent.on("error", reject);
    sent.end();
  });
}

function take(inbox: Inbox, frame: SseFrame): void {
  if (frame.event === "gap") inbox.gap(JSON.parse(frame.data ?? ""));
  else if (frame.data !== undefined) inbox.events.push(frame.data);
  if (frame.id !== undefined) inbox.cursor = frame.id;
}

/** An answer that Node's client has received, read to its end. */
export async function refusalOf(response: IncomingMessage): Promise<Answer> {
  const body = response.statusCode === 200 ? "" : await text(response);
  if (response.statusCode === 200) response.destroy();
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value);
  return {
    status: response.statusCode ?? 0,
    headers,
    text: body,
    json: () => JSON.parse(body) as Record<string, unknown>,
  };
}
