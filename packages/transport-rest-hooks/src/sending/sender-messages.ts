import type { LookupAddress } from "node:dns";
import type { HookSecret } from "../hooks/hook.ts";
import type { Payload } from "../hooks/payload.ts";
import type { Answer, TargetRequest } from "./sender.ts";
import type { AllowedRange } from "./target-guard.ts";

/** With what a request is signed, by Standard Webhooks 1.0. */
export interface Signing {
  /** Id of the hook whose secrets sign. */
  readonly hook: string;
  /** `webhook-id`. */
  readonly id: string;
  /** Unix milliseconds of the attempt. */
  readonly atMs: number;
  /** Whether REST Hooks' `X-Hook-Signature` is there too. */
  readonly hasHookSignature: boolean;
}

/** A request to a target, before it is signed. */
export interface UnsignedRequest {
  readonly url: string;
  readonly method: TargetRequest["method"];
  /** Cloning keeps what is the same the same: one payload of many requests travels once in a batch. */
  readonly payload: Payload | null;
  /** Beside the payload's; names and values by turns. */
  readonly headers: readonly string[];
  readonly signing: Signing | null;
}

/** A request under way between the threads. */
export interface TicketedRequest extends UnsignedRequest {
  readonly ticket: number;
}

/** The secrets of a hook, newest first. */
export interface HookSecrets {
  readonly hook: string;
  readonly secrets: readonly HookSecret[];
}

/** To the sender's thread. */
export type ToSender =
  | {
      /** What was handed over in one turn of the event loop, in the order in which it is to be taken note of. */
      readonly kind: "send";
      /** Of the gateway itself; `null`: as before. */
      readonly ownPorts: readonly number[] | null;
      /** Those that are new to the thread. */
      readonly secrets: readonly HookSecrets[];
      readonly requests: readonly TicketedRequest[];
      /** Ids of hooks whose secrets are not needed any more. */
      readonly forgotten: readonly string[];
    }
  | { readonly kind: "resolved"; readonly ticket: number; readonly addresses: readonly LookupAddress[] }
  | { readonly kind: "unresolved"; readonly ticket: number; readonly code: string; readonly reason: string }
  | { readonly kind: "abort" }
  | { readonly kind: "close" };

/** From the sender's thread. */
export type FromSender =
  | { readonly kind: "ready" }
  | { readonly kind: "answers"; readonly answers: readonly TicketedAnswer[] }
  | { readonly kind: "resolve"; readonly ticket: number; readonly hostname: string };

/** What came of a request. */
export interface TicketedAnswer {
  readonly ticket: number;
  readonly answer: Answer;
}

/** What the thread is started with. */
export interface SenderInit {
  readonly canUseHttp: boolean;
  readonly allow: readonly AllowedRange[];
  /** Whether names are resolved by who started the thread; else by the system. */
  readonly hasResolver: boolean;
  readonly timeoutMs: number;
  readonly perOrigin: number;
  readonly ca: string | undefined;
}
