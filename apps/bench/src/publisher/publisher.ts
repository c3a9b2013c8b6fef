import { fill } from "../clients/targets.ts";
import { Wire } from "../clients/wire.ts";
import { nowMs, toUs } from "../load/clock.ts";
import { dueMs, placeOf, topicName, type Schedule } from "../load/schedule.ts";
import type { SelfCheck } from "../load/self-check.ts";
import { stampedData } from "../load/stamp.ts";
import { PublishLane } from "./publish-lane.ts";
import type { PublishTarget } from "./publisher-messages.ts";

const LANES = 8;
/** A timer may be late by that much; the rest of the time is waited for in turns of the event loop. */
const TIMER_MS = 2;
/** If events come as often as this, their timers' lateness is not worth a busy core. */
const CLOSE_MS = 20;

/** Publishes by a schedule, whatever the server does: an event that has to wait is late from when it was due. */
export class Publisher {
  readonly #target: PublishTarget;
  readonly #schedule: Schedule;
  readonly #eventBytes: number;
  readonly #check: SelfCheck;
  readonly #lanes: readonly PublishLane[];
  readonly #published: number[];
  readonly #done = Promise.withResolvers<void>();
  #untilMs: number;
  #index = 0;
  #fault: string | null = null;

  constructor(target: PublishTarget, schedule: Schedule, eventBytes: number, untilMs: number | null, check: SelfCheck) {
    this.#target = target;
    this.#schedule = schedule;
    this.#eventBytes = eventBytes;
    this.#untilMs = untilMs ?? Number.POSITIVE_INFINITY;
    this.#check = check;
    const wire = new Wire();
    const onFault = (why: string): void => void (this.#fault ??= why);
    this.#lanes = Array.from(
      { length: Math.min(LANES, schedule.topics) },
      () => new PublishLane(wire, target.port, onFault),
    );
    this.#published = Array.from({ length: schedule.topics }, () => 0);
    this.#next();
  }

  /** Stops at once if it had no end. Resolves when all is accepted: events per topic. @throws if one was refused */
  async finish(): Promise<readonly number[]> {
    if (this.#untilMs === Number.POSITIVE_INFINITY) this.#untilMs = nowMs();
    await this.#done.promise;
    await Promise.all(this.#lanes.map((lane) => lane.idle()));
    if (this.#fault !== null) throw new Error(this.#fault);
    return this.#published;
  }

  #next(): void {
    const now = nowMs();
    for (let due = dueMs(this.#schedule, this.#index); due <= now; due = dueMs(this.#schedule, this.#index)) {
      if (due >= this.#untilMs) return this.#done.resolve();
      this.#check.late(now - due);
      this.#publish(due);
    }
    if (now >= this.#untilMs) return this.#done.resolve();
    const waitMs = Math.max(0, dueMs(this.#schedule, this.#index) - nowMs());
    if (1000 / this.#schedule.eventsPerSecond < CLOSE_MS) setTimeout(() => this.#next(), waitMs);
    else if (waitMs > TIMER_MS) setTimeout(() => this.#next(), Math.min(waitMs - TIMER_MS, CLOSE_MS));
    else setImmediate(() => this.#next());
    return undefined;
  }

  #publish(due: number): void {
    const { topic, sequence } = placeOf(this.#schedule, this.#index);
    const { phase } = this.#schedule;
    const data = stampedData({ phase, topic, sequence, dueUs: toUs(due) }, this.#eventBytes);
    this.#lanes[topic % this.#lanes.length]?.publish(requestOf(this.#target, topicName(topic), data));
    this.#published[topic] = sequence + 1;
    this.#index += 1;
  }
}

/** The whole request that publishes an event. */
export function requestOf({ port, path, body }: PublishTarget, topic: string, data: string): string {
  const text = fill(body, { topic, data, escaped: JSON.stringify(data).slice(1, -1) });
  return (
    `POST ${fill(path, { topic })} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  );
}
