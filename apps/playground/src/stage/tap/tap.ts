import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Clock } from "../clock.ts";
import type { Arrow, LaneName, Trouble } from "../stage-protocol.ts";
import { Conversation, type Numbers, type Party } from "../wire/conversation.ts";
import { Pace } from "./pace.ts";
import { TappedConnection } from "./tapped-connection.ts";

/** Options of a {@link Tap}. */
export interface TapOptions {
  readonly lane: LaneName;
  /** `http://127.0.0.1:8080`: what is behind it. */
  readonly target: string;
  /** Who connects to it: the lane's client, or the gateway to deliver to a hook. */
  readonly asker: Party;
  readonly numbers: Numbers;
  readonly onArrow: (arrow: Arrow) => void;
  /** What is being done to it has changed. */
  readonly onTrouble: () => void;
  readonly now: Clock;
}

const NO_TROUBLE: Trouble = Object.freeze({ kind: "none" });

/**
 * A port of a lane's own, in front of the gateway (or of the receiver of hooks). It passes every byte on as it is, looks
 * at it, and can be a bad line.
 */
export class Tap {
  readonly #options: TapOptions;
  readonly #server: Server;
  readonly #connections = new Set<TappedConnection>();
  readonly #there = new Pace();
  readonly #back = new Pace();
  #trouble: Trouble = NO_TROUBLE;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: TapOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#take(near));
  }

  /** Listens on a free port of loopback. */
  static async open(options: TapOptions): Promise<Tap> {
    const tap = new Tap(options);
    tap.#server.listen(0, "127.0.0.1");
    await once(tap.#server, "listening");
    return tap;
  }

  /** Where to connect to: `http://127.0.0.1:40001`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get trouble(): Trouble {
    return this.#trouble;
  }

  /** Ends all connections. New ones are welcome. */
  cut(): void {
    for (const connection of this.#connections) connection.cut();
  }

  /** Ends all connections, and refuses new ones for so long. */
  goOffline(forMs: number): void {
    this.#enter({ kind: "offline", until: this.#options.now() + forMs });
    this.#timer = setTimeout(() => this.heal(), forMs);
    this.cut();
  }

  /** Makes every byte late, and lets no more than so many pass in a second, in each direction. */
  slow(latencyMs: number, bytesPerSecond: number): void {
    for (const pace of [this.#there, this.#back]) pace.slow(latencyMs, bytesPerSecond);
    this.#enter({ kind: "slow", latencyMs, bytesPerSecond });
  }

  /** A good line again. */
  heal(): void {
    this.#enter(NO_TROUBLE);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#server.close();
    this.cut();
    await once(this.#server, "close");
  }

  #enter(trouble: Trouble): void {
    clearTimeout(this.#timer);
    this.#trouble = trouble;
    if (trouble.kind !== "slow") {
      for (const pace of [this.#there, this.#back]) pace.heal();
    }
    for (const connection of this.#connections) connection.pump();
    this.#options.onTrouble();
  }

  #take(near: Socket): void {
    const { lane, asker, numbers, onArrow, target, now } = this.#options;
    const conversation = new Conversation({ lane, asker, numbers, onArrow });
    if (this.#trouble.kind === "offline") {
      near.resetAndDestroy();
      conversation.opened(now());
      conversation.closed(asker === "client" ? "gateway" : "client", "refused", now());
      return;
    }
    const { hostname, port } = new URL(target);
    const far = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const paces = { there: this.#there, back: this.#back };
    const connection = new TappedConnection({ near, far, conversation, asker, ...paces, now });
    this.#connections.add(connection);
    near.once("close", () => this.#connections.delete(connection));
  }
}
