import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { OpeningStep, WebSocketTarget } from "../clients/targets.ts";
import { freePorts } from "../servers/ports.ts";
import { ServerProcesses } from "../servers/server-process.ts";
import type { ServerKind } from "../servers/server.ts";

/** A package of npm that serves WebSockets, and how it is talked to. */
interface NodePeer {
  readonly name: string;
  /** In `programs/`. */
  readonly program: string;
  readonly path: string;
  readonly opening: readonly OpeningStep[];
  readonly reply: WebSocketTarget["reply"];
}

/** Nothing of these is kept for those who come back: that is an app's business with them. */
function nodePeer({ name, program, path, opening, reply }: NodePeer): ServerKind {
  return {
    name,
    transports: ["websocket"],
    hasMemory: () => false,
    async find() {
      try {
        const manifest = new URL("package.json", new URL(`../../node_modules/${name}/`, import.meta.url));
        return { version: (JSON.parse(await readFile(manifest, "utf8")) as { readonly version: string }).version };
      } catch {
        return { missing: `the package ${name} is not installed; npm run setup does that` };
      }
    },
    async start() {
      const [port = 0] = await freePorts(1);
      const processes = await ServerProcesses.make();
      const file = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
      await processes.start({ program: process.execPath, options: [file, String(port)] }, [port]);
      return {
        pids: processes.pids,
        target: { kind: "websocket", port, path, resume: null, opening, reply },
        publish: { port, path: "/pub/{topic}", body: "{data}" },
        close: () => processes.close(),
      };
    },
  };
}

/** The package `ws`, in the plain way. */
export const ws: ServerKind = nodePeer({
  name: "ws",
  program: "ws-server.ts",
  path: "/ws/{topic}",
  opening: [],
  reply: null,
});

/** Socket.IO 4: Engine.IO's packets by hand, on WebSocket from the start. */
export const socketIo: ServerKind = nodePeer({
  name: "socket.io",
  program: "socket-io-server.ts",
  path: "/socket.io/?EIO=4&transport=websocket",
  opening: [{ wait: "0{" }, { send: "40" }, { wait: "40{" }, { send: '420["join","{topic}"]' }, { wait: "430" }],
  reply: ["2", "3"],
});

const HANDSHAKE = '[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["websocket"]}]';
const SUBSCRIBE = '[{"channel":"/meta/subscribe","clientId":"{captured}","subscription":"/{topic}"}]';
const CONNECT = '[{"channel":"/meta/connect","clientId":"{captured}","connectionType":"websocket"}]';

/** Faye. */
export const faye: ServerKind = nodePeer({
  name: "faye",
  program: "faye-server.ts",
  path: "/faye",
  opening: [
    { send: HANDSHAKE },
    { wait: '"clientId":"', capture: '"clientId":"' },
    { send: SUBSCRIBE },
    { wait: "/meta/subscribe" },
    { send: CONNECT },
  ],
  reply: null,
});
