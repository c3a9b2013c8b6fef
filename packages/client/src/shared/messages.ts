import type { Item } from "../event.ts";
import type { State } from "../sluice.ts";
import { SluiceError } from "../sluice-error.ts";
import type { TransportName } from "../transport.ts";

/** A fault as it crosses from tab to tab. */
export interface FaultNote {
  readonly message: string;
  readonly status: number;
  readonly code: string | null;
}

/** What tabs tell the one that holds the connection. */
export type TabMessage =
  /** I want these topics; answer me with `ref`. */
  | { readonly kind: "hello"; readonly tab: string; readonly ref: number; readonly topics: readonly string[] }
  | { readonly kind: "bye"; readonly tab: string };

/** What the one that holds the connection tells the tabs. */
export type LeaderMessage =
  /** Whoever wants something say hello (again). */
  | { readonly kind: "leader" }
  /** From here on you get everything of your topics; `cursor` is where that begins. */
  | { readonly kind: "welcome"; readonly tab: string; readonly ref: number; readonly cursor: string | null }
  | { readonly kind: "refused"; readonly tab: string; readonly ref: number; readonly fault: FaultNote }
  | { readonly kind: "items"; readonly items: readonly Item[] }
  | {
      readonly kind: "state";
      readonly state: State;
      readonly transport: TransportName | null;
      readonly fault: FaultNote | null;
    };

/** The note of a fault. */
export function noteOf({ message, status, code }: SluiceError): FaultNote {
  return { message, status, code };
}

/** The fault that a note tells. */
export function errorFrom({ message, status, code }: FaultNote): SluiceError {
  return new SluiceError(message, status, code);
}
