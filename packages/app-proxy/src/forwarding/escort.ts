import type { IncomingMessage } from "node:http";
import type { HeaderList } from "./header-list.ts";

/** What is kept back of an answer before the client gets any of it. */
export interface Hold {
  /** So much of the body is waited for; 0: none of it. */
  readonly limitBytes: number;
  /**
   * Called once, with the whole body if it was not larger than the limit, else with `null`. The client gets the answer
   * when this has resolved; it never rejects.
   */
  settle(body: Buffer | null): Promise<void>;
}

/** What the gateway does to an exchange beside passing it on. One object for one exchange. */
export interface Escort {
  /** Whether the app is to finish an answer though the client has gone, once it has the whole request. */
  readonly outlivesClient: boolean;
  /** Whether the app's answer counts for none. The gateway then gives its own, by this; what the app said is dropped. */
  readonly instead?: (answer: IncomingMessage) => (() => void) | null;
  /** Looks at the head of the app's answer, and may change the header that the client gets until a hold is settled. */
  answered(answer: IncomingMessage, headers: HeaderList): Hold | null;
  /** The exchange is over, however it went. Called once. */
  over(): void;
}
