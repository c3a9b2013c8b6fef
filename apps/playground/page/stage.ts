import type { LaneName, LaneOrder, ReceiverMood, Setup, StageMessage } from "../src/stage/stage-protocol.ts";

/** What the page can do to the stage: make trouble, and end it. */
export class Stage {
  /** Asks for all that is to be known before anything starts. @throws {Error} */
  static async setup(): Promise<Setup> {
    const response = await fetch("/stage/setup");
    if (!response.ok) throw new Error(`the stage answers ${response.status}`);
    return (await response.json()) as Setup;
  }

  /** Hears what happens, until the connection ends. */
  listen(onMessage: (message: StageMessage) => void, onEnd: () => void): void {
    const socket = new WebSocket(new URL("/stage/live", location.href.replace(/^http/, "ws")));
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      for (const message of JSON.parse(data) as readonly StageMessage[]) onMessage(message);
    });
    socket.addEventListener("close", onEnd);
  }

  toLane(lane: LaneName | "all", order: LaneOrder): Promise<void> {
    return post(`/stage/lanes/${lane}`, order);
  }

  setMood(mood: ReceiverMood): Promise<void> {
    return post("/stage/receiver", { mood });
  }

  toGateway(what: "restart" | "kill"): Promise<void> {
    return post("/stage/gateway", { do: what });
  }

  setSpeed(speed: number): Promise<void> {
    return post("/stage/cook", { speed });
  }
}

async function post(path: string, body: unknown): Promise<void> {
  await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}
