import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { RunningServer, ServerKind } from "../../src/servers/server.ts";

const PIECE_BYTES = 7;

/** The same server, but all that it says to clients comes in pieces of a few bytes. */
export function inPieces(kind: ServerKind): ServerKind {
  return {
    name: kind.name,
    transports: kind.transports,
    hasMemory: (transport) => kind.hasMemory(transport),
    find: () => kind.find(),
    async start(what): Promise<RunningServer> {
      const server = await kind.start(what);
      const sockets = new Set<Socket>();
      const proxy = createServer({ noDelay: true }, (client) => {
        const behind = connect({ port: server.target.port, host: "127.0.0.1", noDelay: true });
        for (const socket of [client, behind]) socket.on("error", () => socket.destroy());
        sockets.add(client.once("close", () => behind.destroy()));
        client.pipe(behind);
        void forward(behind, client);
      });
      await once(proxy.listen(0, "127.0.0.1"), "listening");
      return {
        ...server,
        target: { ...server.target, port: (proxy.address() as AddressInfo).port },
        close: async () => {
          for (const socket of sockets) socket.destroy();
          proxy.close();
          await server.close();
        },
      };
    },
  };
}

async function forward(from: Socket, to: Socket): Promise<void> {
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
        to.write(chunk.subarray(start, start + PIECE_BYTES));
        // A turn between them, so that they don't leave together.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  } catch {
    to.destroy();
  }
}
