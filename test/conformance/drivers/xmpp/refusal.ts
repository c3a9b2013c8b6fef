import type { Answer } from "../../../support/publisher.ts";
import type { Xml } from "./xml.ts";

/** HTTP said no before there was a stream. */
export class HttpRefusal extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`Refused: ${answer.status} ${answer.text}`);
    this.answer = answer;
  }
}

/** The gateway said no in XMPP. */
export class XmppRefusal extends Error {
  /** `forbidden`, `not-authorized`, … */
  readonly condition: string;
  /** A condition of XEP-0060 beside it. */
  readonly detail: string | undefined;

  constructor(condition: string, detail?: string) {
    super(`Refused: ${condition} ${detail ?? ""}`);
    this.condition = condition;
    this.detail = detail;
  }

  /** Of a stanza with an error, or of a stream's end. */
  static of(element: Xml): XmppRefusal {
    const [condition, ...others] = (element.child("error") ?? element).children.filter(({ name }) => name !== "text");
    return new XmppRefusal(condition?.name ?? "undefined-condition", others[0]?.name);
  }

  /**
   * What says the same in HTTP, for cases that hold on every transport. Who has brought no credentials is forbidden
   * what credentials could open: that is 401 there.
   */
  toAnswer(hasCredentials: boolean): Answer {
    const [status, code] = this.#inHttp(hasCredentials);
    const problem = { status, code };
    return { status, headers: {}, text: JSON.stringify(problem), json: () => problem };
  }

  #inHttp(hasCredentials: boolean): readonly [number, string] {
    switch (this.detail ?? this.condition) {
      case "not-authorized":
        return [401, "unauthorized"];
      case "forbidden":
        return hasCredentials ? [403, "forbidden"] : [401, "unauthorized"];
      case "too-many-subscriptions":
        return [400, "too-many-subscriptions"];
      case "item-not-found":
        return [400, "invalid-filter"];
      case "policy-violation":
        return [429, "too-many-connections"];
      case "resource-constraint":
        return [503, "at-capacity"];
      case "system-shutdown":
        return [503, "draining"];
      default:
        throw this;
    }
  }
}
