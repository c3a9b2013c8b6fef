// Entry of both worker threads: `workerData` says which. A file of its own that bundlers must put beside the log's.
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { LogOpenError } from "./log-open-error.ts";
import { openForReading, openLogFolder, reasonOf, reopenLogFolder } from "./file/log-folder.ts";
import type { FromReader, FromWriter, ToReader, ToWriter, WorkerInit } from "./messages.ts";

type WriterInit = Extract<WorkerInit, { role: "writer" }>;
type ReaderInit = Extract<WorkerInit, { role: "reader" }>;

// Each thread loads its own part only: that halves the time until the log is open.

async function write(port: MessagePort, init: WriterInit): Promise<void> {
  const say = (message: FromWriter): void => port.postMessage(message);
  const { Writer } = await import("./writing/writer.ts");
  const { former, folder } = init;
  const { db, close } = former === null ? openLogFolder(folder, init.newEpoch) : reopenLogFolder(folder);
  const open = (): { readonly writer: InstanceType<typeof Writer>; readonly epoch: string } => {
    try {
      const epoch = String(db.prepare("SELECT epoch FROM log").get()?.["epoch"]);
      return { writer: new Writer({ ...init, db }), epoch };
    } catch (error) {
      close();
      throw new LogOpenError(`The log in ${folder} can't be read: ${reasonOf(error)}.`, { cause: error });
    }
  };
  const { writer, epoch } = open();
  if (former !== null && (epoch !== former.epoch || writer.newest < former.newest)) {
    throw new LogOpenError(`The log in ${folder} is another one than before: put back the one that was there.`);
  }
  const answer = former === null ? null : writer.answerFor(former);
  let isKeeping = false;
  let isClosed = false;

  /** Housekeeping, a step at a time: what was sent meanwhile comes first. */
  const keep = (): void => {
    isKeeping = false;
    if (isClosed) return;
    try {
      const before = writer.trimmedThrough;
      const isMoreToDo = writer.keepHouse();
      if (writer.trimmedThrough > before) say({ kind: "trimmed", through: writer.trimmedThrough });
      if (isMoreToDo) keepSoon();
    } catch (error) {
      // The next tick tries again.
      say({ kind: "trouble", reason: reasonOf(error) });
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
        say(writer.append(message));
        break;
      case "tick":
        writer.tick(message.nowMs);
        break;
      case "retain":
        writer.tick(message.nowMs, message.retention);
        break;
      case "probe":
        say({ kind: "probed", isWritable: writer.probe() });
        break;
      case "close":
        isClosed = true;
        close();
        port.close();
        return;
    }
    keepSoon();
  });
  const { newest, trimmedThrough, storedAtMs } = writer;
  say({ kind: "opened", epoch, newest, trimmedThrough, storedAtMs, answer });
  keepSoon();
}

async function read(port: MessagePort, init: ReaderInit): Promise<void> {
  const say = (message: FromReader): void => port.postMessage(message);
  const { Reader } = await import("./reading/reader.ts");
  let open: { readonly close: () => void; readonly reader: InstanceType<typeof Reader> } | undefined;
  const openFile = (epoch: string): void => {
    try {
      const db = openForReading(init.folder);
      open = { close: () => db.close(), reader: new Reader(db, epoch) };
      say({ kind: "opened" });
    } catch (error) {
      refuse(port, error);
    }
  };
  port.on("message", (message: ToReader) => {
    switch (message.kind) {
      case "open":
        openFile(message.epoch);
        return;
      case "walk":
        try {
          if (open !== undefined)
            say({ kind: "walked", ticket: message.ticket, walked: open.reader.walk(message.walk) });
        } catch (error) {
          say({ kind: "failed", ticket: message.ticket, reason: reasonOf(error) });
        }
        return;
      case "close":
        open?.close();
        port.close();
        return;
    }
  });
  if (init.epoch !== null) openFile(init.epoch);
}

function refuse(port: MessagePort, error: unknown): void {
  port.postMessage({ kind: "refused", reason: reasonOf(error) } satisfies FromWriter & FromReader);
  port.close();
}

const init = workerData as WorkerInit;
if (parentPort !== null) {
  const port = parentPort;
  const start = init.role === "writer" ? write(port, init) : read(port, init);
  start.catch((error: unknown) => refuse(port, error));
}
