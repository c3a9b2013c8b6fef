import type { Attempt } from "./attempt.ts";
import { gapOf, type GapJson, type Item, type SluiceEvent } from "./event.ts";
import { sseParser } from "./sse-parser.ts";
import type { Ask, Receiver } from "./transport.ts";

/**
 * Server-sent events, read with `fetch` and not with `EventSource`: that one can send no `Authorization`, hides the
 * status of a refusal and the ids of frames without data, and can't be made to wait.
 */
export async function sse(ask: Ask, receiver: Receiver, attempt: Attempt): Promise<void> {
  const { connectMs, firstFrameMs, silenceMs } = attempt.tools.timing;
  attempt.alarm(connectMs, "cut", "No answer in time");
  const response = await attempt.get(ask, "sse");
  if (response === null) return;
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (isStream !== true || response.body === null) {
    attempt.fail("bad", "No event stream");
    return;
  }
  attempt.alarm(firstFrameMs, "bad", "No first frame in time");
  let items: Item[] = [];
  let cursor: string | null = null;
  // The id that a stream with `last` begins with is that of the newest event, which has not come yet.
  let isForeignId = "last" in ask.start;
  const parse = sseParser(({ id, event, data, retry }) => {
    if (retry !== undefined) attempt.toldMs = Number(retry) || null;
    if (id === undefined) return;
    if (!isForeignId) cursor = id;
    isForeignId = false;
    if (data === undefined) return;
    const json: unknown = JSON.parse(data);
    items.push(event === "gap" ? gapOf(json as GapJson) : (json as SluiceEvent));
  });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  // One piece behind the other is what a stream is.
  while (true) {
    const { done, value } = await reader.read();
    if (done || attempt.isOver) return;
    // Not with the head: a proxy that buffers sends that and then nothing.
    receiver.opened();
    parse(decoder.decode(value, { stream: true }));
    const taken = items;
    items = [];
    attempt.calm();
    // Not reading is what makes the gateway wait.
    if (!receiver.take(taken, cursor, value.byteLength)) await receiver.room();
    attempt.alarm(silenceMs, "bad", "Fell silent");
  }
}
