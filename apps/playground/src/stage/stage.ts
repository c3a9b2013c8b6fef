import { MENU } from "../shop/menu.ts";
import { systemClock } from "./clock.ts";
import { LiveFeed } from "./live-feed.ts";
import { HookOwner } from "./receiver/hook-owner.ts";
import { HookReceiver } from "./receiver/hook-receiver.ts";
import { createStageServer } from "./server/stage-server.ts";
import type { Setup, StageState } from "./stage-protocol.ts";
import { Taps } from "./tap/taps.ts";
import { TruthReader } from "./truth.ts";

/** What the stage needs of the gateway. */
export interface StagedGateway {
  /** Its public address: `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly isUp: boolean;
  /** Lets it drain and end, and starts it again. */
  restart(): void;
  /** Ends it at once, and starts it again. */
  kill(): void;
  /** Is told whenever {@link isUp} has changed. */
  onChange(listener: () => void): void;
}

/** Options of {@link openStage}. */
export interface StageOptions {
  /** Port on loopback; 0 is any free one. */
  readonly port: number;
  readonly gateway: StagedGateway;
  /** May register hooks on orders. */
  readonly hookToken: string;
  readonly cook: { speed: number };
}

/** A stage that is open. */
export interface Stage {
  /** The page's address: `http://127.0.0.1:8082`. */
  readonly url: string;
  close(): Promise<void>;
}

const HOOKS_PATH = "/realtime/hooks";
const XMPP = { domain: "localhost", service: "pubsub.localhost", boshPath: "/realtime/http-bind" } as const;

/**
 * Opens the page's stage: a tap for each lane, the receiver of hooks, the truth, and the server of the page. The gateway
 * must be up.
 */
export async function openStage(options: StageOptions): Promise<Stage> {
  const opened = new Opened();
  try {
    const url = await open(options, opened);
    return { url, close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What has been opened, to be closed in the opposite order. */
class Opened {
  readonly #closings: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#closings.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closings.splice(0).toReversed()) await close();
  }
}

async function open({ port, gateway, hookToken, cook }: StageOptions, opened: Opened): Promise<string> {
  const now = systemClock;
  const feed = new LiveFeed({ now, state });
  opened.add(() => feed.close());
  const receiver = await HookReceiver.open({ now, onDelivered: (delivered) => feed.tell(delivered) });
  opened.add(() => receiver.close());
  const taps = await Taps.open({
    gateway: gateway.url,
    receiver: receiver.url,
    onArrow: (arrow) => feed.tell(arrow),
    onTrouble: () => feed.tellState(),
    now,
  });
  opened.add(() => taps.close());
  const owner = new HookOwner(gateway.url + HOOKS_PATH, hookToken);
  await owner.forgetAll();
  const truth = new TruthReader(gateway.url, (told) => feed.tell(told));
  opened.add(() => truth.close());
  gateway.onChange(() => {
    feed.tellState();
    if (gateway.isUp) truth.comeBack();
  });

  function setup(): Setup {
    const hooks = { url: owner.url, token: hookToken };
    return { lanes: taps.urls, gateway: gateway.url, hooks, xmpp: XMPP, menu: MENU, speed: cook.speed };
  }

  function state(): StageState {
    return {
      kind: "state",
      at: now(),
      gateway: gateway.isUp ? "up" : "down",
      troubles: taps.troubles,
      receiver: receiver.mood,
      speed: cook.speed,
    };
  }

  const server = await createStageServer({
    setup,
    watch: (page) => feed.add(page),
    order: (lane, order) => taps.order(lane, order),
    setMood: (mood) => {
      receiver.mood = mood;
      feed.tellState();
      if (mood === "ok") void owner.resumeFailing();
    },
    orderGateway: (order) => gateway[order](),
    setSpeed: (speed) => {
      cook.speed = speed;
      feed.tellState();
    },
  });
  opened.add(() => server.close());
  return server.listen({ port, host: "127.0.0.1" });
}
