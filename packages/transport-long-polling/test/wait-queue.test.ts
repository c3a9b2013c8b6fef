import type { Clock } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { describe, expect, it } from "vitest";
import { WaitQueue, type QueuedWait } from "../src/wait-queue.ts";

describe("the waits of one length", () => {
  it("share one timer, also if others begin or leave while some are answered", () => {
    const manual = new ManualClock();
    const timers = new Set<() => void>();
    const clock: Clock = {
      now: () => manual.now(),
      monotonic: () => manual.monotonic(),
      every: (periodMs, task) => manual.every(periodMs, task),
      random: () => 0,
      after(delayMs, task) {
        const cancel = manual.after(delayMs, () => {
          timers.delete(cancel);
          task();
        });
        timers.add(cancel);
        return () => {
          timers.delete(cancel);
          cancel();
        };
      },
    };
    const queue = new WaitQueue(clock, 100);
    const answered: [name: string, atMs: number][] = [];
    const startMs = manual.monotonic();
    const wait = (name: string, then: () => void = () => undefined): QueuedWait => {
      const self = {
        endsAtMs: 0,
        answer: () => {
          queue.remove(self);
          answered.push([name, manual.monotonic() - startMs]);
          then();
        },
        dismiss: () => self.answer(),
      };
      queue.add(self);
      return self;
    };
    wait("first", () => wait("after the first"));
    wait("second");
    const gone = wait("gone");
    wait("third", () => wait("after the third"));
    queue.remove(gone);
    manual.advance(50);
    wait("later");
    expect(timers.size).toBe(1);
    manual.advance(50);
    expect(timers.size).toBe(1);
    manual.advance(50);
    expect(timers.size).toBe(1);
    manual.advance(50);
    expect(timers.size).toBe(0);
    expect(answered).toEqual([
      ["first", 100],
      ["second", 100],
      ["third", 100],
      ["later", 150],
      ["after the first", 200],
      ["after the third", 200],
    ]);
    wait("alone", () => wait("its heir"));
    queue.dismiss();
    expect(timers.size).toBeLessThan(2);
  });
});
