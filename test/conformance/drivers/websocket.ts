import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { Inbox } from "../../support/inbox.ts";
import { refusalOf } from "./sse.ts";
import { readPath, type Reader, type ReaderDriver, type ReaderOptions } from "./reader-driver.ts";
import { cursorOf } from "../../support/event-json.ts";

/** WebSocket, subscribing by the URL. */
export const websocket: ReaderDriver = {
  name: "websocket",
  staysConnected: true,
  connect: connectWebSocket,
  refusal: (options) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(wsUrl(options), { headers: { ...options.headers } });
      socket.on("unexpected-response", (_request, response: IncomingMessage) => {
        refusalOf(response).then(resolve, reject);
        socket.on("error", () => undefined);
      });
      socket.on("open", () => {
        reject(new Error("Not refused: the socket is open"));
        socket.terminate();
      });
      socket.on("error", reject);
    }),
};

/** What the gateway says beside events. */
export interface Op {
  readonly op: string;
  readonly ref?: unknown;
  readonly cursor?: string;
  readonly code?: string;
  readonly [member: string]: unknown;
}

/** A connected WebSocket reader, with what only this transport has. */
export interface WebSocketReader extends Reader {
  readonly socket: WebSocket;
  readonly ops: readonly Op[];
  /** Everything as it came, events and ops. */
  readonly messages: readonly string[];
  /** Sends a message: text as it is, all else as JSON. */
  send(message: unknown): void;
  /** The first op of that name (and ref), as soon as it is there. */
  op(name: string, ref?: unknown): Promise<Op>;
}

/** Connects; resolves with the welcome. */
export async function connectWebSocket(
  options: ReaderOptions,
  protocols: readonly string[] = [],
): Promise<WebSocketReader> {
  const inbox = new Inbox();
  const ops: Op[] = [];
  const messages: string[] = [];
  // Where a replay is asked for, the welcome's cursor is not yet this reader's: only what it is given after it is.
  const startsLive = options.last === undefined && (options.after === undefined || options.after === "latest");
  const socket = new WebSocket(wsUrl(options), [...protocols], { headers: { ...options.headers } });
  socket.on("message", (bytes: Buffer) => {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    messages.push(text);
    if (!text.startsWith('{"op":')) {
      inbox.events.push(text);
      inbox.cursor = cursorOf(text);
    } else {
      const op = JSON.parse(text) as Op & { after: string; resumed_at: string; reason: string };
      ops.push(op);
      if (op.op === "gap") inbox.gap(op);
      const isOurs = startsLive || (op.op !== "welcome" && op.op !== "subscribed");
      if (isOurs && op.cursor !== undefined) inbox.cursor = op.cursor;
    }
    inbox.changed();
  });
  const opened = new Promise<void>((resolve, reject) => {
    socket.on("open", resolve);
    socket.on("error", reject);
  });
  socket.on("close", (code, reason) => inbox.ended({ how: code === 1006 ? "cut" : code, detail: reason.toString() }));
  const op = async (name: string, ref?: unknown): Promise<Op> => {
    const found = (): Op | undefined => ops.find((one) => one.op === name && (ref === undefined || one.ref === ref));
    await inbox.until(`op ${name}`, () => found() !== undefined);
    return found() as Op;
  };
  await opened;
  await op("welcome");
  return {
    inbox,
    socket,
    ops,
    messages,
    op,
    send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    cut: () => {
      inbox.ended({ how: "left", detail: "cut by the test" });
      socket.terminate();
    },
    close: async () => {
      socket.resume();
      socket.close(1000);
      await inbox.untilEnd();
    },
  };
}

function wsUrl(options: ReaderOptions): string {
  const url = `${options.url.replace(/^http/, "ws")}${readPath(options)}`;
  return url.endsWith("?") ? url.slice(0, -1) : url;
}
