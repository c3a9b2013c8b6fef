import type { Schedule } from "../load/schedule.ts";
import type { Strain } from "../load/self-check.ts";

/** How events are handed to a server; plain data. */
export interface PublishTarget {
  readonly port: number;
  /** `{topic}` is the topic's name. */
  readonly path: string;
  /** `{topic}`, and `{data}`: JSON, or `{escaped}`: the same within a JSON string. */
  readonly body: string;
}

/** What the publisher's process is asked for. */
export type PublisherRequest =
  /** Events that no client gets and nobody counts, one after the other. `done` */
  | { readonly ask: "warm"; readonly target: PublishTarget; readonly events: number; readonly eventBytes: number }
  /** Begins to publish by the schedule, until the time is over or it is stopped. `done` */
  | {
      readonly ask: "start";
      readonly target: PublishTarget;
      readonly schedule: Schedule;
      readonly eventBytes: number;
      readonly untilMs: number | null;
    }
  /** Ends it, when the time is over or at once if there is none; answers when the last publication is accepted. `published` */
  | { readonly ask: "finish" };

/** The answers. */
export type PublisherAnswer =
  | { readonly answer: "done" }
  | {
      readonly answer: "published";
      /** Accepted events, per topic. */
      readonly published: readonly number[];
      readonly strain: Strain;
    }
  | { readonly answer: "failed"; readonly why: string };
