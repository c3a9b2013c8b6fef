import type { Target } from "../clients/targets.ts";
import type { PublishTarget } from "../publisher/publisher-messages.ts";

/** What is measured of a server: a transport, as `Run.transport` and `Run.label` name it. */
export interface TransportCase {
  readonly transport: string;
  /** For polling. */
  readonly intervalMs: number | null;
  readonly label: string;
}

/** A server that runs. */
export interface RunningServer {
  /** Its processes; those that these start are found. Empty: neither CPU nor memory can be measured. */
  readonly pids: readonly number[];
  readonly target: Target;
  readonly publish: PublishTarget;
  /** Ends it, at once. */
  close(): Promise<void>;
}

/** A server that can be measured. */
export interface ServerKind {
  /** As `Run.server` names it. */
  readonly name: string;
  /** Transports that it has. */
  readonly transports: readonly string[];
  /** Whether those who come back are given what they missed. */
  hasMemory(transport: string): boolean;
  /** Its version, or how to get it where it is not installed. */
  find(): Promise<{ readonly version: string } | { readonly missing: string }>;
  /** Starts it anew, with one transport in use. */
  start(what: TransportCase): Promise<RunningServer>;
}
