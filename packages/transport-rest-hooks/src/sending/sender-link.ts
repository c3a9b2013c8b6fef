import { Worker } from "node:worker_threads";
import { Restarts, type Clock, type Logger } from "@sluice/core";
import { Pace } from "../engine/pace.ts";
import type { HookSecret } from "../hooks/hook.ts";
import type { Answer } from "./sender.ts";
import type {
  FromSender,
  HookSecrets,
  SenderInit,
  TicketedAnswer,
  TicketedRequest,
  ToSender,
  UnsignedRequest,
} from "./sender-messages.ts";
import type { AllowedRange, Resolve } from "./target-guard.ts";

/** Options of {@link SenderLink}. */
export interface SenderLinkOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether targets may be plain http. */
  readonly canUseHttp: boolean;
  readonly allow: readonly AllowedRange[];
  /** Ports that the gateway itself listens on. */
  readonly ownPorts: () => readonly number[];
  /** Default: the system's. */
  readonly resolve?: Resolve | undefined;
  /** For a whole attempt, connecting and reading included. */
  readonly timeoutMs: number;
  /** Connections to one origin at the most. */
  readonly perOrigin: number;
  readonly ca?: string | undefined;
}

interface Waiting {
  readonly request: UnsignedRequest;
  readonly secrets: readonly HookSecret[];
  readonly resolve: (answer: Answer) => void;
}

/** The thread has so long to end itself. */
const CLOSE_TIMEOUT_MS = 5000;

/** Answers that are passed on in one turn of the event loop; what is made of them is done in microtasks behind it. */
const PORTION_ANSWERS = 16;

const STOPPED: Answer = { kind: "failed", error: "shutdown", reason: "the gateway stops" };
const CRASHED: Answer = { kind: "failed", error: "thread", reason: "the thread that sends has ended" };

/**
 * Sends requests to targets in a thread of its own, so that a storm of deliveries (sockets, TLS, HTTP, signatures) does
 * not stand in the way of readers on other transports. What is handed over in one turn of the event loop travels together,
 * and so do answers. How much there is at once is bounded by who sends.
 *
 * A thread that ends by itself is started again, and is told anew what it has to know; what it had under way fails.
 */
export class SenderLink {
  readonly #options: SenderLinkOptions;
  readonly #restarts: Restarts;
  readonly #underWay = new Map<number, (answer: Answer) => void>();
  #waiting: Waiting[] = [];
  readonly #answers: TicketedAnswer[] = [];
  readonly #pace: Pace = new Pace(() => this.#settleSome());
  #worker: Worker;
  #ended: Promise<void> = Promise.resolve();
  readonly #began = Promise.withResolvers<void>();
  #hasBegun = false;
  #isReady = false;
  #isSendingSoon = false;
  #isClosed = false;
  #ticket = 0;
  /** What the thread knows: secrets by hook, and ports. */
  readonly #toldSecrets = new Map<string, readonly HookSecret[]>();
  #toldPorts: readonly number[] | null = null;
  #forgotten: string[] = [];

  constructor(options: SenderLinkOptions) {
    this.#options = options;
    this.#restarts = new Restarts(options.clock);
    this.#worker = this.#start();
  }

  /** Resolves when the thread has begun; rejects if it can't. */
  begun(): Promise<void> {
    return this.#began.promise;
  }

  /** Sends one request, signed with these secrets where it asks for that; never rejects. */
  send(request: UnsignedRequest, secrets: readonly HookSecret[] = []): Promise<Answer> {
    if (this.#isClosed) return Promise.resolve(STOPPED);
    return new Promise((resolve) => {
      this.#waiting.push({ request, secrets, resolve });
      this.#sendSoon();
    });
  }

  /** The hook has ended: its secrets go. */
  forget(hook: string): void {
    if (!this.#toldSecrets.has(hook)) return;
    this.#forgotten.push(hook);
    this.#sendSoon();
  }

  /** Gives everything up that is under way: it ends as `shutdown`, whatever the thread is at. */
  abort(): void {
    const waiting = this.#waiting.splice(0);
    this.#post({ kind: "abort" });
    for (const { resolve } of waiting) resolve(STOPPED);
    this.#settleAll(STOPPED);
  }

  /** Ends the thread. It ends itself: a thread that is ended from outside while it loads can take the process along. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.abort();
    this.#post({ kind: "close" });
    const cancel = this.#options.clock.after(CLOSE_TIMEOUT_MS, () => void this.#worker.terminate());
    await this.#ended;
    cancel();
  }

  #start(): Worker {
    const { canUseHttp, allow, resolve, timeoutMs, perOrigin, ca } = this.#options;
    const hasResolver = resolve !== undefined;
    const init: SenderInit = { canUseHttp, allow, hasResolver, timeoutMs, perOrigin, ca };
    // Built, this module and the worker's file lie side by side as .js; in the source tree as .ts.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./sender-worker.${extension}`, import.meta.url), {
      workerData: init,
      name: "hook-sender",
    });
    let reason: unknown;
    this.#restarts.started();
    worker.on("message", (message: FromSender) => this.#receive(message));
    worker.on("error", (error) => {
      reason = error;
    });
    this.#ended = new Promise((ended) => worker.once("exit", () => ended()));
    worker.once("exit", (code) => {
      if (!this.#isClosed) this.#crash(reason ?? new Error(`the thread ended with ${code}`));
    });
    return worker;
  }

  #sendSoon(): void {
    if (this.#isSendingSoon || !this.#isReady) return;
    this.#isSendingSoon = true;
    queueMicrotask(() => {
      this.#isSendingSoon = false;
      this.#send();
    });
  }

  #send(): void {
    if (!this.#isReady || (this.#waiting.length === 0 && this.#forgotten.length === 0)) return;
    const secretsToTell: HookSecrets[] = [];
    const requests: TicketedRequest[] = [];
    for (const { request, secrets, resolve } of this.#waiting) {
      const hook = request.signing?.hook;
      if (hook !== undefined && this.#toldSecrets.get(hook) !== secrets) {
        this.#toldSecrets.set(hook, secrets);
        secretsToTell.push({ hook, secrets });
      }
      this.#ticket += 1;
      this.#underWay.set(this.#ticket, resolve);
      requests.push({ ticket: this.#ticket, ...request });
    }
    const forgotten = this.#forgotten;
    for (const hook of forgotten) this.#toldSecrets.delete(hook);
    this.#waiting = [];
    this.#forgotten = [];
    this.#post({ kind: "send", ownPorts: this.#newPorts(), secrets: secretsToTell, requests, forgotten });
  }

  /** The gateway's ports, if the thread knows others. */
  #newPorts(): readonly number[] | null {
    const ports = this.#options.ownPorts();
    const told = this.#toldPorts;
    if (told !== null && ports.length === told.length && ports.every((port, index) => port === told[index]))
      return null;
    this.#toldPorts = ports;
    return ports;
  }

  #receive(message: FromSender): void {
    switch (message.kind) {
      case "ready":
        this.#isReady = true;
        this.#hasBegun = true;
        this.#began.resolve();
        this.#send();
        return;
      case "answers":
        this.#answers.push(...message.answers);
        this.#pace.wake();
        return;
      case "resolve":
        void this.#resolve(message.ticket, message.hostname);
    }
  }

  /** Whether there are more. */
  #settleSome(): boolean {
    for (const answer of this.#answers.splice(0, PORTION_ANSWERS)) this.#settle(answer);
    return this.#answers.length > 0;
  }

  #settle({ ticket, answer }: TicketedAnswer): void {
    this.#underWay.get(ticket)?.(answer);
    this.#underWay.delete(ticket);
  }

  /** What was answered stays so; all else that is under way gets this answer. */
  #settleAll(answer: Answer): void {
    for (const answered of this.#answers.splice(0)) this.#settle(answered);
    const underWay = [...this.#underWay.values()];
    this.#underWay.clear();
    for (const resolve of underWay) resolve(answer);
  }

  async #resolve(ticket: number, hostname: string): Promise<void> {
    try {
      const addresses = (await this.#options.resolve?.(hostname)) ?? [];
      this.#post({ kind: "resolved", ticket, addresses });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      this.#post({ kind: "unresolved", ticket, code: String(code), reason: message });
    }
  }

  #crash(error: unknown): void {
    const { clock, logger } = this.#options;
    if (!this.#hasBegun) {
      this.#isClosed = true;
      this.#began.reject(new Error("The thread that sends to the targets of hooks can't begin.", { cause: error }));
      return;
    }
    this.#isReady = false;
    this.#toldSecrets.clear();
    this.#toldPorts = null;
    this.#forgotten = [];
    const againMs = this.#restarts.ended();
    logger.error(
      { err: error, againMs },
      "the thread that sends to the targets of hooks has ended; it is started again",
    );
    this.#settleAll(CRASHED);
    clock.after(againMs, () => {
      if (!this.#isClosed) this.#worker = this.#start();
    });
  }

  #post(message: ToSender): void {
    this.#worker.postMessage(message);
  }
}
