import type { BoshCondition } from "./bosh-body.ts";
import type { BoshPayload } from "./bosh-payload.ts";
import { NS } from "../xml/namespaces.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import { LOGGED_OUT, XmlReader, type XmlFault, type XmlHandler, type XmlLimits } from "../xml/xml-reader.ts";

/** The `<body/>` of one HTTP request, read. */
export class BoshRequest implements XmlHandler {
  readonly #limitsOf: (body: XmlNode) => XmlLimits;
  #body: XmlNode | null = null;
  #isWhole = false;
  #fault: XmlFault | null = null;

  /**
   * @param payload `undefined` for a request without a body
   * @param limitsOf how large a request may be, by its start tag
   */
  static read(payload: BoshPayload | undefined, limitsOf: (body: XmlNode) => XmlLimits): BoshRequest {
    const request = new BoshRequest(limitsOf);
    if (payload === undefined) return request;
    const reader = new XmlReader(request, () => request.#limits, "document");
    reader.feed(payload.bytes);
    if (payload.isTooLarge) request.failed("policy-violation");
    else reader.end();
    return request;
  }

  private constructor(limitsOf: (body: XmlNode) => XmlLimits) {
    this.#limitsOf = limitsOf;
  }

  /** With a fault it is what was read before that; `null` if not even the start tag was good. */
  get body(): XmlNode | null {
    return this.#body;
  }

  /** Why the request can't be taken. */
  get fault(): BoshCondition | null {
    if (this.#fault === "policy-violation") return "policy-violation";
    return this.#isWhole ? null : "bad-request";
  }

  opened(root: XmlNode): void {
    if (root.is("body", NS.httpbind)) this.#body = root;
  }

  received(node: XmlNode): void {
    // The schema of XEP-0124 §19 has elements in a `<body/>`, and no text.
    this.#isWhole = node === this.#body && node.text.trim() === "";
  }

  closed(): void {
    // A document is received as a whole.
  }

  failed(fault: XmlFault): void {
    this.#fault = fault;
    this.#isWhole = false;
  }

  get #limits(): XmlLimits {
    return this.#body === null ? LOGGED_OUT : this.#limitsOf(this.#body);
  }
}
