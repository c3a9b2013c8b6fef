import {
  Bus,
  CLOSE_REASONS,
  silentMeter,
  systemClock,
  toDraft,
  type Clock,
  type Logger,
  type MemoryLog,
  type Meter,
} from "@sluice/core";
import { xmppComponent, type ComponentFigures, type JidGrant, type XmppComponent } from "../../src/index.ts";
import { until } from "./until.ts";
import { createLog } from "./xmpp-server.ts";

/** What a test may say of its component. */
export interface RigOptions {
  readonly port: number;
  readonly secret?: string;
  /** The gateway's own domain. */
  readonly domain?: string;
  readonly publicFilters?: readonly string[];
  readonly grants?: readonly JidGrant[];
  readonly path?: string;
  readonly log?: MemoryLog;
  readonly clock?: Clock;
  readonly subscriptions?: number;
  readonly messagesPerSecond?: number;
}

/** The gateway as `pubsub.example.org`, with a memory log. */
export class ComponentRig {
  readonly bus: Bus;
  readonly component: XmppComponent;
  /** Lines of the log from `warn` up: `level text reason`. */
  readonly lines: string[] = [];
  readonly errors: unknown[] = [];
  readonly refused: string[] = [];
  readonly counts: { connections: number; leftBehind: number } = { connections: 0, leftBehind: 0 };
  publicFilters: readonly string[];

  private constructor(options: RigOptions) {
    const { port, secret = "a secret", grants = [], path = null } = options;
    const { log = createLog(), subscriptions = 100, messagesPerSecond = 50 } = options;
    this.publicFilters = options.publicFilters ?? ["public/**"];
    this.bus = new Bus({ log, meter: this.meter });
    this.component = xmppComponent({
      address: { host: "127.0.0.1", port, domain: "pubsub.example.org", secret },
      domain: options.domain ?? "example.org",
      grants,
      publicFilters: () => this.publicFilters,
      limits: () => ({ subscriptions, eventBytes: 2 ** 20, messagesPerSecond }),
      path,
      linkTo: ({ cursor }) => `http://localhost/${cursor}`,
    });
  }

  static async start(options: RigOptions): Promise<ComponentRig> {
    const rig = new ComponentRig(options);
    const { bus, meter, logger } = rig;
    await rig.component.start({ bus, meter, logger, clock: options.clock ?? systemClock });
    return rig;
  }

  get figures(): ComponentFigures {
    return this.component.figures;
  }

  get meter(): Meter {
    return {
      ...silentMeter,
      connections: (_transport, change) => (this.counts.connections += change),
      leftBehind: () => (this.counts.leftBehind += 1),
      refused: (_transport, code) => this.refused.push(code),
    };
  }

  get logger(): Logger {
    const keep =
      (level: string) =>
      (fields: Readonly<Record<string, unknown>>, text: string): void => {
        this.lines.push(`${level}: ${text} (${String(fields["reason"])})`);
        if (fields["err"] !== undefined) this.errors.push(fields["err"]);
      };
    return { debug: () => undefined, info: () => undefined, warn: keep("warn"), error: keep("error") };
  }

  async waitFor(what: string, condition: (figures: ComponentFigures) => boolean): Promise<void> {
    await until(what, () => condition(this.figures));
  }

  /** Publishes events with these data, in order. */
  async publish(topic: string, ...data: readonly unknown[]): Promise<void> {
    const drafts = data.map((one) => toDraft({ topic, dataText: JSON.stringify(one) }, { eventBytes: 2 ** 24 }));
    await this.bus.publish(drafts);
  }

  /** As a gateway stops. */
  async stop(): Promise<void> {
    await this.component.drain(CLOSE_REASONS.draining, 0, AbortSignal.timeout(5000));
    this.bus.close();
  }
}
