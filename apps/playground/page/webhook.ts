import type { Setup } from "../src/stage/stage-protocol.ts";
import { Backoff, sleep } from "./clients/backoff.ts";
import { readBeginning } from "./clients/beginning.ts";
import { Hook } from "./clients/hook.ts";
import type { Lane } from "./model/lane.ts";
import { say } from "./view/dom.ts";

/** How often the gateway is asked how the hook is, at the most. */
const ASK_EVERY_MS = 1_000;
/** A delivery that takes longer has met with difficulties. */
const LATE_MS = 2_000;

/** The webhook's lane: it has no client, but somebody has to register the URL, and take it away in the end. */
export class Webhook {
  readonly #setup: Setup;
  readonly #lane: Lane;
  readonly #now: () => number;
  readonly #button: HTMLButtonElement;
  readonly #life = new AbortController();
  #hook: Hook | null = null;
  #askedAt = 0;

  /** @param button what registers it again when it is gone */
  constructor(setup: Setup, lane: Lane, now: () => number, button: HTMLButtonElement) {
    this.#setup = setup;
    this.#lane = lane;
    this.#now = now;
    this.#button = button;
    this.#button.addEventListener("click", () => void this.register());
    // The gateway would go on calling.
    addEventListener("pagehide", () => this.close());
  }

  /** Registers the URL, as soon as the gateway takes it. */
  async register(): Promise<void> {
    const backoff = new Backoff();
    this.#button.hidden = true;
    while (this.#hook === null && !this.#life.signal.aborted) {
      // One attempt after the other.
      try {
        const hook = await Hook.register(this.#setup.hooks, this.#setup.lanes["rest-hooks"]);
        // What had happened by then is not the hook's.
        const { before } = await readBeginning(this.#setup.gateway);
        this.#lane.ledger.excuse(before.map(({ id }) => id));
        this.#hook = hook;
      } catch {
        await sleep(backoff.nextMs(), this.#life.signal);
      }
      /* oxlint-enable no-await-in-loop */
    }
    this.#lane.become("open", this.#now());
  }

  /**
   * Looks after it while deliveries are late. To be called now and then.
   * @param isReceiverWell whether it would take them now: then the gateway need not wait any longer
   */
  async check(isReceiverWell: boolean): Promise<void> {
    const hook = this.#hook;
    const { awaitedSince } = this.#lane.account(this.#now());
    if (awaitedSince === null) this.#lane.remark = "";
    if (hook === null || awaitedSince === null || this.#now() - awaitedSince < LATE_MS) return;
    if (performance.now() - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = performance.now();
    const status = await hook.status();
    if (hook !== this.#hook) return;
    if (status === "gone") this.#lose();
    else if (status === "failing") {
      this.#lane.remark = "gateway pauses calls";
      // If the gateway can't be reached just now, the next check tries again.
      if (isReceiverWell && this.#lane.trouble.kind === "none") await hook.resume().catch(() => undefined);
    }
  }

  close(): void {
    this.#life.abort();
    void this.#hook?.remove().catch(() => undefined);
  }

  #lose(): void {
    this.#hook = null;
    this.#lane.remark = "";
    this.#lane.ledger.forgive();
    this.#lane.become("gone", this.#now());
    say(this.#button, "Register again");
    this.#button.hidden = false;
  }
}
