import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connect, type ConnectOptions, type Sluice, type SluiceError, type State } from "../src/index.ts";
import { page, problem, ScriptedServer, stream, type Answer } from "./support/scripted-server.ts";

const FIRST_FRAME = "retry: 2000\n: cursor a-1\nid: a-1\n\n";

let clock: ManualClock;
let server: ScriptedServer | undefined;
let sluice: Sluice | undefined;
beforeEach(() => {
  clock = new ManualClock();
});
afterEach(async () => {
  sluice?.close();
  await server?.close();
});

/** A client of such a server on a clock that stands still. */
async function read(options: ConnectOptions, ...answers: readonly Answer[]): Promise<Sluice> {
  server = await ScriptedServer.start(...answers);
  sluice = connect(server.url, { topics: "a", clock, ...options });
  return sluice;
}

/** Resolves when the client is in that state: now, or as soon as it is. */
function until(reading: Sluice, wanted: State): Promise<SluiceError | null> {
  return new Promise((resolve) => {
    reading.on("state", ({ state, error }) => {
      if (state === wanted) resolve(error);
    });
  });
}

/** The number of requests that the server has had. */
function requests(): number {
  return server?.requests.length ?? 0;
}

/** Lets time pass in small steps until the server has had so many requests; answers what the clock shows then. */
async function untilRequests(count: number): Promise<number> {
  while (requests() < count) {
    clock.advance(100);
    // Real sockets take real time.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return clock.monotonic();
}

describe("what the gateway asks to wait", () => {
  test("Retry-After is kept to", async () => {
    const reading = await read({ transport: "polling" }, problem(503, "draining", { "retry-after": "7" }), page("a-1"));
    const error = await until(reading, "waiting");
    expect(error).toMatchObject({ code: "draining", status: 503, retryAfterMs: 7000 });
    expect(await untilRequests(2)).toBeGreaterThanOrEqual(7000);
  });

  test("retry: of a stream is kept to when it ends, and the client goes on behind its id", async () => {
    const reading = await read({ transport: "sse" }, (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).end(FIRST_FRAME);
    });
    await until(reading, "waiting");
    expect(await untilRequests(2)).toBeGreaterThanOrEqual(2000);
    expect(server?.requests[1]?.url).toContain("after=a-1");
  });

  test("X-Poll-Interval sets the pace of polls", async () => {
    const answer: Answer = (response) => {
      response.setHeader("x-poll-interval", "9");
      page("a-1")(response, undefined as never);
    };
    const reading = await read({ transport: "polling" }, answer);
    await until(reading, "open");
    expect(await untilRequests(2)).toBeGreaterThanOrEqual(9000);
  });
});

describe("what is refused", () => {
  test.each([
    [401, "unauthorized"],
    [403, "forbidden"],
    [400, "invalid-filter"],
  ])("%s %s ends it: there is no second request", async (status, code) => {
    const reading = await read({}, problem(status, code));
    // The upgrade is refused without a reason; the next transport hears it.
    const error = await until(reading, "closed");
    expect(error).toMatchObject({ status, code, message: `That is ${code}.` });
    const had = requests();
    clock.advance(3_600_000);
    expect(requests()).toBe(had);
  });

  test("an upgrade whose refusal is told by an error alone, as in Node 22, is over at once", async () => {
    class SocketWithoutClose extends WebSocket {
      override addEventListener(...args: Parameters<WebSocket["addEventListener"]>): void {
        if (args[0] !== "close") super.addEventListener(...args);
      }
    }
    const options = { transport: "websocket", WebSocket: SocketWithoutClose } as const;
    const reading = await read(options, problem(503, "draining"));
    expect(await until(reading, "waiting")).toMatchObject({ status: 0, message: "Closed: 1006" });
  });

  test("a new token is tried at once, and again only after a wait", async () => {
    let count = 0;
    const token = (): string => `token-${(count += 1)}`;
    const reading = await read({ transport: "polling", token }, problem(401, "unauthorized"));
    await until(reading, "waiting");
    expect(server?.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer token-1", "Bearer token-2"]);
    expect(count).toBe(3);
  });

  test("the same token again is no new one", async () => {
    const reading = await read({ transport: "polling", token: () => "same" }, problem(401, "unauthorized"));
    await until(reading, "closed");
    expect(requests()).toBe(1);
  });

  test("who gives no token now may give one later", async () => {
    let count = 0;
    const token = async (): Promise<string> => {
      count += 1;
      if (count === 1) throw new Error("away");
      return "token";
    };
    const reading = await read({ transport: "polling", token }, page("a-1"));
    const error = await until(reading, "waiting");
    expect(error?.message).toContain("away");
    const isOpen = until(reading, "open");
    clock.advance(500);
    await isOpen;
    expect(server?.requests[0]?.headers.authorization).toBe("Bearer token");
  });

  test("an address at which there is no gateway is said to be none", async () => {
    const reading = await read({ transport: "polling" }, (response) => response.writeHead(404).end("nothing"));
    expect(await until(reading, "closed")).toMatchObject({ status: 404, code: null });
  });
});

describe("silence", () => {
  test("a stream without a first frame is held back by something: the next transport", async () => {
    const reading = await read(
      { transport: ["sse", "polling"] },
      (response) => response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders(),
      page("a-1"),
    );
    const isOpen = until(reading, "open");
    expect(await untilRequests(2)).toBeGreaterThanOrEqual(5000);
    await isOpen;
    expect(reading.transport).toBe("polling");
  });

  test("a stream that says nothing for 40 s is dead", async () => {
    const reading = await read({ transport: ["sse", "polling"] }, stream(FIRST_FRAME), page("a-1"));
    await until(reading, "open");
    const changed = new Promise((resolve) => reading.on("transport", ({ transport }) => resolve(transport)));
    expect(await untilRequests(2)).toBeGreaterThanOrEqual(40_000);
    expect(await changed).toBe("polling");
    expect(server?.requests[1]?.url).toContain("after=a-1");
  });
});
