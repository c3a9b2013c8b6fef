import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Logger } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Database } from "../src/pubsub/database.ts";
import { SubscriptionStore } from "../src/pubsub/subscription-store.ts";
import type { CutStream } from "../src/session/cut-stream.ts";
import { CutStreams } from "../src/session/cut-streams.ts";

const DAY_MS = 86_400_000;
let directory: string;
let clock: ManualClock;
let errors: unknown[];
let database: Database;

const nothing = (): void => undefined;
const logger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: (fields) => void errors.push(fields["err"]),
};

function open(): CutStreams {
  database = new Database(join(directory, "xmpp.db"), clock, logger);
  return new CutStreams(database, clock);
}

function cut(id: string, jid = `ann@localhost/${id}`): CutStream {
  const counts = { base: 0, sent: 9, acknowledged: 5, received: 3 };
  const flags = { isAnonymous: false, isPassing: false, isAvailable: true };
  return {
    id,
    jid,
    bare: "ann@localhost",
    ...flags,
    ...counts,
    nodes: [],
    epoch: "log0",
    owed: [],
    texts: [[7, "<iq/>"]],
  };
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-cut-"));
  clock = new ManualClock();
  errors = [];
});

afterEach(async () => {
  database.close();
  await rm(directory, { recursive: true });
});

test("found before it is written, after, and by the next process; taken out it is gone", () => {
  let streams = open();
  streams.add(cut("a"), DAY_MS);
  expect(streams.find("a")).toEqual(cut("a"));
  clock.advance(1000);
  expect(streams.find("a")).toEqual(cut("a"));
  database.close();
  streams = open();
  expect(streams.find("a")).toEqual(cut("a"));
  streams.remove("a");
  streams.add(cut("b"), DAY_MS);
  streams.remove("b");
  expect([streams.find("a"), streams.find("b")]).toEqual([null, null]);
  database.close();
  streams = open();
  expect([streams.find("a"), streams.find("b")]).toEqual([null, null]);
});

test("on disk in a moment, also where cursors have a second", () => {
  const streams = open();
  const store = new SubscriptionStore(database, clock);
  const subscription = { jid: "ann@localhost", node: "a", cursor: "log0-1", isLasting: true };
  store.add(subscription);
  store.reached(subscription, "log0-2");
  streams.add(cut("a"), DAY_MS);
  clock.advance(20);
  const other = new DatabaseSync(join(directory, "xmpp.db"), { readOnly: true });
  expect(other.prepare("SELECT id FROM cut_streams").all()).toEqual([{ id: "a" }]);
  other.close();
});

test("what was not ready when the stream was cut is kept with it, written or not", () => {
  const streams = open();
  streams.add(cut("a"), DAY_MS);
  streams.append("a", "<iq id='1'/>");
  clock.advance(1000);
  streams.append("a", "<iq id='2'/>");
  const texts = [
    [7, "<iq/>"],
    [10, "<iq id='1'/>"],
    [11, "<iq id='2'/>"],
  ];
  expect(streams.find("a")).toEqual({ ...cut("a"), sent: 11, texts });
  clock.advance(1000);
  database.close();
  const again = open();
  expect(again.find("a")).toEqual({ ...cut("a"), sent: 11, texts });
  again.append("a", "<iq id='3'/>");
  again.remove("a");
  again.append("a", "<iq id='4'/>");
  clock.advance(1000);
  expect(again.find("a")).toBe(null);
});

test("a new stream under a full JID takes the place of those that were cut", () => {
  const streams = open();
  streams.add(cut("a", "ann@localhost/desk"), DAY_MS);
  clock.advance(1000);
  streams.add(cut("b", "ann@localhost/desk"), DAY_MS);
  streams.add(cut("c", "ann@localhost/phone"), DAY_MS);
  streams.supersede("ann@localhost/desk");
  expect(["a", "b", "c"].map((id) => streams.find(id) !== null)).toEqual([false, false, true]);
});

test("kept for its time and no longer", () => {
  const streams = open();
  streams.add(cut("a"), 500);
  streams.add(cut("b"), 5000);
  clock.advance(500);
  expect([streams.find("a") !== null, streams.find("b") !== null]).toEqual([false, true]);
  clock.advance(4500);
  expect(streams.find("b")).toBe(null);
});

test("of too many the oldest go", () => {
  const streams = open();
  for (let n = 0; n < 20_003; n += 1) streams.add(cut(String(n)), DAY_MS + n);
  clock.advance(2000);
  expect(["0", "2", "3", "20002"].map((id) => streams.find(id) !== null)).toEqual([false, false, true, true]);
});

test("many at once: all are kept, also if the process is to end before they were written", () => {
  const streams = open();
  const ids = Array.from({ length: 2000 }, (_, n) => String(n));
  for (const id of ids) streams.add(cut(id), DAY_MS);
  clock.advance(1000);
  database.close();
  const again = open();
  expect(ids.every((id) => again.find(id) !== null)).toBe(true);
});

test("a disk that does not take it: said, and tried again until it does", () => {
  const streams = open();
  const store = new SubscriptionStore(database, clock);
  const subscription = { jid: "ann@localhost", node: "a", cursor: "log0-1", isLasting: true };
  store.add(subscription);
  database.exec("PRAGMA query_only = 1");
  streams.add(cut("a"), DAY_MS);
  store.reached(subscription, "log0-2");
  clock.advance(1000);
  expect(errors).toHaveLength(1);
  clock.advance(1000);
  expect(errors).toHaveLength(2);
  database.exec("PRAGMA query_only = 0");
  clock.advance(1000);
  expect(errors).toHaveLength(2);
  database.close();
  const again = open();
  expect(again.find("a")).toEqual(cut("a"));
  expect(new SubscriptionStore(database, clock).of("ann@localhost")).toEqual([{ ...subscription, cursor: "log0-2" }]);
});
