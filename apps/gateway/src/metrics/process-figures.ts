import { readdir } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, type Registry } from "prom-client";

/** How finely the event loop's delay is looked at; a timer of this period runs all the time. */
const RESOLUTION_MS = 20;
const PERCENTILES: readonly number[] = [50, 90, 99];

/** Figures that are brought up to date when somebody asks. */
export interface Figures {
  refresh(): Promise<void>;
  close(): void;
}

/**
 * Figures of the process under the names that dashboards for Node know. Not the client library's own collection:
 * that one leaves observers behind which nothing can end.
 */
export function registerProcessFigures(registry: Registry): Figures {
  const loop = registerLoopDelay(registry);
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers: [registry] });
  const cpu = new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of the process, user and system",
    registers: [registry],
  });
  const started = gauge("process_start_time_seconds", "When the process started, Unix time");
  const resident = gauge("process_resident_memory_bytes", "Resident memory");
  const heapTotal = gauge("nodejs_heap_size_total_bytes", "Heap that the runtime has reserved");
  const heapUsed = gauge("nodejs_heap_size_used_bytes", "Heap in use");
  const external = gauge("nodejs_external_memory_bytes", "Memory outside the heap: buffers");
  const descriptors = gauge("process_open_fds", "Open file descriptors; 0 where the system does not tell");
  return {
    async refresh() {
      loop.refresh();
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / 1e6);
      started.set(Math.round(Date.now() / 1000 - process.uptime()));
      const memory = process.memoryUsage();
      resident.set(memory.rss);
      heapTotal.set(memory.heapTotal);
      heapUsed.set(memory.heapUsed);
      external.set(memory.external);
      descriptors.set(await openDescriptors());
    },
    close: loop.close,
  };
}

function registerLoopDelay(registry: Registry): { readonly refresh: () => void; readonly close: () => void } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({
      name: `nodejs_eventloop_lag_${name}_seconds`,
      help: `${help}, since the last look`,
      registers: [registry],
    });
  const mean = gauge("mean", "Mean delay of the event loop");
  const max = gauge("max", "Longest delay of the event loop");
  const percentiles = PERCENTILES.map(
    (percentile) =>
      [percentile, gauge(`p${percentile}`, `${percentile}th percentile of the event loop's delay`)] as const,
  );
  // What is measured is the time between two ticks of a timer; the delay is what that is above the timer's period.
  const seconds = (nanoseconds: number): number => Math.max(0, (nanoseconds || 0) / 1e9 - RESOLUTION_MS / 1000);
  return {
    refresh() {
      mean.set(seconds(delay.mean));
      max.set(seconds(delay.max));
      for (const [percentile, one] of percentiles) one.set(seconds(delay.percentile(percentile)));
      delay.reset();
    },
    close: () => void delay.disable(),
  };
}

async function openDescriptors(): Promise<number> {
  try {
    // The listing has one of its own.
    return (await readdir("/proc/self/fd")).length - 1;
  } catch {
    return 0;
  }
}
