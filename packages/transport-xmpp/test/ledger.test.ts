import { describe, expect, test } from "vitest";
import { Inquiry } from "../src/session/inquiry.ts";
import { Ledger, type Acknowledged } from "../src/session/ledger.ts";

class Reader implements Acknowledged {
  readonly seen: number[] = [];

  acknowledged(position: number): void {
    this.seen.push(position);
  }
}

describe("a ledger", () => {
  test("moves each reader to its last item that has arrived, and no further", () => {
    const ledger = new Ledger();
    const [one, other] = [new Reader(), new Reader()];
    ledger.addItem(one, 10);
    ledger.addItem(one, 11);
    ledger.addText("<iq/>");
    ledger.addItem(other, 11);
    ledger.addItem(one, 12);
    expect(ledger.sent).toBe(5);
    expect(ledger.acknowledge(4)).toBe(true);
    expect([one.seen, other.seen]).toEqual([[11], [11]]);
    expect(ledger.texts.size).toBe(0);
    expect(ledger.owed).toEqual([{ number: 5, reader: one, position: 12 }]);
    expect(ledger.acknowledge(5)).toBe(true);
    expect(one.seen).toEqual([11, 12]);
    expect(ledger.isOwed).toBe(false);
  });

  test("takes no count that can't be", () => {
    const ledger = new Ledger(3);
    const reader = new Reader();
    ledger.addItem(reader, 1);
    expect(ledger.acknowledge(2)).toBe(false);
    expect(ledger.acknowledge(5)).toBe(false);
    expect(reader.seen).toEqual([]);
    expect([ledger.acknowledged, ledger.sent]).toEqual([3, 4]);
  });

  test("is bounded: of what is never acknowledged places are forgotten, but never a reader's newest, and none is made up", () => {
    const ledger = new Ledger();
    const [often, seldom] = [new Reader(), new Reader()];
    ledger.addItem(seldom, 1);
    for (let position = 2; position <= 50_000; position += 1) {
      ledger.addItem(position % 10_000 === 0 ? seldom : often, position);
    }
    expect(ledger.sent).toBe(50_000);
    expect(ledger.owed.length).toBeLessThanOrEqual(4096);
    for (const { number, position } of ledger.owed) expect(position).toBe(number);
    ledger.acknowledge(25_000);
    expect(often.seen.at(-1)).toBeGreaterThan(24_900);
    expect(often.seen.at(-1)).toBeLessThanOrEqual(25_000);
    ledger.acknowledge(50_000);
    expect([often.seen.at(-1), seldom.seen.at(-1)]).toEqual([49_999, 50_000]);
  });

  test("keeps so many other stanzas, and so much of them", () => {
    const ledger = new Ledger();
    for (let n = 0; n < 300; n += 1) ledger.addText("<iq/>");
    expect(ledger.texts.size).toBe(256);
    ledger.acknowledge(300);
    for (let n = 0; n < 10; n += 1) ledger.addText("x".repeat(10_000));
    expect([...ledger.texts.keys()]).toEqual([301, 302, 303, 304, 305, 306]);
    expect(ledger.sent).toBe(310);
  });
});

describe("an inquiry", () => {
  test("presses after so many, waits for the answer, and asks again about what is new alone", () => {
    const ledger = new Ledger();
    const inquiry = new Inquiry(ledger);
    const reader = new Reader();
    expect(inquiry.isDue).toBe(false);
    ledger.addItem(reader, 1);
    expect([inquiry.isDue, inquiry.isPressing]).toEqual([true, false]);
    for (let position = 2; position <= 256; position += 1) ledger.addItem(reader, position);
    expect(inquiry.isPressing).toBe(true);
    inquiry.asked();
    expect([inquiry.isDue, inquiry.isPressing]).toEqual([false, false]);
    // It counts one too few, as some do.
    inquiry.answered(255);
    expect([ledger.isOwed, inquiry.isDue]).toEqual([true, false]);
    ledger.addItem(reader, 257);
    expect(inquiry.isDue).toBe(true);
    inquiry.asked();
    inquiry.answered(257);
    expect(reader.seen).toEqual([255, 257]);
  });

  test("rides along with an item; it is put alone when none has come from one time to the next", () => {
    const ledger = new Ledger();
    const inquiry = new Inquiry(ledger);
    const reader = new Reader();
    expect([inquiry.tick(), inquiry.isPressing]).toEqual([false, false]);
    ledger.addItem(reader, 1);
    expect([inquiry.isPressing, inquiry.tick(), inquiry.isPressing]).toEqual([false, false, true]);
    inquiry.asked();
    inquiry.answered(1);
    // Not again with every time: it was asked a moment ago.
    ledger.addItem(reader, 2);
    expect([inquiry.tick(), inquiry.isPressing]).toEqual([false, false]);
    expect([inquiry.tick(), inquiry.isPressing]).toEqual([false, true]);
    expect(inquiry.tick()).toBe(true);
    inquiry.asked();
    // It owes the answer.
    ledger.addItem(reader, 3);
    expect([inquiry.tick(), inquiry.tick(), inquiry.tick(), inquiry.isPressing]).toEqual([false, false, false, false]);
    // What rode is no longer due when another question's answer says it all.
    inquiry.answered(3);
    expect([inquiry.tick(), inquiry.tick()]).toEqual([false, false]);
  });
});
