import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { Target } from "../../src/clients/targets.ts";
import type { RunningServer, ServerKind, TransportCase } from "../../src/servers/server.ts";
import { FaultyLog, type Faults } from "./faulty-log.ts";
import { speakXmpp } from "./scripted-xmpp.ts";

/** What it does wrong on purpose. */
export interface Script extends Faults {
  /** How many places beside where a reader says that it was it goes on: 1 leaves out one, -1 repeats one. */
  readonly resumeShift?: number;
  /** The answer to publication number so and so takes so long, and those behind it wait. */
  readonly stall?: { readonly number: number; readonly ms: number };
  /** Publications are refused. */
  readonly refuses?: boolean;
  /** Called with the number of each publication. */
  onPublication?(number: number): void;
}

interface Reader {
  readonly topic: string;
  place: number;
  send(events: readonly string[], place: number): void;
}

/** A server of the benchmark's transports that does wrong exactly what a test says, and counts it. */
export class ScriptedServer implements ServerKind {
  readonly name = "scripted";
  readonly transports: readonly string[] = ["polling", "sse", "websocket", "xmpp-tcp", "rest-hooks"];
  readonly #script: Script;
  readonly #logs = new Map<string, FaultyLog>();
  readonly #readers = new Set<Reader>();
  readonly #sockets = new Set<Socket>();
  readonly #http: Server;
  readonly #xmpp: TcpServer;
  #publications = 0;

  constructor(script: Script) {
    this.#script = script;
    this.#http = createServer((request, response) => void this.#handle(request, response));
    this.#http.on("connection", (socket: Socket) => this.#sockets.add(socket));
    this.#http.on("upgrade", (request: IncomingMessage, socket: Socket) => this.#upgrade(request, socket));
    this.#xmpp = createTcpServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      speakXmpp(socket, (topic, send) => this.#read(socket, { topic, place: this.#logOf(topic).events.length, send }));
    });
  }

  /** What was done wrong, on all topics but that of the warm-up. */
  get counts(): FaultyLog["counts"] {
    const all = [...this.#logs].filter(([topic]) => topic !== "bench/warm").map(([, { counts }]) => counts);
    const sum = (name: keyof FaultyLog["counts"]): number => all.reduce((total, counts) => total + counts[name], 0);
    return { dropped: sum("dropped"), doubled: sum("doubled"), late: sum("late") };
  }

  hasMemory(): boolean {
    return true;
  }

  async find(): Promise<{ readonly version: string }> {
    return { version: "1" };
  }

  async start(what: TransportCase): Promise<RunningServer> {
    await Promise.all([this.#http, this.#xmpp].map((server) => once(server.listen(0, "127.0.0.1"), "listening")));
    const port = (this.#http.address() as AddressInfo).port;
    return {
      pids: [],
      target: this.#target(what, port),
      publish: { port, path: "/events", body: '{"topic":"{topic}","data":{data}}' },
      close: async () => {
        for (const socket of this.#sockets) socket.destroy();
        this.#http.close();
        this.#xmpp.close();
      },
    };
  }

  #target({ transport, intervalMs }: TransportCase, port: number): Target {
    const path = "/read?topic={topic}";
    switch (transport) {
      case "polling":
        return { kind: "poll", port, path, waiting: [], echo: [["etag", "If-None-Match"]], intervalMs };
      case "sse":
        return { kind: "sse", port, path };
      case "websocket":
        return { kind: "websocket", port, path, resume: "&after={cursor}", opening: [], reply: null };
      case "xmpp-tcp":
        return { kind: "xmpp-tcp", port: (this.#xmpp.address() as AddressInfo).port, domain: "scripted" };
      default:
        return { kind: "hooks", port, path: "/hooks", body: '{"target":"{target}","topic":"{topic}"}', origins: 2 };
    }
  }

  #logOf(topic: string): FaultyLog {
    let log = this.#logs.get(topic);
    if (log === undefined) this.#logs.set(topic, (log = new FaultyLog(this.#script, () => this.#fanOut(topic))));
    return log;
  }

  #fanOut(topic: string): void {
    for (const reader of this.#readers) if (reader.topic === topic) this.#advance(reader);
  }

  #advance(reader: Reader): void {
    const { events } = this.#logOf(reader.topic);
    const fresh = events.slice(reader.place);
    reader.place = events.length;
    if (fresh.length > 0) reader.send(fresh, reader.place);
  }

  #read(socket: Socket, reader: Reader): void {
    this.#readers.add(reader);
    socket.once("close", () => this.#readers.delete(reader));
    this.#advance(reader);
  }

  /** Where a reader goes on who was at `told`. */
  #placeOf(topic: string, told: string | null): number {
    return told === null || told === ""
      ? this.#logOf(topic).events.length
      : Math.max(0, Number(told) + (this.#script.resumeShift ?? 0));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://scripted");
    if (url.pathname === "/events") return this.#publish(await text(request), response);
    if (url.pathname === "/hooks") return this.#hook(await text(request), response);
    const topic = url.searchParams.get("topic") ?? "";
    if (request.headers.accept === "text/event-stream") return this.#stream(topic, request, response);
    const tag = request.headers["if-none-match"] ?? null;
    const place = tag === null ? this.#logOf(topic).events.length : Number(tag);
    const { events } = this.#logOf(topic);
    response.writeHead(200, { etag: String(events.length) }).end(`{"events":[${events.slice(place).join()}]}`);
    return undefined;
  }

  #publish(body: string, response: ServerResponse): void {
    const number = this.#publications;
    const { stall, refuses } = this.#script;
    const [, topic = "", data = ""] = /^\{"topic":"([^"]*)","data":(.*)\}$/.exec(body) ?? [];
    if (topic !== "bench/warm") {
      this.#publications += 1;
      this.#script.onPublication?.(number);
    }
    const accept = (): void => {
      if (refuses === true && topic !== "bench/warm") {
        response.writeHead(503, { "content-length": 2 }).end("no");
        return;
      }
      this.#logOf(topic).append(data);
      response.writeHead(201).end("{}");
    };
    if (stall?.number === number && topic !== "bench/warm") setTimeout(accept, stall.ms);
    else accept();
  }

  #stream(topic: string, request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    const told = request.headers["last-event-id"];
    this.#read(request.socket, {
      topic,
      place: this.#placeOf(topic, typeof told === "string" ? told : null),
      send: (events, place) => {
        const first = place - events.length + 1;
        response.write(events.map((data, index) => `id: ${first + index}\ndata: ${data}\n\n`).join(""));
      },
    });
  }

  #upgrade(request: IncomingMessage, socket: Socket): void {
    const { searchParams } = new URL(request.url ?? "/", "http://scripted");
    const topic = searchParams.get("topic") ?? "";
    socket.on("error", () => socket.destroy());
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    this.#read(socket, {
      topic,
      place: this.#placeOf(topic, searchParams.get("after")),
      send: (events, place) => {
        for (const [index, data] of events.entries()) {
          const json = Buffer.from(`{"cursor":"${place - events.length + index + 1}","data":${data}}`);
          socket.write(Buffer.concat([Buffer.from([0x81, 126, json.length >> 8, json.length & 255]), json]));
        }
      },
    });
  }

  #hook(body: string, response: ServerResponse): void {
    const { target, topic } = JSON.parse(body) as { readonly target: string; readonly topic: string };
    let last: Promise<unknown> = Promise.resolve();
    const deliver = (data: string): Promise<unknown> => fetch(target, { method: "POST", body: data });
    this.#readers.add({
      topic,
      place: this.#logOf(topic).events.length,
      send: (events) => {
        for (const data of events) last = last.then(() => deliver(data)).catch(() => undefined);
      },
    });
    response.writeHead(201).end();
  }
}
