import { describe, expect, it } from "vitest";
import { HeartbeatWheel } from "../src/heartbeat-wheel.ts";
import { ManualClock } from "../src/testing/index.ts";

class Counter {
  beats = 0;
  beat(): void {
    this.beats += 1;
  }
}

describe("HeartbeatWheel", () => {
  it("beats every member once per period, from when it came, on one timer", () => {
    const clock = new ManualClock();
    const wheel = new HeartbeatWheel(clock);
    const early = new Counter();
    const late = new Counter();
    wheel.add(early, 15_000);
    clock.advance(6000);
    wheel.add(late, 15_000);
    expect(clock.pending).toBe(1);

    clock.advance(10_000);
    expect([early.beats, late.beats]).toEqual([1, 0]);
    clock.advance(5000);
    expect([early.beats, late.beats]).toEqual([1, 1]);
    clock.advance(45_000);
    expect([early.beats, late.beats]).toEqual([4, 4]);
  });

  it("asks again as soon as a member says", () => {
    const clock = new ManualClock();
    const wheel = new HeartbeatWheel(clock);
    const answers = [5000, 5000];
    let beats = 0;
    wheel.add({ beat: () => ((beats += 1), answers.shift()) }, 15_000);
    clock.advance(15_000);
    expect(beats).toBe(1);
    clock.advance(10_000);
    expect(beats).toBe(3);
    clock.advance(14_000);
    expect(beats).toBe(3);
    clock.advance(1000);
    expect(beats).toBe(4);
  });

  it("lets go of members, also from within a beat, and of the timer with the last one", () => {
    const clock = new ManualClock();
    const wheel = new HeartbeatWheel(clock);
    const leaver = { beats: 0, beat: () => ((leaver.beats += 1), wheel.remove(leaver)) };
    const stayer = new Counter();
    wheel.add(leaver, 1000);
    wheel.add(stayer, 2000);
    expect(wheel.size).toBe(2);
    expect(clock.pending).toBe(2);

    clock.advance(6500);
    expect(leaver.beats).toBe(1);
    expect(stayer.beats).toBe(3);
    expect(clock.pending).toBe(1);

    wheel.remove(stayer);
    wheel.remove(stayer);
    expect(wheel.size).toBe(0);
    expect(clock.pending).toBe(0);
  });
});
