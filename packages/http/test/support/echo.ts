import type { HttpTransport, ReadRequest } from "../../src/index.ts";

/** What a transport was handed, in a form that can be compared. */
export function shown(read: ReadRequest): Record<string, unknown> {
  return {
    filters: read.filters.map(({ text }) => text),
    types: read.types,
    start: read.start,
    limit: read.limit,
    waitMs: read.waitMs,
    ifNoneMatch: read.ifNoneMatch,
    options: read.options,
    hasSeat: read.seat !== null,
    next: read.nextUrl("CURSOR"),
  };
}

/** A transport that answers with what it was handed; one that holds its connection keeps the seat until `letGo`. */
export class Echo implements HttpTransport {
  readonly name: string;
  readonly holdsConnection: boolean;
  readonly #held: ReadRequest[] = [];

  constructor(name: string, holdsConnection = false) {
    this.name = name;
    this.holdsConnection = holdsConnection;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  drain(): Promise<void> {
    this.letGo();
    return Promise.resolve();
  }

  letGo(): void {
    for (const read of this.#held.splice(0)) read.seat?.release();
  }

  readonly respond: NonNullable<HttpTransport["respond"]> = async (read, _request, reply) => {
    this.#held.push(read);
    await reply.send({ transport: this.name, ...shown(read) });
  };
}

/** One that fails. */
export const broken: HttpTransport = {
  name: "polling",
  holdsConnection: true,
  start: () => Promise.resolve(),
  drain: () => Promise.resolve(),
  respond: () => Promise.reject(new Error("the secret reason")),
};
