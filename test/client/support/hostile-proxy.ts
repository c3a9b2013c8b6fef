import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Chance } from "./chance.ts";

/**
 * What is done to a connection.
 * - `pass`: nothing
 * - `cut`: both sides are broken off in the middle
 * - `stall`: in the middle it stops forwarding, and tells nobody
 * - `buffer`: nothing of an answer is passed on before it is complete
 * - `bad-gateway`: answered 502 with a page of HTML
 * - `refuse`: closed at once
 * - `no-upgrade`: an upgrade is answered 400, all else passes
 */
export type Mood = "pass" | "cut" | "stall" | "buffer" | "bad-gateway" | "refuse" | "no-upgrade";

/** How likely each mood is. */
export type Temper = Readonly<Partial<Record<Mood, number>>>;

const PAGE = "<!doctype html><title>502 Bad Gateway</title>";
/** As many bytes of answers pass before a cut or a stall. */
const MIDDLE_BYTES = [200, 60_000] as const;

/** A proxy as bad as the worst on the way between a gateway and a phone. Every connection gets a mood by chance. */
export class HostileProxy {
  readonly url: string;
  /** How many connections each mood has had. */
  readonly counts: Map<Mood, number> = new Map();
  temper: Temper;
  readonly #server: Server;
  readonly #target: URL;
  readonly #chance: Chance;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: string, temper: Temper, chance: Chance) {
    this.#server = server;
    this.#target = new URL(target);
    this.temper = temper;
    this.#chance = chance;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (client) => this.#greet(client));
  }

  /** Listens in front of the URL's host and port. */
  static start(target: string, temper: Temper, chance: Chance): Promise<HostileProxy> {
    const server = createServer({ noDelay: true });
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(new HostileProxy(server, target, temper, chance)));
    });
  }

  /** Breaks off every connection that there is. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #greet(client: Socket): void {
    this.#keep(client);
    const mood = this.#chance.pick(this.temper as Readonly<Record<Mood, number>>);
    this.counts.set(mood, (this.counts.get(mood) ?? 0) + 1);
    if (mood === "refuse") {
      client.destroy();
      return;
    }
    client.once("data", (head) => {
      const isUpgrade = /^upgrade:/im.test(head.toString("latin1"));
      if (mood === "bad-gateway") this.#answer(client, "502 Bad Gateway");
      else if (mood === "no-upgrade" && isUpgrade) this.#answer(client, "400 Bad Request");
      else this.#forward(client, head, mood);
    });
  }

  #answer(client: Socket, status: string): void {
    client.end(
      `HTTP/1.1 ${status}\r\ncontent-type: text/html\r\naccess-control-allow-origin: *\r\n` +
        `content-length: ${PAGE.length}\r\nconnection: close\r\n\r\n${PAGE}`,
    );
  }

  #forward(client: Socket, head: Buffer, mood: Mood): void {
    const server = connect({ port: Number(this.#target.port), host: this.#target.hostname, noDelay: true });
    this.#keep(server);
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    server.write(head);
    client.on("data", (bytes) => server.write(bytes));
    if (mood === "buffer") this.#hold(server, client);
    else this.#count(server, client, mood);
  }

  /** Passes on, up to the middle. */
  #count(server: Socket, client: Socket, mood: Mood): void {
    const hasMiddle = mood === "cut" || mood === "stall";
    let left = hasMiddle ? this.#chance.between(...MIDDLE_BYTES) : Infinity;
    server.on("data", (bytes) => {
      if (left <= 0) return;
      if (!client.write(bytes.subarray(0, left))) {
        server.pause();
        client.once("drain", () => server.resume());
      }
      left -= bytes.length;
      if (left <= 0 && mood === "cut") client.destroySoon();
    });
  }

  /** Passes on a whole answer at once; one without an end never. The head goes first, as nginx does it. */
  #hold(server: Socket, client: Socket): void {
    let held = Buffer.alloc(0);
    server.on("data", (bytes) => {
      held = Buffer.concat([held, bytes]);
      const end = held.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = held.subarray(0, end + 4).toString("latin1");
      const length = /^content-length: (\d+)/im.exec(head)?.[1];
      if (length !== undefined && held.length >= end + 4 + Number(length)) {
        client.write(held);
        held = Buffer.alloc(0);
      } else if (
        length === undefined &&
        /^transfer-encoding: chunked/im.test(head) &&
        !held.subarray(end).includes("\r\n0\r\n\r\n")
      ) {
        if (client.bytesWritten === 0) client.write(held.subarray(0, end + 4));
      }
    });
    server.on("end", () => client.end());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
