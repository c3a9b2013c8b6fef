import { newEventId, SluiceError, type Bus, type Clock, type Logger } from "@sluice/core";
import type { Engine } from "../engine/engine.ts";
import type { EngineEvents } from "../engine/results.ts";
import { askConsent } from "./handshake.ts";
import type { HookRecord, HookStatus } from "./hook.ts";
import type { HookStore } from "../store/hook-store.ts";
import type { LiveHook } from "./live-hook.ts";
import { probeWaitMs } from "../engine/schedule.ts";
import type { SenderLink } from "../sending/sender-link.ts";
import type { Change } from "../store/store-messages.ts";

/** Options of {@link HookLife}. */
export interface HookLifeOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: HookStore;
  readonly sender: SenderLink;
  readonly hasReverseUnsubscribe: boolean;
  /** All of them, those that are gone too. */
  readonly hooks: () => Iterable<LiveHook>;
  /** The hook with this record has ended, and is a tombstone from now on. */
  readonly onEnd: (record: HookRecord) => void;
  /** Its tombstone has stood long enough. */
  readonly onForgotten: (hook: LiveHook) => void;
}

const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SWEEP_MS = SECOND;
const PENDING_MS = DAY;
const TOMBSTONE_MS = 30 * DAY;
/** Without success for so long, and at least so many attempts, a hook that is failing is disabled. */
const DISABLED_AFTER_MS = 5 * DAY;
const DISABLED_AFTER_ATTEMPTS = 10;
const HEALING_MS = DAY;
const HEALING_PROBES = 30;
/** A failing hook with nothing to probe with is looked at again. */
const NOTHING_TO_PROBE_MS = 30 * SECOND;

/**
 * Leads hooks from one state to the next, by what the engine tells, by the clock, and by what their owners want. Each step
 * is one durable write, holds at once in memory, and is an event on `$sys/hooks/ID` when it is durable.
 */
export class HookLife implements EngineEvents {
  readonly #options: HookLifeOptions;
  #engine: Engine | null = null;
  #stopSweeping: () => void = () => undefined;

  constructor(options: HookLifeOptions) {
    this.#options = options;
  }

  /** Begins to look after them. */
  start(engine: Engine): void {
    this.#engine = engine;
    this.#stopSweeping = this.#options.clock.every(SWEEP_MS, () => this.#sweep());
  }

  stop(): void {
    this.#stopSweeping();
  }

  /** Ends a hook. `isByGateway`: the receiver is told with one `DELETE`. */
  async end(hook: LiveHook, reason: string, isByGateway: boolean): Promise<void> {
    const { record } = hook;
    if (record.status === "gone") return;
    const { target: url } = record;
    this.#options.onEnd(record);
    this.#running().remove(hook);
    hook.nextProbeAtMs = null;
    await this.#transition(hook, "gone", reason, { kind: "drop", hook: hook.id });
    if (!isByGateway || !this.#options.hasReverseUnsubscribe) return;
    void this.#options.sender.send({ url, method: "DELETE", headers: [], payload: null, signing: null });
  }

  gone(hook: LiveHook): void {
    void this.end(hook, "the target answered 410", false).catch((error: unknown) => this.#failed(error));
  }

  failing(hook: LiveHook): void {
    hook.nextProbeAtMs = this.#running().nowMs() + probeWaitMs(0);
    void this.leaveActive(hook, "failing", "too many attempts failed").catch((error: unknown) => this.#failed(error));
  }

  forbidden(hook: LiveHook): void {
    if (hook.record.status === "gone" || hook.record.status === "disabled") return;
    hook.nextProbeAtMs = this.#running().nowMs() + HEALING_MS;
    void this.leaveActive(hook, "disabled", "its target is not allowed").catch((error: unknown) => this.#failed(error));
  }

  probed(hook: LiveHook, isSuccess: boolean): void {
    // Its owner may have paused it meanwhile.
    if (hook.record.status !== "failing" && hook.record.status !== "disabled") return;
    if (isSuccess) {
      hook.nextProbeAtMs = null;
      void this.activate(hook, "a probe succeeded").catch((error: unknown) => this.#failed(error));
      return;
    }
    const engine = this.#running();
    const { clock } = this.#options;
    const probes = hook.record.probes + 1;
    hook.record = { ...hook.record, probes };
    const { status, statusAtMs, failures } = hook.record;
    const isHopeless =
      status === "failing" && clock.now() - statusAtMs >= DISABLED_AFTER_MS && failures >= DISABLED_AFTER_ATTEMPTS;
    if (isHopeless) {
      hook.nextProbeAtMs = engine.nowMs() + HEALING_MS;
      void this.leaveActive(hook, "disabled", "no success for five days").catch((error: unknown) =>
        this.#failed(error),
      );
      return;
    }
    if (status === "disabled") hook.nextProbeAtMs = probes < HEALING_PROBES ? engine.nowMs() + HEALING_MS : null;
    else hook.nextProbeAtMs = engine.nowMs() + probeWaitMs(probes);
    this.changed(hook);
  }

  changed(hook: LiveHook): void {
    this.#options.store.note({ kind: "hook", record: hook.record, cursor: null });
  }

  /** Nothing is begun for it any more; its cursor, and what it holds, stay. */
  async leaveActive(hook: LiveHook, status: HookStatus, reason: string): Promise<void> {
    // The state first: what the flow lets go of is stored under it.
    const stored = this.#transition(hook, status, reason, { kind: "stop", hook: hook.id, isStopped: true });
    this.#running().close(hook);
    await stored;
  }

  async activate(hook: LiveHook, reason: string): Promise<void> {
    hook.breaker.reset();
    hook.nextProbeAtMs = null;
    const stored = this.#transition(hook, "active", reason, { kind: "stop", hook: hook.id, isStopped: false });
    this.#running().open(hook);
    await stored;
  }

  async #transition(hook: LiveHook, status: HookStatus, reason: string, ...more: readonly Change[]): Promise<void> {
    const before = hook.record.status;
    hook.record = {
      ...hook.record,
      status,
      reason,
      statusAtMs: this.#options.clock.now(),
      probes: 0,
      ...(status === "gone" ? { secrets: [], gap: null } : {}),
    };
    await this.save(hook, ...more);
    this.#options.logger.info({ hook: hook.id, from: before, to: status, reason }, "a hook has changed its state");
    this.tell(hook.record, before);
  }

  save(hook: LiveHook, ...more: readonly Change[]): Promise<void> {
    return this.#options.store.commit({ kind: "hook", record: hook.record, cursor: null }, ...more);
  }

  /** An event on the gateway's own topic. */
  tell({ id, status, reason, statusAtMs }: HookRecord, previous: HookStatus | null): void {
    const { bus, clock } = this.#options;
    const topic = `$sys/hooks/${id}`;
    const draft = {
      id: newEventId(clock, topic),
      topic,
      type: `hook.${status}`,
      time: new Date(statusAtMs).toISOString(),
      data: JSON.stringify({ id, status, previous, reason }),
      dataContentType: null,
      receivedAtMs: clock.monotonic(),
    };
    bus.publish([draft]).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    if (error instanceof SluiceError && error.code === "draining") return;
    this.#options.logger.error({ err: error }, "a hook's state could not be kept");
  }

  #sweep(): void {
    const { clock, store } = this.#options;
    const wallMs = clock.now();
    const nowMs = this.#running().nowMs();
    for (const hook of this.#options.hooks()) {
      const { status, statusAtMs, expiresAtMs } = hook.record;
      if (status === "gone") {
        if (wallMs - statusAtMs < TOMBSTONE_MS) continue;
        this.#options.onForgotten(hook);
        store.note({ kind: "forget", hook: hook.id });
      } else if (expiresAtMs !== null && expiresAtMs <= wallMs) {
        void this.end(hook, "its lease is over", true).catch((error: unknown) => this.#failed(error));
      } else if (status === "pending" && wallMs - statusAtMs >= PENDING_MS) {
        void this.end(hook, "its target was not verified in time", false).catch((error: unknown) =>
          this.#failed(error),
        );
      } else if (hook.nextProbeAtMs !== null && hook.nextProbeAtMs <= nowMs && !hook.isProbing) {
        hook.nextProbeAtMs = null;
        if (status === "pending") void this.shake(hook);
        else if (status !== "active") void this.#probe(hook);
      }
    }
  }

  async #probe(hook: LiveHook): Promise<void> {
    const engine = this.#running();
    try {
      if (await engine.probe(hook)) return;
    } catch (error) {
      this.#failed(error);
    }
    hook.nextProbeAtMs = engine.nowMs() + NOTHING_TO_PROBE_MS;
  }

  /** The handshake of a pending hook: once more after a while if the target could not be asked. */
  async shake(hook: LiveHook): Promise<void> {
    if (hook.isProbing || hook.record.status !== "pending") return;
    hook.isProbing = true;
    hook.nextProbeAtMs = null;
    const { target } = hook.record;
    const { host } = new URL(hook.record.site);
    const consent = await askConsent(hook, this.#options.sender, host).finally(() => {
      hook.isProbing = false;
    });
    if (hook.record.status !== "pending" || hook.record.target !== target) return;
    try {
      if (consent === "given") await this.activate(hook, "verified");
      else if (consent === "gone") this.gone(hook);
      else if (consent === "forbidden") await this.end(hook, "its target is not allowed", false);
      else if (consent === "unreachable") {
        hook.handshakes += 1;
        hook.nextProbeAtMs = this.#running().nowMs() + probeWaitMs(hook.handshakes - 1);
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #running(): Engine {
    if (this.#engine === null) throw new Error("the hooks were asked before they were opened");
    return this.#engine;
  }
}
