import type { Trouble } from "../../src/stage/stage-protocol.ts";
import type { ReaderState } from "../clients/reader.ts";
import type { LaneAbout } from "../lanes.ts";
import type { Change, Changes } from "./changes.ts";
import { Ledger, type Account } from "./ledger.ts";
import { Recording } from "./recording.ts";
import { Spans } from "./spans.ts";

/** Where a lane stands. */
export type LaneState = ReaderState | "gone";

/** One lane: what its tap has seen, what its client has got, and what is the matter with it. */
export class Lane {
  readonly about: LaneAbout;
  readonly recording: Recording = new Recording();
  readonly troubles: Spans = new Spans();
  readonly #changes: Changes;
  #ledger: Ledger;
  /** What else is to be said of it. */
  remark = "";
  #state: LaneState = "connecting";
  #trouble: Trouble = { kind: "none" };
  #gaps = 0;

  constructor(about: LaneAbout, changes: Changes) {
    this.about = about;
    this.#changes = changes;
    this.#ledger = new Ledger(about.manners);
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  get state(): LaneState {
    return this.#state;
  }

  get trouble(): Trouble {
    return this.#trouble;
  }

  /** How often the log no longer had what the lane had missed. */
  get gaps(): number {
    return this.#gaps;
  }

  account(now: number): Account {
    return this.#ledger.account(now);
  }

  become(state: LaneState, at: number): void {
    this.#state = state;
    this.#judge(at);
  }

  suffer(trouble: Trouble, at: number): void {
    this.#trouble = trouble;
    this.troubles.become(trouble.kind === "none" ? null : trouble.kind, at);
    this.#judge(at);
  }

  /** The log has a change, which this lane has to get. */
  owe(change: Change): void {
    if (this.#state !== "gone") this.#ledger.owe(change);
  }

  /** The lane's client has got an event. */
  hear(id: string, at: number): void {
    if (!this.#changes.isOld(id)) this.#ledger.arrive(id, at, this.#changes.find(id));
  }

  /** An event has come again, and was recognised. */
  recognise(id: string): void {
    if (!this.#changes.isOld(id)) this.#ledger.recognise();
  }

  /** Counts anew from here. */
  reset(now: number): void {
    this.#ledger.reset(now);
    this.recording.resetTraffic();
    this.#gaps = 0;
  }

  missGap(): void {
    this.#gaps += 1;
  }

  /** The page was asleep: from now on the lane has time again. */
  wake(at: number): void {
    this.#ledger.setWhole(false, at);
    this.#judge(at);
  }

  #judge(at: number): void {
    this.#ledger.setWhole(this.#state === "open" && this.#trouble.kind === "none", at);
  }
}
