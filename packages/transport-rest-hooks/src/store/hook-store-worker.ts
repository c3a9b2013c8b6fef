// Entry of the store's thread. A file of its own that bundlers must put beside the store's.
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { standBack } from "../background-thread.ts";
import type { FromStore, StoreInit, ToStore } from "./store-messages.ts";
import { openStore } from "./store-schema.ts";
import { StoreWriter } from "./store-writer.ts";

function serve(port: MessagePort, { path }: StoreInit): void {
  const say = (message: FromStore): void => port.postMessage(message);
  const db = openStore(path);
  const writer = new StoreWriter(db);
  say({ kind: "opened", hooks: writer.load(), nextDueAtMs: writer.nextDueAtMs() });
  port.on("message", (message: ToStore) => {
    if (message.kind === "close") {
      db.close();
      port.close();
      return;
    }
    const { ticket } = message;
    try {
      if (message.kind === "commit") {
        writer.commit(message.changes);
        say({ kind: "committed", ticket, nextDueAtMs: writer.nextDueAtMs() });
      } else {
        const answer = writer.answer(message.question);
        say({ kind: "answered", ticket, answer, nextDueAtMs: writer.nextDueAtMs() });
      }
    } catch (error) {
      say({ kind: "failed", ticket, reason: error instanceof Error ? error.message : String(error) });
    }
  });
}

if (parentPort !== null) {
  const port = parentPort;
  standBack();
  try {
    serve(port, workerData as StoreInit);
  } catch (error) {
    port.postMessage({ kind: "refused", reason: (error as Error).message } satisfies FromStore);
    port.close();
  }
}
