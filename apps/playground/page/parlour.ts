import type { Delivered, LaneName, LaneOrder, StageMessage, StageState } from "../src/stage/stage-protocol.ts";
import type { Beginning } from "./clients/beginning.ts";
import type { OrderData, ReaderListener } from "./clients/reader.ts";
import { LANES } from "./lanes.ts";
import { Changes } from "./model/changes.ts";
import type { Deed } from "./model/guide.ts";
import { Lane } from "./model/lane.ts";
import { Orders } from "./model/orders.ts";
import { Spans } from "./model/spans.ts";
import type { StageClock } from "./model/stage-clock.ts";

/** What the parlour tells. */
export interface ParlourListener {
  /** Something is to be drawn anew. */
  changed(): void;
  /** Something was done that the guide may have waited for. */
  did(deed: Deed): void;
  /** A pizza is ready, and some lane knows. */
  ready(order: OrderData): void;
  state(state: StageState): void;
}

/** All that the page knows: the lanes, what the log has, the orders, and the gateway's state. */
export class Parlour {
  readonly changes: Changes = new Changes();
  readonly orders: Orders = new Orders();
  readonly gatewayTroubles: Spans = new Spans();
  readonly lanes: readonly Lane[];
  readonly #clock: StageClock;
  readonly #listener: ParlourListener;
  readonly #byName: ReadonlyMap<LaneName, Lane>;
  #state: StageState | null = null;
  /** The lane that was cut, or all, until it is whole again with something new. */
  #recovering: { readonly lanes: readonly Lane[]; readonly since: number } | null = null;
  #hasRestarted = false;
  #hasFailed = false;

  constructor(clock: StageClock, listener: ParlourListener) {
    this.#clock = clock;
    this.#listener = listener;
    this.lanes = LANES.map((about) => new Lane(about, this.changes));
    this.#byName = new Map(this.lanes.map((lane) => [lane.about.name, lane]));
  }

  /** Takes over what has happened before the page. */
  begin({ before }: Beginning): void {
    this.changes.ignore(before.map(({ id }) => id));
    for (const { data } of before) for (const { name } of LANES) this.orders.hear(name, data, 0);
  }

  lane(name: LaneName): Lane {
    return this.#byName.get(name) as Lane;
  }

  /** The stage has told something. */
  take(message: StageMessage): void {
    switch (message.kind) {
      case "arrow":
        this.lane(message.lane).recording.take(message);
        break;
      case "truth": {
        const change = this.changes.add(message);
        if (change !== null) for (const lane of this.lanes) lane.owe(change);
        break;
      }
      case "delivered":
        // What was refused comes again.
        if (message.status === null || message.status < 300) this.#deliver(message);
        break;
      case "state":
        this.#takeState(message);
        break;
      case "tick":
        break;
    }
    this.#listener.changed();
  }

  /** What the client of a lane tells. */
  listenerOf(name: LaneName): ReaderListener {
    const lane = this.lane(name);
    return {
      event: ({ id, data }) => {
        const now = this.#clock.now();
        this.changes.describe(id, data);
        lane.hear(id, now);
        this.#hear(name, data, now);
        // The receiver of hooks tells ids alone, and may have been the first.
        if (this.#hook.ledger.arrivalOf(id) !== undefined) this.#hear("rest-hooks", data, now);
      },
      repeated: ({ id }) => {
        lane.recognise(id);
        this.#listener.changed();
      },
      state: (state) => {
        lane.become(state, this.#clock.now());
        this.#listener.changed();
      },
      gap: () => lane.missGap(),
    };
  }

  /** Trouble has been made for a lane or all. */
  troubled(name: LaneName | "all", { do: what }: LaneOrder): void {
    if (what !== "cut" && what !== "offline") return;
    this.#listener.did("cut");
    this.#recovering = { lanes: name === "all" ? this.lanes : [this.lane(name)], since: this.#clock.now() };
  }

  /** Looks whether what was broken is whole. To be called now and then. */
  check(): void {
    const now = this.#clock.now();
    const isWhole = (lane: Lane): boolean => {
      const { awaited, lost } = lane.account(now);
      return lane.state === "open" && lane.trouble.kind === "none" && awaited === 0 && lost === 0;
    };
    if (this.#recovering !== null) {
      const { lanes, since } = this.#recovering;
      const hasNews = (this.changes.all.at(-1)?.time ?? 0) > since;
      if (hasNews && lanes.every(isWhole)) {
        this.#recovering = null;
        this.#listener.did("whole");
      }
    }
    if (this.#hasFailed && this.#state?.receiver === "ok" && this.#hook.account(now).awaited === 0) {
      this.#hasFailed = false;
      this.#listener.did("forgive");
    }
    if (this.#hasRestarted && this.#state?.gateway === "up" && this.lanes.every(isWhole)) {
      this.#hasRestarted = false;
      this.#listener.did("restart");
    }
  }

  /** All counters begin anew. What was seen stays in the picture, and what is on its way is still owed. */
  resetCounters(): void {
    const now = this.#clock.now();
    for (const lane of this.lanes) lane.reset(now);
    this.#listener.changed();
  }

  /** The page has been out of sight, where browsers slow it down. */
  wake(): void {
    for (const lane of this.lanes) lane.wake(this.#clock.now());
  }

  get #hook(): Lane {
    return this.lane("rest-hooks");
  }

  #deliver({ eventId, isRepeated, at }: Delivered): void {
    if (eventId === null) return;
    if (isRepeated) this.#hook.recognise(eventId);
    else this.#hook.hear(eventId, at);
    const order = this.changes.orderOf(eventId);
    if (order !== undefined) this.#hear("rest-hooks", order, at);
  }

  /** A lane knows how far an order is. */
  #hear(name: LaneName, data: OrderData, at: number): void {
    const hasMoved = this.orders.hear(name, data, at);
    if (hasMoved && data.status === "ready") this.#listener.ready(data);
    this.#listener.changed();
  }

  #takeState(state: StageState): void {
    const last = this.#state;
    this.#state = state;
    const { at, gateway, receiver, troubles } = state;
    this.gatewayTroubles.become(gateway === "down" ? "down" : null, at);
    for (const lane of this.lanes) lane.suffer(troubles[lane.about.name], at);
    // The webhook has no client in the page that would notice.
    if (gateway === "down" && this.#hook.state === "open") this.#hook.become("waiting", at);
    if (gateway === "up" && this.#hook.state === "waiting") this.#hook.become("open", at);
    if (last !== null && gateway === "down") this.#hasRestarted = true;
    if (receiver === "fail" || receiver === "hang") {
      this.#hasFailed = true;
      this.#listener.did("fail");
    }
    this.#listener.state(state);
  }
}
