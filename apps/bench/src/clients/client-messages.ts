import type { Schedule } from "../load/schedule.ts";
import type { Strain } from "../load/self-check.ts";
import type { Losses } from "../results.ts";
import type { CrowdOptions } from "./crowd.ts";
import type { Window } from "./tally.ts";
import type { Traffic } from "./wire.ts";

/** What the process of the clients is asked for, one thing after the other; each has one answer. */
export type ClientRequest =
  /** Makes the clients and brings them in. Answered by `done` when all are there. */
  | { readonly ask: "open"; readonly crowd: CrowdOptions }
  /** Begins a phase with clean books. `done` */
  | { readonly ask: "begin"; readonly schedule: Schedule; readonly window: Window | null }
  /** Waits until all have what was published per topic, or the time is over. `losses` */
  | { readonly ask: "drain"; readonly published: readonly number[]; readonly timeoutMs: number }
  /** What the window came to. `window` */
  | { readonly ask: "window" }
  /** Cuts all clients off. `done` */
  | { readonly ask: "cut" }
  /** Lets them come back. Answered by `whole` when all have what they missed, or the time is over. */
  | { readonly ask: "reopen"; readonly timeoutMs: number };

/** The answers. `failed` is an answer to anything. */
export type ClientAnswer =
  | { readonly answer: "done" }
  | { readonly answer: "losses"; readonly losses: Losses }
  | {
      readonly answer: "window";
      readonly delays: Float32Array;
      readonly deliveries: number;
      readonly traffic: Traffic;
      readonly strain: Strain;
    }
  | { readonly answer: "whole"; readonly wholeMs: number | null }
  | { readonly answer: "failed"; readonly why: string };
