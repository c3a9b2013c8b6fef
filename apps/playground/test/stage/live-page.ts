import { once } from "node:events";
import { vi } from "vitest";
import { WebSocket } from "ws";
import type { StageMessage } from "../../src/stage/stage-protocol.ts";
import { WAIT } from "../wait.ts";

/** A page that watches the stage, without the page. */
export class LivePage {
  readonly socket: WebSocket;
  readonly frames: (readonly StageMessage[])[] = [];

  private constructor(url: string, origin: string) {
    this.socket = new WebSocket(url, { origin });
    this.socket.on("error", () => undefined);
    this.socket.on("message", (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString()) as readonly StageMessage[]);
    });
  }

  /** @param stage its address, `http://localhost:8082` */
  static async open(stage: string): Promise<LivePage> {
    const page = new LivePage(`${stage.replace(/^http/, "ws")}/stage/live`, stage);
    await once(page.socket, "open");
    return page;
  }

  /** All messages of a kind so far. */
  all<Kind extends StageMessage["kind"]>(kind: Kind): Extract<StageMessage, { readonly kind: Kind }>[] {
    const isOfKind = (message: StageMessage): message is Extract<StageMessage, { readonly kind: Kind }> =>
      message.kind === kind;
    return this.frames.flat().filter(isOfKind);
  }

  /** Waits for a message of a kind. */
  async until<Kind extends StageMessage["kind"]>(
    kind: Kind,
    isIt: (message: Extract<StageMessage, { readonly kind: Kind }>) => boolean = () => true,
  ): Promise<Extract<StageMessage, { readonly kind: Kind }>> {
    return vi.waitUntil(() => this.all(kind).find(isIt), WAIT);
  }

  close(): void {
    this.socket.terminate();
  }
}
