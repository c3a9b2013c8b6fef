import type { AppSourceFigures } from "@sluice/access";
import type { Clock, EventLog } from "@sluice/core";
import type { RestHooks } from "@sluice/transport-rest-hooks";
import type { XmppComponent } from "@sluice/transport-xmpp";
import { Counter, Gauge, Registry, type Metric } from "prom-client";
import type { GatewayMeter } from "./gateway-meter.ts";
import { registerHookFigures } from "./hook-figures.ts";
import { LAG_BUCKETS, type LagHistogram } from "./lag-histogram.ts";
import { logFigures } from "./log-figures.ts";
import { registerProcessFigures } from "./process-figures.ts";
import { registerComponentFigures } from "./component-figures.ts";

/** What a registry is made of. */
export interface RegistryOptions {
  readonly meter: GatewayMeter;
  readonly log: EventLog;
  /** The log's folder; `null` for one in memory. */
  readonly folder: string | null;
  readonly clock: Clock;
  readonly version: string;
  /** How many audiences there are now. */
  readonly audiences: () => number;
  /** What asking the app for grants has counted; `null` while it is off. */
  readonly appAccess: () => AppSourceFigures | null;
  /** `null` where hooks are off. */
  readonly hooks: RestHooks | null;
  /** `null` where there is none. */
  readonly xmppComponent: XmppComponent | null;
}

/** A gateway's own registry: two in one process know nothing of each other. */
export interface GatewayRegistry {
  readonly contentType: string;
  /** The figures of now, in Prometheus' text format. */
  text(): Promise<string>;
  close(): void;
}

/** Everything that `/metrics` shows. What it reads is counted in plain numbers elsewhere, and fetched when asked for. */
export function createRegistry(options: RegistryOptions): GatewayRegistry {
  const registry = new Registry();
  const ofGateway = registerGateway(registry, options);
  const ofTransports = registerTransports(registry, options.meter);
  const ofAppAccess = registerAppAccess(registry, options.appAccess);
  const ofHooks = registerHookFigures(registry, options.hooks);
  const ofComponent = registerComponentFigures(registry, options.xmppComponent);
  const ofProcess = registerProcessFigures(registry);
  return {
    contentType: registry.contentType,
    async text() {
      ofTransports();
      ofAppAccess();
      ofComponent();
      await Promise.all([ofGateway(), ofHooks(), ofProcess.refresh()]);
      return registry.metrics();
    },
    close() {
      ofProcess.close();
      registry.clear();
    },
  };
}

function registerGateway(registry: Registry, options: RegistryOptions): () => Promise<void> {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const published = new Counter({
    name: "sluice_events_published_total",
    help: "Events that became durable",
    registers,
  });
  const position = gauge("sluice_log_position", "Position of the newest event");
  const events = gauge("sluice_log_events", "Events retained");
  const bytes = gauge("sluice_log_bytes", "Size of the log's files; 0 for a log in memory");
  const oldest = gauge("sluice_log_oldest_age_seconds", "Age of the oldest retained event, by its own time");
  const writable = gauge("sluice_log_writable", "1 while the log stores events and can be read");
  const restarts = new Counter({
    name: "sluice_log_restarts_total",
    help: "Times that a thread of the log has ended by itself and was started again",
    registers,
  });
  const audiences = gauge("sluice_audiences", "Groups of readers that get the same bytes");
  new Gauge({ name: "sluice_build_info", help: "The gateway's version", registers, labelNames: ["version"] }).set(
    { version: options.version },
    1,
  );
  return async () => {
    const figures = await logFigures(options.log, options.folder, options.clock.now());
    published.reset();
    published.inc(options.meter.published);
    position.set(figures.position);
    events.set(figures.events);
    bytes.set(figures.bytes);
    oldest.set(figures.oldestAgeSeconds);
    writable.set(figures.isWritable ? 1 : 0);
    restarts.reset();
    restarts.inc(figures.restarts);
    audiences.set(options.audiences());
  };
}

function registerTransports(registry: Registry, meter: GatewayMeter): () => void {
  const registers = [registry];
  const labelNames = ["transport"];
  const counter = (name: string, help: string, more: readonly string[] = []): Counter =>
    new Counter({ name, help, registers, labelNames: [...labelNames, ...more] });
  const deliveries = counter("sluice_deliveries_total", "Events handed to readers");
  const bytes = counter("sluice_delivered_bytes_total", "Bytes handed to readers");
  const behind = counter(
    "sluice_left_behind_total",
    "Times that a reader was left behind since its connection was full",
  );
  const gaps = counter("sluice_gaps_total", "Gaps told to readers", ["reason"]);
  const refusals = counter("sluice_refusals_total", "Requests and messages refused", ["code"]);
  const connections = new Gauge({ name: "sluice_connections", help: "Readers connected now", registers, labelNames });
  registry.registerMetric(lagMetric(meter));
  return () => {
    for (const metric of [deliveries, bytes, behind, gaps, refusals]) metric.reset();
    for (const [transport, figures] of meter.transports) {
      deliveries.inc({ transport }, figures.deliveries);
      bytes.inc({ transport }, figures.deliveredBytes);
      behind.inc({ transport }, figures.leftBehind);
      connections.set({ transport }, figures.connections);
      for (const reason of ["expired", "reset"] as const) gaps.inc({ transport, reason }, figures.gaps[reason]);
      for (const [code, count] of figures.refusals) refusals.inc({ transport, code }, count);
    }
  };
}

function registerAppAccess(registry: Registry, figures: () => AppSourceFigures | null): () => void {
  const registers = [registry];
  const questions = new Counter({
    name: "sluice_access_questions_total",
    help: "Questions to the app whether somebody may read something, by its answer",
    registers,
    labelNames: ["outcome"],
  });
  const hits = new Counter({
    name: "sluice_access_hits_total",
    help: "Checks for which an earlier answer of the app was enough",
    registers,
  });
  return () => {
    questions.reset();
    hits.reset();
    const counted = figures();
    for (const outcome of ["granted", "refused", "down"] as const) questions.inc({ outcome }, counted?.[outcome] ?? 0);
    hits.inc(counted?.hits ?? 0);
  };
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * A histogram that shows ours. The client library's own takes one observation at a time and hashes its labels for each,
 * which would be paid for every reader of every event; a registry asks for no more than these members.
 */
function lagMetric(meter: GatewayMeter): Metric {
  const about = {
    name: "sluice_publish_to_write_seconds",
    help: "From an event's arrival to the write that hands it to a reader",
    type: "histogram",
    aggregator: "sum",
  };
  const metric = {
    ...about,
    get() {
      const values = [...meter.transports].flatMap(([transport, { lag }]) => samplesOf(about.name, transport, lag));
      return Promise.resolve({ ...about, values });
    },
    reset: () => undefined,
  };
  return metric as unknown as Metric;
}

function samplesOf(name: string, transport: string, lag: LagHistogram): readonly Sample[] {
  let count = 0;
  const buckets = [...LAG_BUCKETS, "+Inf"].map((le, index): Sample => {
    count += lag.counts[index] as number;
    return { metricName: `${name}_bucket`, labels: { le, transport }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { transport }, value: lag.sumSeconds },
    { metricName: `${name}_count`, labels: { transport }, value: count },
  ];
}
