import { endingOf, fetchInit, networkError, readUrl } from "./answer.ts";
import { Attempt } from "./attempt.ts";
import { gapOf, type GapJson, type Item, type SluiceEvent } from "./event.ts";
import { SluiceError } from "./sluice-error.ts";
import { SseParser } from "./sse-parser.ts";
import type { Ask, Ending, Receiver, Tools } from "./transport.ts";

/**
 * Server-sent events, read with `fetch` and not with `EventSource`: that one can send no `Authorization`, hides the
 * status of a refusal and the ids of frames without data, and can't be made to wait.
 */
export async function sse(ask: Ask, receiver: Receiver, signal: AbortSignal, tools: Tools): Promise<Ending> {
  const attempt = new Attempt(signal, tools);
  let retryMs: number | null = null;
  try {
    attempt.alarm(tools.timing.connectMs, "cut", "No answer came in time");
    const init = fetchInit(ask, attempt.signal, { accept: "text/event-stream" });
    const response = await tools.fetch(readUrl(ask, "sse"), init);
    if (response.status !== 200) return attempt.end(await endingOf(response));
    const body = response.headers.get("content-type")?.startsWith("text/event-stream") ? response.body : null;
    if (body === null) return attempt.end({ how: "unfit", error: new SluiceError("The answer is no event stream") });
    attempt.alarm(tools.timing.firstFrameMs, "unfit", "The stream's first frame did not come in time");
    await read(body, ask, receiver, attempt, tools, (ms) => (retryMs = ms));
    return attempt.end({ how: "cut", error: new SluiceError("The stream ended"), toldMs: retryMs });
  } catch (error) {
    return attempt.end({ how: "cut", error: networkError(error), toldMs: retryMs });
  }
}

async function read(
  body: ReadableStream<Uint8Array>,
  ask: Ask,
  receiver: Receiver,
  attempt: Attempt,
  { timing }: Tools,
  onRetry: (ms: number) => void,
): Promise<void> {
  let items: Item[] = [];
  let cursor: string | null = null;
  // The id that a stream with `last` begins with is that of the newest event, which has not come yet.
  let isForeignId = "last" in ask.start;
  const parser = new SseParser(({ id, event, data }) => {
    if (id !== undefined && !isForeignId) cursor = id;
    isForeignId = false;
    if (data === undefined) return;
    const json: unknown = JSON.parse(data);
    items.push(event === "gap" ? gapOf(json as GapJson) : (json as SluiceEvent));
  }, onRetry);
  const reader = body.getReader();
  const decoder = new TextDecoder();
  while (true) {
    // One piece behind the other is what a stream is.
    // oxlint-disable-next-line no-await-in-loop
    const { done, value } = await reader.read();
    if (done || attempt.ending !== undefined) return;
    // Not with the head: a proxy that buffers sends that and then nothing.
    receiver.opened();
    parser.push(decoder.decode(value, { stream: true }));
    const taken = items;
    items = [];
    attempt.calm();
    // Not reading is what makes the gateway wait.
    // oxlint-disable-next-line no-await-in-loop
    if (!receiver.take(taken, cursor, value.byteLength)) await receiver.room();
    attempt.alarm(timing.silenceMs, "dead", "The stream fell silent");
  }
}
