import type { RestHooks } from "@sluice/transport-rest-hooks";
import { BUCKETS, type Histogram } from "@sluice/transport-rest-hooks";
import { Counter, Gauge, type Metric, type Registry } from "prom-client";

/** Figures of the hooks. None has a label that a user could choose: no URL, no id. */
export function registerHookFigures(registry: Registry, hooks: RestHooks | null): () => Promise<void> {
  if (hooks === null) return () => Promise.resolve();
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: readonly string[] = []): Counter =>
    new Counter({ name, help, registers, labelNames: [...labelNames] });
  const gauge = (name: string, help: string, labelNames: readonly string[] = []): Gauge =>
    new Gauge({ name, help, registers, labelNames: [...labelNames] });
  const attempts = counter("sluice_hook_attempts_total", "Requests to targets, by what came of them", [
    "outcome",
    "error",
  ]);
  const blocked = counter(
    "sluice_hook_blocked_targets_total",
    "Attempts that were not made since the address is forbidden",
  );
  const dead = counter("sluice_hook_dead_letters_total", "Events that are not tried again");
  const states = gauge("sluice_hooks", "Hooks, by status", ["status"]);
  const inFlight = gauge("sluice_hook_in_flight", "Requests to targets under way");
  const retries = gauge("sluice_hook_retries_in_flight", "Of these, those that are not the first for their event");
  const held = gauge("sluice_hook_retries_waiting", "Events that failed and wait to be tried again");
  const backlog = gauge(
    "sluice_hook_backlog_events",
    "Positions of the log between the hook furthest behind and the head",
  );
  const oldest = gauge("sluice_hook_oldest_age_seconds", "Age of the oldest event that a hook has still to be sent");
  registry.registerMetric(
    histogram("sluice_hook_attempt_seconds", "Duration of requests to targets", () => hooks.figures.attemptSeconds),
  );
  registry.registerMetric(
    histogram("sluice_hook_ack_seconds", "From an event's arrival to its delivery", () => hooks.figures.ackSeconds),
  );
  return async () => {
    const { figures } = hooks;
    const gauges = hooks.gauges();
    for (const metric of [attempts, blocked, dead]) metric.reset();
    for (const [key, count] of figures.attempts) {
      const [outcome = "", error = ""] = key.split(" ");
      attempts.inc({ outcome, error }, count);
    }
    blocked.inc(figures.blockedTargets);
    dead.inc(figures.deadLetters);
    for (const [status, count] of Object.entries(gauges.hooks)) states.set({ status }, count);
    inFlight.set(gauges.inFlight);
    retries.set(gauges.retriesInFlight);
    held.set(gauges.held);
    backlog.set(gauges.backlog);
    oldest.set(await hooks.oldestAgeSeconds());
  };
}

/** Shows a histogram that was filled elsewhere; a registry asks for no more than these members. */
function histogram(name: string, help: string, filled: () => Histogram): Metric {
  const about = { name, help, type: "histogram", aggregator: "sum" };
  const metric = {
    ...about,
    get() {
      const { counts, sumSeconds } = filled();
      let count = 0;
      const buckets = [...BUCKETS, "+Inf"].map((le, index) => {
        count += counts[index] as number;
        return { metricName: `${name}_bucket`, labels: { le }, value: count };
      });
      const rest = [
        { metricName: `${name}_sum`, labels: {}, value: sumSeconds },
        { metricName: `${name}_count`, labels: {}, value: count },
      ];
      return Promise.resolve({ ...about, values: [...buckets, ...rest] });
    },
    reset: () => undefined,
  };
  return metric as unknown as Metric;
}
