import { MENU } from "../shop/menu.ts";
import { systemClock } from "./clock.ts";
import { forEachLane, LANES } from "./lanes.ts";
import { LiveFeed } from "./live-feed.ts";
import { forgetHooks } from "./receiver/forget-hooks.ts";
import { HookReceiver } from "./receiver/hook-receiver.ts";
import { createStageServer } from "./server/stage-server.ts";
import type { LaneName, LaneOrder, Setup, StageState } from "./stage-protocol.ts";
import { Tap } from "./tap/tap.ts";
import { readTruth } from "./truth.ts";

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
export async function openStage({ port, gateway, hookToken, cook }: StageOptions): Promise<Stage> {
  const now = systemClock;
  const feed = new LiveFeed({ now, state });
  const receiver = await HookReceiver.open({ now, onDelivered: (delivered) => feed.tell(delivered) });
  const taps = await openTaps();
  const hooksUrl = gateway.url + HOOKS_PATH;
  await forgetHooks(hooksUrl, hookToken);
  const endTruth = readTruth(gateway.url, (truth) => feed.tell(truth));
  gateway.onChange(() => feed.tellState());

  async function openTaps(): Promise<Record<LaneName, Tap>> {
    let arrows = 0;
    let connections = 0;
    const numbers = { nextArrow: () => (arrows += 1), nextConnection: () => (connections += 1) };
    const opened = await Promise.all(
      LANES.map((lane) =>
        Tap.open({
          lane,
          target: lane === "rest-hooks" ? receiver.url : gateway.url,
          asker: lane === "rest-hooks" ? "gateway" : "client",
          numbers,
          onArrow: (arrow) => feed.tell(arrow),
          onTrouble: () => feed.tellState(),
          now,
        }),
      ),
    );
    return forEachLane((lane) => opened[LANES.indexOf(lane)] as Tap);
  }

  function setup(): Setup {
    return {
      lanes: forEachLane((lane) => taps[lane].url),
      gateway: gateway.url,
      hooks: { url: hooksUrl, token: hookToken },
      xmpp: XMPP,
      menu: MENU,
      speed: cook.speed,
    };
  }

  function state(): StageState {
    return {
      kind: "state",
      at: now(),
      gateway: gateway.isUp ? "up" : "down",
      troubles: forEachLane((lane) => taps[lane].trouble),
      receiver: receiver.mood,
      speed: cook.speed,
    };
  }

  const server = await createStageServer({
    setup,
    watch: (page) => feed.add(page),
    order: (lane, order) => {
      for (const name of lane === "all" ? LANES : [lane]) disturb(taps[name], order);
    },
    setMood: (mood) => {
      receiver.mood = mood;
      feed.tellState();
    },
    orderGateway: (order) => gateway[order](),
    setSpeed: (speed) => {
      cook.speed = speed;
      feed.tellState();
    },
  });
  const url = await server.listen({ port, host: "127.0.0.1" });

  return {
    url,
    close: async () => {
      endTruth();
      feed.close();
      await Promise.all([server.close(), ...Object.values(taps).map((tap) => tap.close())]);
      await receiver.close();
    },
  };
}

function disturb(tap: Tap, order: LaneOrder): void {
  if (order.do === "cut") tap.cut();
  else if (order.do === "offline") tap.goOffline(order.forMs);
  else if (order.do === "slow") tap.slow(order.latencyMs, order.bytesPerSecond);
  else tap.heal();
}
