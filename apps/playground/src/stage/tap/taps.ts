import type { Clock } from "../clock.ts";
import { forEachLane, LANES } from "../lanes.ts";
import type { Arrow, LaneName, LaneOrder, Trouble } from "../stage-protocol.ts";
import { Tap } from "./tap.ts";

/** Options of {@link Taps}. */
export interface TapsOptions {
  /** What is behind the taps of the lanes whose clients ask. */
  readonly gateway: string;
  /** What is behind the tap of the lane whose client is asked. */
  readonly receiver: string;
  readonly onArrow: (arrow: Arrow) => void;
  readonly onTrouble: () => void;
  readonly now: Clock;
}

/** A tap for each lane. */
export class Taps {
  readonly #taps: Readonly<Record<LaneName, Tap>>;

  private constructor(taps: Readonly<Record<LaneName, Tap>>) {
    this.#taps = taps;
  }

  static async open({ gateway, receiver, ...rest }: TapsOptions): Promise<Taps> {
    let arrows = 0;
    let connections = 0;
    const numbers = { nextArrow: () => (arrows += 1), nextConnection: () => (connections += 1) };
    const open = (lane: LaneName): Promise<Tap> =>
      lane === "rest-hooks"
        ? Tap.open({ ...rest, lane, numbers, target: receiver, asker: "gateway" })
        : Tap.open({ ...rest, lane, numbers, target: gateway, asker: "client" });
    const opened = await Promise.all(LANES.map(open));
    return new Taps(forEachLane((lane) => opened[LANES.indexOf(lane)] as Tap));
  }

  /** Where each lane's client connects, or is to be reached. */
  get urls(): Record<LaneName, string> {
    return forEachLane((lane) => this.#taps[lane].url);
  }

  get troubles(): Record<LaneName, Trouble> {
    return forEachLane((lane) => this.#taps[lane].trouble);
  }

  /** Does something to a lane, or to all of them. */
  order(lane: LaneName | "all", order: LaneOrder): void {
    for (const name of lane === "all" ? LANES : [lane]) disturb(this.#taps[name], order);
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#taps).map((tap) => tap.close()));
  }
}

function disturb(tap: Tap, order: LaneOrder): void {
  if (order.do === "cut") tap.cut();
  else if (order.do === "offline") tap.goOffline(order.forMs);
  else if (order.do === "slow") tap.slow(order.latencyMs, order.bytesPerSecond);
  else tap.heal();
}
