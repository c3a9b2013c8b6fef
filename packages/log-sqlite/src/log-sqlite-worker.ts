// Entry of both worker threads: `workerData` says which. A file of its own that bundlers must put beside the log's.
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { LogOpenError } from "./log-open-error.ts";
import { openForReading, openLogFolder, reasonOf } from "./log-folder.ts";
import type { FromReader, FromWriter, ToReader, ToWriter, WorkerInit } from "./messages.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

type WriterInit = Extract<WorkerInit, { role: "writer" }>;
type ReaderInit = Extract<WorkerInit, { role: "reader" }>;

function write(port: MessagePort, init: WriterInit): void {
  const say = (message: FromWriter): void => port.postMessage(message);
  const { db, close } = openLogFolder(init.folder, init.newEpoch);
  let writer: Writer;
  try {
    writer = new Writer({ ...init, db });
  } catch (error) {
    close();
    throw new LogOpenError(`The log in ${init.folder} can't be read: ${reasonOf(error)}.`, { cause: error });
  }
  const epoch = String(db.prepare("SELECT epoch FROM log").get()?.["epoch"]);
  const { trimmer } = writer;
  let isKeeping = false;
  let isClosed = false;

  /** Housekeeping, a step at a time: what was sent meanwhile comes first. */
  const keep = (): void => {
    isKeeping = false;
    if (isClosed) return;
    try {
      const { through } = trimmer;
      const didSomething = trimmer.step();
      if (trimmer.through > through) say({ kind: "trimmed", through: trimmer.through });
      writer.checkpointIfDue();
      if (didSomething) keepSoon();
    } catch (error) {
      // The next tick tries again.
      say({ kind: "trouble", task: "trimming the log", reason: reasonOf(error) });
    }
  };
  const keepSoon = (): void => {
    if (isKeeping) return;
    isKeeping = true;
    setImmediate(keep);
  };

  port.on("message", (message: ToWriter) => {
    switch (message.kind) {
      case "append":
        trimmer.tick(message.nowMs);
        say(writer.append(message));
        break;
      case "tick":
        trimmer.tick(message.nowMs);
        break;
      case "retain":
        trimmer.tick(message.nowMs);
        trimmer.retain(message.retention);
        break;
      case "probe":
        say({ kind: "probed", isWritable: writer.probe() });
        break;
      case "close":
        isClosed = true;
        close();
        say({ kind: "closed" });
        port.close();
        return;
    }
    keepSoon();
  });
  const { newest, storedAtMs } = writer;
  say({ kind: "opened", epoch, newest, trimmedThrough: trimmer.through, storedAtMs });
  keepSoon();
}

function read(port: MessagePort, init: ReaderInit): void {
  const say = (message: FromReader): void => port.postMessage(message);
  const db = openForReading(init.folder);
  const reader = new Reader(db, init.epoch);
  port.on("message", (message: ToReader) => {
    if (message.kind === "close") {
      db.close();
      say({ kind: "closed" });
      port.close();
      return;
    }
    const { ticket } = message;
    try {
      say({ kind: "walked", ticket, walked: reader.walk(message.walk) });
    } catch (error) {
      say({ kind: "failed", ticket, reason: reasonOf(error) });
    }
  });
  say({ kind: "opened" });
}

const init = workerData as WorkerInit;
if (parentPort !== null) {
  try {
    if (init.role === "writer") write(parentPort, init);
    else read(parentPort, init);
  } catch (error) {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a browser's window
    parentPort.postMessage({ kind: "refused", reason: reasonOf(error) } satisfies FromWriter & FromReader);
    parentPort.close();
  }
}
