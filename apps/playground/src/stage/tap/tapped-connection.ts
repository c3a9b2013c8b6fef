import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import type { Conversation, Party } from "../wire/conversation.ts";
import type { Pace } from "./pace.ts";
import { Pipe } from "./pipe.ts";

/** Options of a {@link TappedConnection}. */
export interface TappedConnectionOptions {
  /** Whoever connected. */
  readonly near: Socket;
  /** What it is connected to. */
  readonly far: Socket;
  readonly conversation: Conversation;
  /** Who is near. */
  readonly asker: Party;
  readonly there: Pace;
  readonly back: Pace;
  readonly now: Clock;
}

/**
 * A connection that is passed on and looked at. It is seen as the client sees it: what the client sends, when it does;
 * what it gets, when it has come through. So a slow line shows in the picture, and bytes that were lost on it don't.
 */
export class TappedConnection {
  readonly #options: TappedConnectionOptions;
  readonly #pipes: readonly Pipe[];
  #endedBy: Party | undefined;

  constructor(options: TappedConnectionOptions) {
    this.#options = options;
    const { near, far, conversation, asker, there, back, now } = options;
    const isClientNear = asker === "client";
    conversation.opened(now());
    this.#pipes = [
      new Pipe({
        from: near,
        to: far,
        pace: there,
        now,
        look: (bytes, at) => conversation.asked(bytes, at),
        lookAt: isClientNear ? "entry" : "exit",
      }),
      new Pipe({
        from: far,
        to: near,
        pace: back,
        now,
        look: (bytes, at) => conversation.answered(bytes, at),
        lookAt: isClientNear ? "exit" : "entry",
      }),
    ];
    this.#watch(near, far, asker);
    this.#watch(far, near, isClientNear ? "gateway" : "client");
    (isClientNear ? near : far).once("close", () => this.#close("closed"));
  }

  /** Ends it at once, on both sides, with what is on its way. */
  cut(): void {
    this.#close("cut");
    for (const socket of [this.#options.near, this.#options.far]) socket.resetAndDestroy();
  }

  /** The pace has changed. */
  pump(): void {
    for (const pipe of this.#pipes) pipe.pump();
  }

  #watch(socket: Socket, peer: Socket, party: Party): void {
    socket.setNoDelay();
    socket.once("end", () => (this.#endedBy ??= party));
    socket.once("error", () => {
      this.#endedBy ??= party;
      peer.resetAndDestroy();
    });
    socket.once("close", () => {
      if (!socket.readableEnded) peer.resetAndDestroy();
    });
  }

  #close(label: string): void {
    const { conversation, asker, now } = this.#options;
    conversation.closed(this.#endedBy ?? asker, label, now());
  }
}
