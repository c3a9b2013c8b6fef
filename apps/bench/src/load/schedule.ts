/** When which event is due: fixed before the first one, so that whoever is late shows as late. */
export interface Schedule {
  readonly phase: number;
  /** Of the monotonic clock. */
  readonly startMs: number;
  readonly eventsPerSecond: number;
  readonly topics: number;
}

/** When event number `index` is due, counted over all topics. */
export function dueMs({ startMs, eventsPerSecond }: Schedule, index: number): number {
  return startMs + (index * 1000) / eventsPerSecond;
}

/** Events of a topic take turns with those of the others: the place of event `index`. */
export function placeOf({ topics }: Schedule, index: number): { readonly topic: number; readonly sequence: number } {
  return { topic: index % topics, sequence: Math.floor(index / topics) };
}

/** How many events of a topic are due before `timeMs`. */
export function dueBefore(schedule: Schedule, topic: number, timeMs: number): number {
  const ofAll = Math.ceil(((timeMs - schedule.startMs) * schedule.eventsPerSecond) / 1000);
  return ofAll <= topic ? 0 : Math.floor((ofAll - 1 - topic) / schedule.topics) + 1;
}

/** The topic that a client reads. */
export function topicOf(client: number, topics: number): number {
  return client % topics;
}

/** A topic's name. */
export function topicName(topic: number): string {
  return `bench/t${topic}`;
}
