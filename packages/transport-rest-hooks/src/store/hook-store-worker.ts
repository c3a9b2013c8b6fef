// Entry of the store's thread. A file of its own that bundlers must put beside the store's.
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { standBack } from "../background-thread.ts";
import type { FromStore, StoreInit, ToStore } from "./store-messages.ts";
import { openStore } from "./store-schema.ts";
import { StoreWriter } from "./store-writer.ts";

function serve(port: MessagePort, { location, isInMemory, lost }: StoreInit): void {
  const say = (message: FromStore): void => port.postMessage(message);
  const db = openStore(location, isInMemory);
  const writer = new StoreWriter(db, lost);
  const hooks = writer.load();
  // Who had a thread before this one knows them.
  say({ kind: "opened", hooks: lost === null ? hooks : [], nextDueAtMs: writer.nextDueAtMs() });
  port.on("message", (message: ToStore) => {
    if (message.kind === "close") {
      db.close();
      port.close();
      return;
    }
    const { ticket } = message;
    try {
      const answer = message.kind === "commit" ? writer.commit(message.changes) : writer.answer(message);
      say({ kind: "answered", ticket, answer, nextDueAtMs: writer.nextDueAtMs() });
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
