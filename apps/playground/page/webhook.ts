import type { Setup } from "../src/stage/stage-protocol.ts";
import { Backoff, sleep } from "./clients/backoff.ts";
import { readBeginning } from "./clients/beginning.ts";
import { Hook } from "./clients/hook.ts";
import type { Lane } from "./model/lane.ts";
import { say } from "./view/dom.ts";

/** How often the gateway is asked how the hook is, at the most. */
const ASK_EVERY_MS = 1_000;

/** The webhook's lane: it has no client, but somebody has to register the URL, and take it away in the end. */
export class Webhook {
  readonly #setup: Setup;
  readonly #lane: Lane;
  readonly #now: () => number;
  readonly #button: HTMLButtonElement;
  readonly #life = new AbortController();
  #hook: Hook | null = null;
  #askedAt = 0;
  /** The last delivery was refused. */
  #isRefusing = false;

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
      /* oxlint-disable no-await-in-loop */
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

  /** The receiver has taken a delivery, or refused it. */
  delivered(isTaken: boolean): void {
    this.#isRefusing = !isTaken;
    if (isTaken) this.#lane.remark = "";
  }

  /** Looks what the gateway makes of refusals. To be called now and then. */
  async check(): Promise<void> {
    const hook = this.#hook;
    if (!this.#isRefusing || hook === null || performance.now() - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = performance.now();
    const status = await hook.status();
    if (hook !== this.#hook) return;
    if (status === "failing") this.#lane.remark = "Given a rest";
    if (status === "gone") this.#lose();
  }

  close(): void {
    this.#life.abort();
    void this.#hook?.remove().catch(() => undefined);
  }

  #lose(): void {
    this.#hook = null;
    this.#isRefusing = false;
    this.#lane.remark = "";
    this.#lane.ledger.forgive();
    this.#lane.become("gone", this.#now());
    say(this.#button, "Register again");
    this.#button.hidden = false;
  }
}
