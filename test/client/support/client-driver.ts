import { connect, type TransportName } from "@sluice/client";
import type { Reader, ReaderDriver, ReaderOptions } from "../../conformance/drivers/reader-driver.ts";
import { Inbox } from "../../support/inbox.ts";
import { until } from "../../support/until.ts";
import { STORM_TIMING } from "./storm.ts";

/** The client by one transport, or by whichever it likes, as a reader of the conformance suite. */
export function clientDriver(
  transport: TransportName | "auto",
): Pick<ReaderDriver, "name" | "staysConnected" | "connect"> {
  return {
    name: transport === "auto" ? "websocket" : transport,
    staysConnected: transport !== "polling",
    connect: (options) => connectClient(options, transport),
  };
}

async function connectClient(options: ReaderOptions, transport: TransportName | "auto"): Promise<Reader> {
  const inbox = new Inbox();
  const sluice = connect(options.url, {
    topics: options.topics,
    transport,
    timing: { ...STORM_TIMING, pollMs: 10 },
    ...(options.after !== undefined && { after: options.after }),
    ...(options.last !== undefined && { last: options.last }),
    ...(options.types !== undefined && { types: options.types }),
    ...(options.accessToken !== undefined && { token: options.accessToken }),
  });
  let goOn: PromiseWithResolvers<void> | null = null;
  // The cursor moves on by heartbeats too, and those are told to nobody.
  const looking = setInterval(() => {
    inbox.cursor = sluice.cursor;
    inbox.changed();
  }, 10);
  const reading = async (): Promise<void> => {
    for await (const item of sluice) {
      if (goOn !== null) await goOn.promise;
      if (item.gap === undefined) inbox.events.push(JSON.stringify(item));
      else inbox.gap({ after: item.gap.after, resumed_at: item.gap.resumedAt, reason: item.gap.reason });
      inbox.cursor = sluice.cursor;
      inbox.changed();
    }
  };
  reading().catch((error: unknown) => inbox.ended({ how: "cut", detail: String(error) }));
  const cut = (): void => {
    clearInterval(looking);
    sluice.close();
    goOn?.resolve();
    inbox.ended({ how: "left", detail: "cut by the test" });
  };
  await until("open", () => sluice.state !== "connecting" && sluice.state !== "idle" && sluice.transport !== null);
  // Where the start is not a place yet, it is as soon as the gateway has said so.
  if (options.last === undefined) await until("a cursor", () => sluice.cursor !== null || inbox.events.length > 0);
  inbox.cursor = sluice.cursor;
  return {
    inbox,
    pause: () => void (goOn ??= Promise.withResolvers()),
    resume: () => {
      goOn?.resolve();
      goOn = null;
    },
    cut,
    close: () => Promise.resolve(cut()),
  };
}
