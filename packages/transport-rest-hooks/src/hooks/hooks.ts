import { randomBytes, timingSafeEqual } from "node:crypto";
import { parseCursor, SluiceError, type Bus, type Clock, type Logger } from "@sluice/core";
import { HttpFault } from "@sluice/http";
import type { Engine } from "../engine/engine.ts";
import { HookLife } from "./hook-life.ts";
import { HookRegister, type HookPage } from "./hook-register.ts";
import { testHook, type TestResult } from "./hook-test.ts";
import type { HookRecord, HookStatus } from "./hook.ts";
import type { HookStore } from "../store/hook-store.ts";
import { LiveHook } from "./live-hook.ts";
import type { SenderLink } from "../sending/sender-link.ts";
import { newSecret } from "../sending/signer.ts";
import type { Change, DeadLetter, HeldLane, NumberedAttempt } from "../store/store-messages.ts";
import { ForbiddenTargetError, targetKey, type TargetGuard } from "../sending/target-guard.ts";

/** What a hook is made of, as its owner says. */
export type HookDraft = Pick<
  HookRecord,
  | "owner"
  | "door"
  | "target"
  | "topics"
  | "types"
  | "format"
  | "ordering"
  | "onExhausted"
  | "verify"
  | "scheduleMs"
  | "site"
  | "expiresAtMs"
> & { readonly secret: string | null };

/** What an owner may change of a hook. */
export type HookPatch = Partial<
  Pick<
    HookRecord,
    "target" | "topics" | "types" | "format" | "ordering" | "onExhausted" | "verify" | "scheduleMs" | "expiresAtMs"
  >
>;

/** Options of {@link Hooks}. */
export interface HooksOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: HookStore;
  readonly sender: SenderLink;
  readonly guard: TargetGuard;
  readonly hasReverseUnsubscribe: boolean;
  /** Hooks that one owner may have. */
  readonly perOwner: number;
}

/** How long an older secret signs beside a new one. */
const OVERLAP_MS = 86_400_000;
const MAX_SECRETS = 5;
const MOVED = "its target was changed";

/** All hooks: made, changed and ended here, whatever the front door. Every change is durable when its promise resolves. */
export class Hooks {
  readonly life: HookLife;
  readonly #options: HooksOptions;
  readonly #register = new HookRegister();
  #engine: Engine | null = null;

  constructor(options: HooksOptions) {
    this.#options = options;
    this.life = new HookLife({
      ...options,
      hooks: () => this.#register.all(),
      onEnd: (record) => this.#register.ended(record),
      onForgotten: ({ id }) => this.#register.forget(id),
    });
  }

  /** Reads the hooks from the store and begins to deliver. @throws {StoreOpenError} */
  async open(engine: Engine): Promise<void> {
    const { store, bus } = this.#options;
    this.#engine = engine;
    engine.hookOf = (id) => this.#register.get(id);
    const { epoch } = parseCursor(bus.cursor);
    for (const { record, cursor, attempts, lanes } of await store.open()) {
      const hook = new LiveHook(record, attempts);
      this.#register.add(hook);
      if (record.status === "gone") continue;
      // With another log than before, lanes read on from its beginning, as the hook does.
      const isOfThisLog = cursor !== null && parseCursor(cursor).epoch === epoch;
      engine.place(hook, cursor ?? bus.cursor, isOfThisLog ? lanes : lanes.map(({ lane }) => ({ lane, position: 0 })));
      if (record.status === "active") engine.open(hook);
      else if (record.status !== "paused") hook.nextProbeAtMs = engine.nowMs();
    }
    engine.start();
    this.life.start(engine);
  }

  close(): void {
    this.life.stop();
  }

  /** By status. */
  counts(): Readonly<Record<HookStatus, number>> {
    return this.#register.counts();
  }

  /** Those that are not gone. */
  live(): Iterable<LiveHook> {
    return this.#register.live();
  }

  /**
   * A hook of that owner; `null` for the operator, whose they all are.
   * @throws {SluiceError} `not-found`; `gone` with the reason
   */
  get(id: string, owner: string | null): LiveHook {
    const hook = this.find(id, owner);
    if (hook === null) throw new SluiceError("not-found", "There is no such hook.");
    const { status, reason, statusAtMs } = hook.record;
    if (status !== "gone") return hook;
    const members = { reason, ended: new Date(statusAtMs).toISOString() };
    throw new HttpFault("gone", `The hook has ended: ${reason ?? "no reason is known"}.`, { members });
  }

  /** The same, and gone ones too. */
  find(id: string, owner: string | null): LiveHook | null {
    const hook = this.#register.get(id);
    return hook === undefined || (owner !== null && hook.record.owner !== owner) ? null : hook;
  }

  /** A page of an owner's hooks, oldest first, behind the one of that id. */
  list(owner: string | null, after: string | null, limit: number): HookPage {
    return this.#register.page(owner, after, limit);
  }

  /**
   * Makes a hook. The answer is the one that there was if the same owner has the same target and events already.
   * @throws {SluiceError} `target-not-allowed`, `rate-limited`
   */
  async create(draft: HookDraft): Promise<{ readonly hook: LiveHook; readonly isNew: boolean }> {
    const { bus, clock, perOwner } = this.#options;
    await this.#checkTarget(draft.target);
    const known = this.#register.same(draft);
    if (known !== undefined) return { hook: known, isNew: false };
    if (this.#register.ownedBy(draft.owner) >= perOwner) {
      throw new SluiceError("rate-limited", `There may be ${perOwner} hooks of one owner.`, { retryAfterSeconds: 60 });
    }
    const { secret, ...rest } = draft;
    const nowMs = clock.now();
    const record: HookRecord = {
      ...rest,
      id: `hk_${randomBytes(12).toString("base64url")}`,
      secrets: [{ text: secret ?? newSecret(), expiresAtMs: null }],
      createdAtMs: nowMs,
      status: rest.verify === "none" ? "active" : "pending",
      reason: null,
      statusAtMs: nowMs,
      succeededAtMs: null,
      failures: 0,
      probes: 0,
      gap: null,
    };
    const hook = new LiveHook(record, 0);
    const cursor = bus.cursor;
    this.#register.add(hook);
    this.#running().place(hook, cursor, []);
    await this.#options.store.commit({ kind: "hook", record, cursor });
    this.life.tell(record, null);
    if (record.status === "active") this.#running().open(hook);
    else hook.nextProbeAtMs = this.#running().nowMs();
    if (record.status === "pending") void this.life.shake(hook);
    return { hook, isNew: true };
  }

  /**
   * Changes a hook. Another target has to be verified anew, and begins with a clean slate.
   * @throws {SluiceError} `target-not-allowed`, `conflict`; `gone` if it has ended meanwhile
   */
  async update(hook: LiveHook, patch: HookPatch): Promise<void> {
    const { target } = patch;
    if (target !== undefined && target !== hook.record.target) await this.#checkTarget(target);
    const engine = this.#running();
    const { record: before, flow } = this.get(hook.id, null);
    const changed: HookRecord = { ...before, ...patch };
    const holder = this.#register.same(changed);
    if (holder !== undefined && holder !== hook) throw conflict("The same hook exists already.", holder.id);
    this.#register.changed(before, hook, changed);
    const isMoved = targetKey(changed.target) !== targetKey(before.target);
    const wasOpen = flow?.isOpen === true;
    engine.close(hook);
    hook.record = changed;
    // What is held stays held under the new conditions; what is under way for the old ones counts no more.
    engine.place(hook, flow?.cursor ?? this.#options.bus.cursor, flow?.held ?? []);
    if (isMoved) hook.breaker.reset();
    const { status, verify } = changed;
    if (isMoved && verify !== "none" && status !== "pending") await this.life.leaveActive(hook, "pending", MOVED);
    else if (isMoved && (status === "failing" || status === "disabled")) await this.life.activate(hook, MOVED);
    else await this.life.save(hook);
    if (hook.record.status === "active" && wasOpen) engine.open(hook);
    if (hook.record.status !== "pending" || (changed.target === before.target && verify === before.verify)) return;
    // If somebody is being asked now, it was for what the hook was before: once more then.
    hook.nextProbeAtMs = engine.nowMs();
    void this.life.shake(hook);
  }

  /** `reason`: by whom it is paused. @throws {SluiceError} `conflict` while it is pending */
  async pause(hook: LiveHook, reason: string): Promise<void> {
    this.#notPending(hook);
    if (hook.record.status === "paused") return;
    hook.nextProbeAtMs = null;
    await this.life.leaveActive(hook, "paused", reason);
  }

  /** Goes on from the cursor or from now. @throws {SluiceError} `conflict` while it is pending; `gone` */
  async resume(hook: LiveHook, from: "cursor" | "now"): Promise<void> {
    this.#notPending(hook);
    if (from === "now") await this.#moveTo(hook, this.#options.bus.cursor);
    if (this.get(hook.id, null).record.status !== "active") await this.life.activate(hook, "resumed");
  }

  /** The owner brings the secret that the target was sent. @throws {SluiceError} `forbidden` */
  async activate(hook: LiveHook, secret: string): Promise<void> {
    const isRight = hook.record.secrets.some(({ text }) => isSame(text, secret));
    if (!isRight) throw new SluiceError("forbidden", "That is not the hook's secret.", { field: "secret" });
    if (hook.record.status === "pending") await this.life.activate(hook, "verified");
  }

  /** A new secret, unless it is the one that there is; the one before it signs too, for a day. */
  async rotate(hook: LiveHook, text: string = newSecret()): Promise<string> {
    if (hook.record.secrets[0]?.text === text) return text;
    const nowMs = this.#options.clock.now();
    const older = hook.record.secrets
      .filter((secret) => secret.text !== text && (secret.expiresAtMs === null || secret.expiresAtMs > nowMs))
      .map((secret) => ({ ...secret, expiresAtMs: secret.expiresAtMs ?? nowMs + OVERLAP_MS }));
    const secrets = [{ text, expiresAtMs: null }, ...older].slice(0, MAX_SECRETS);
    hook.record = { ...hook.record, secrets };
    await this.life.save(hook);
    return text;
  }

  /** Sends a signed event that is in no log. @throws {SluiceError} `conflict` while it is pending, `target-not-allowed` */
  async test(hook: LiveHook): Promise<TestResult> {
    this.#notPending(hook);
    await this.#checkTarget(hook.record.target);
    const result = await testHook(hook, this.#options);
    if (result.outcome === "gone") this.life.gone(hook);
    return result;
  }

  /** Sends again what the log has after a cursor. @throws {SluiceError} `invalid-cursor` */
  async replay(hook: LiveHook, cursor: string): Promise<void> {
    const { after } = this.#options.bus.resolve({ cursor });
    await this.#moveTo(hook, after === 0 ? this.#options.bus.cursorAt(0) : cursor);
  }

  /** Tries what waits at once, and what had been given up again. How many of the latter there were. */
  async retry(hook: LiveHook): Promise<number> {
    const { store } = this.#options;
    const nowMs = this.#running().nowMs();
    const isStopped = hook.record.status !== "active";
    const dead = await store.dead(hook.id);
    const changes: Change[] = [
      { kind: "hasten", hook: hook.id, nowMs },
      { kind: "undead", hook: hook.id },
    ];
    for (const { event } of dead) {
      // Beside the lanes: what came after it has long been sent.
      const lane: HeldLane = {
        hook: hook.id,
        lane: `#${event.position}`,
        position: event.position,
        event,
        attempts: 0,
        step: 0,
        dueAtMs: nowMs,
      };
      changes.push({ kind: "hold", lane, isStopped, isTaken: false });
    }
    await store.commit(...changes);
    if (hook.record.status === "failing" || hook.record.status === "disabled") hook.nextProbeAtMs = nowMs;
    return dead.length;
  }

  attempts(hook: LiveHook, before: number | null, limit: number): Promise<readonly NumberedAttempt[]> {
    return this.#options.store.attempts(hook.id, before, limit);
  }

  dead(hook: LiveHook): Promise<readonly DeadLetter[]> {
    return this.#options.store.dead(hook.id);
  }

  #running(): Engine {
    if (this.#engine === null) throw new Error("the hooks were asked before they were opened");
    return this.#engine;
  }

  #notPending(hook: LiveHook): void {
    if (hook.record.status === "pending")
      throw conflict("The hook is pending: its target has not been verified.", null);
  }

  /** Whatever is wrong with it, the same is answered: who asks must not learn what this network looks like. */
  async #checkTarget(target: string): Promise<void> {
    const { guard } = this.#options;
    try {
      await guard.check(target);
    } catch (error) {
      if (!(error instanceof ForbiddenTargetError)) throw error;
      this.#options.logger.warn({ reason: error.message }, "a target of a hook was refused");
      throw new SluiceError("target-not-allowed", `This target is not allowed: ${guard.rule} is expected.`, {
        field: "target_url",
      });
    }
  }

  async #moveTo(hook: LiveHook, cursor: string): Promise<void> {
    const engine = this.#running();
    engine.close(hook);
    hook.record = { ...hook.record, gap: null };
    engine.place(hook, cursor, []);
    await this.#options.store.commit({ kind: "hook", record: hook.record, cursor }, { kind: "drop", hook: hook.id });
    if (hook.record.status === "active") engine.open(hook);
  }
}

/** A fault that names the hook that there is. */
export function conflict(detail: string, id: string | null): SluiceError {
  return id === null ? new SluiceError("conflict", detail) : new HttpFault("conflict", detail, { members: { id } });
}

function isSame(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
