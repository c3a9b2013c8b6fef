import type { IncomingMessage } from "node:http";
import { errorFields, type Bus, type Clock, type Logger, type Meter } from "@sluice/core";
import { changeEvent, isJson, isPublishOff, type Change } from "./change-event.ts";
import type { Escort, Hold } from "../forwarding/escort.ts";
import { setField, type HeaderList } from "../forwarding/header-list.ts";
import type { ResourceMatch } from "../resources/resource-rule.ts";
import type { Underway } from "../forwarding/underway.ts";

/** What publishing a change needs. */
export interface ChangeContext {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly eventBytes: () => number;
  /** Changes that the app is making: what it answers is to be published yet. */
  readonly underway: Underway;
  /** Told of a change that could not be published. */
  readonly onLost: () => void;
}

/** What of the client's request goes into the event. */
export type ChangeRequest = Pick<Change, "method" | "path" | "traceParent">;

/** Tells the client of a change that the app has made and the gateway could not publish. */
const PUBLISH_HEADER = "Sluice-Publish";

/**
 * Publishes a change when the app has made it and before the client hears of it. When the log can't take the event, the
 * client gets the app's answer all the same, since the change is made and a fault would have it tried again: with
 * `Sluice-Publish: failed`.
 */
export class ChangeCapture implements Escort {
  readonly outlivesClient = true;
  readonly #context: ChangeContext;
  readonly #match: ResourceMatch;
  readonly #request: ChangeRequest;

  constructor(context: ChangeContext, match: ResourceMatch, request: ChangeRequest) {
    this.#context = context;
    this.#match = match;
    this.#request = request;
    context.underway.enter();
  }

  answered(answer: IncomingMessage, headers: HeaderList): Hold | null {
    const status = answer.statusCode ?? 0;
    if (status < 200 || status > 299 || isPublishOff(answer)) return null;
    const eventBytes = this.#context.eventBytes();
    return {
      limitBytes: isJson(answer) ? eventBytes : 0,
      settle: async (body) => {
        if (!(await this.#publish(answer, body, eventBytes))) setField(headers, PUBLISH_HEADER, "failed");
      },
    };
  }

  over(): void {
    this.#context.underway.leave();
  }

  /** Whether the event is durable. */
  async #publish(answer: IncomingMessage, body: Buffer | null, eventBytes: number): Promise<boolean> {
    const { bus, clock, meter, logger } = this.#context;
    const { topic } = this.#match;
    try {
      const { draft, fault } = await changeEvent({ ...this.#request, topic, answer, body }, eventBytes, clock);
      if (fault !== null) {
        meter.refused("app-proxy", fault.code);
        logger.warn(
          { topic, code: fault.code, detail: fault.message },
          "the app's Sluice-Topic or Sluice-Type can't be used",
        );
      }
      await bus.publish([draft]);
      return true;
    } catch (error) {
      this.#context.onLost();
      meter.refused("app-proxy", "log-unavailable");
      logger.error(
        { topic, ...errorFields(error) },
        "the app has made a change that could not be published: nobody is told of it",
      );
      return false;
    }
  }
}
