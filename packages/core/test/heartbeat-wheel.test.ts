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
  it("beats every member once per period, spread over it", () => {
    const clock = new ManualClock();
    const wheel = new HeartbeatWheel(clock);
    const members = Array.from({ length: 250 }, () => new Counter());
    for (const member of members) wheel.add(member, 25_000);
    expect(clock.pending).toBe(1);

    clock.advance(250);
    const early = members.filter(({ beats }) => beats > 0).length;
    expect(early).toBeGreaterThan(0);
    expect(early).toBeLessThan(10);

    clock.advance(25_000 - 250);
    expect(members.every(({ beats }) => beats === 1)).toBe(true);
    clock.advance(50_000);
    expect(members.every(({ beats }) => beats === 3)).toBe(true);
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

    clock.advance(6000);
    expect(leaver.beats).toBe(1);
    expect(stayer.beats).toBe(3);
    expect(clock.pending).toBe(1);

    wheel.remove(stayer);
    wheel.remove(stayer);
    expect(wheel.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("keeps a period that is shorter than a tick", () => {
    const clock = new ManualClock();
    const wheel = new HeartbeatWheel(clock);
    const member = new Counter();
    wheel.add(member, 5);
    clock.advance(20);
    expect(member.beats).toBe(4);
  });
});
