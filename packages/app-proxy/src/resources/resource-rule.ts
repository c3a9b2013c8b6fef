/** A method that changes something. */
export type ChangeMethod = "POST" | "PUT" | "PATCH" | "DELETE";

/** A part of the app that can be watched, as the configuration has it. */
export interface ResourceRule {
  /** `/orders/:id`; a slash at its end is kept for the requests that the gateway itself sends to the app. */
  readonly path: string;
  /** `orders/:id`; all its parameters are the path's. */
  readonly topic: string;
  /** A 2xx to one of these publishes an event. */
  readonly changes: readonly ChangeMethod[];
  /** Whether the gateway answers polls itself while nothing changed. */
  readonly hasPollCache: boolean;
  /** Whether a URL's query is part of the topic. */
  readonly query: "ignore" | "include";
}

/** A URL of the app that is a resource, and the topic that it stands for. */
export interface ResourceMatch {
  readonly rule: ResourceRule;
  readonly topic: string;
}
