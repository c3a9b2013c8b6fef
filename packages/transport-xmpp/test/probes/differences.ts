import type { BindingName } from "./line.ts";
import type { StateName } from "./xml-states.ts";

/** Where Prosody answers otherwise, and why we don't answer as it does. */
export interface Difference {
  readonly inputs: RegExp;
  readonly bindings?: readonly BindingName[];
  readonly states?: readonly StateName[];
  /** What Prosody says, whole. */
  readonly theirs: RegExp;
  readonly why: string;
}

/** One outcome of Prosody's. */
export interface Theirs {
  readonly binding: BindingName;
  readonly state: StateName;
  readonly input: string;
  readonly theirs: string;
}

const STARTING: readonly StateName[] = ["before the stream", "between login and the next stream"];
const EARLY: readonly StateName[] = ["before TLS", "before login"];

/** Of several that fit the first one counts. */
export const XML_DIFFERENCES: readonly Difference[] = [
  {
    inputs: /./,
    bindings: ["websocket"],
    states: STARTING,
    theirs: /^invalid-namespace$/,
    why:
      "RFC 7395 §3.3.3: a message is a document by itself, so what is wrong within it is told before what it is not; " +
      "a good one that is no <open/> comes before login: not-authorized (contract §7)",
  },
  {
    inputs: /^(?:a DOCTYPE|an entity bomb|a comment|a processing instruction)$/,
    theirs: /^(?:not-well-formed|remote-stream-error: bad-format)$/,
    why: "RFC 6120 §4.9.3.18: restricted-xml is what this is called; by BOSH bad-request (contract §7)",
  },
  {
    inputs: /^(?:bytes that are no UTF-8|half a character|a surrogate as UTF-8)$/,
    theirs: /^(?:not-well-formed|invalid-namespace)$/,
    why: "contract §7: bad-format; by WebSocket 1007 (RFC 6455 §8.1)",
  },
  {
    inputs: /^60 elements in one another$/,
    theirs: /^(?:error service-unavailable|invalid-namespace)$/,
    why: "contract §7: not more than 50 deep; Prosody bounds the size alone",
  },
  {
    inputs: /^300 kB/,
    theirs: /^(?:1006|closed|policy-violation|bad-request|error service-unavailable)$/,
    why:
      "contract §7: the size is bounded on each binding, before login more than after it, and the client is told: " +
      "policy-violation, 1009, 413 with policy-violation",
  },
  {
    inputs: /^text between elements$/,
    bindings: ["tcp", "bosh"],
    theirs: /^taken$/,
    why:
      "RFC 6120 §11.7, XEP-0124 §19: between stanzas there may be white space; anything else is a fault of the client " +
      "worth telling",
  },
  {
    inputs: /^text between elements$/,
    bindings: ["websocket"],
    theirs: /^1007$/,
    why: "contract §7: what is not well-formed is not-well-formed and <close/>; 1007 is for bad UTF-8",
  },
  {
    inputs: /^a stanza$/,
    theirs: /^error service-unavailable$/,
    why: "RFC 6120 §4.9.3.12, contract §7: a stanza before login is not-authorized and the end; so is one before bind",
  },
  {
    inputs: /^(?:a response first|the client's <success\/>)$/,
    states: ["before login"],
    theirs: /^(?:failure not-authorized|(?:remote-stream-error: )?unsupported-stanza-type)$/,
    why: "RFC 6120 §6.5.8: a step of no exchange is malformed-request; like any failure it costs one of five tries",
  },
  {
    inputs: /./,
    states: EARLY,
    theirs: /^(?:(?:remote-stream-error: )?unsupported-stanza-type|fail(?:ed|ure) .*|closed)$/,
    why: "contract §3: before TLS all but <starttls/> is refused, before login all but a login: not-authorized",
  },
  {
    inputs: /./,
    bindings: ["bosh"],
    states: ["between login and the next stream"],
    theirs: /^(?:remote-stream-error: unsupported-stanza-type|fail(?:ed|ure) .*)$/,
    why: "XEP-0206 §5: after login the stream is restarted; until then nothing is taken",
  },
  {
    inputs: /^a response first$/,
    theirs: /^failure not-authorized$/,
    why: "RFC 6120 §4.9.3.24: after login SASL is over, and its elements are none of the stream's",
  },
  {
    inputs: /^<starttls\/>$/,
    theirs: /^closed$/,
    why: "both end the stream, as RFC 6120 §5.4.2.2 asks; here the client is told why",
  },
  {
    inputs: /^<resume\/>/,
    bindings: ["bosh"],
    theirs: /^failed .*$/,
    why: "contract §5: stream management is for TCP and WebSocket; BOSH has acknowledgements of its own",
  },
  {
    inputs: /^an acknowledgement of what was never sent$/,
    theirs: /^(?:undefined-condition|(?:remote-stream-error: )?unsupported-stanza-type)$/,
    why: "contract §5: nobody is sent away for a number; without stream management the element is refused as what it is",
  },
  {
    inputs: /^the client's stream error$/,
    bindings: ["bosh"],
    theirs: /^remote-stream-error: unsupported-stanza-type$/,
    why: "RFC 6120 §4.9.1.1: a stream error ends the stream; it is not answered with another",
  },
];

/** The one that explains an outcome of Prosody's. */
export function differenceOf(differences: readonly Difference[], seen: Theirs): Difference | undefined {
  return differences.find(
    ({ inputs, bindings, states, theirs }) =>
      inputs.test(seen.input) &&
      bindings?.includes(seen.binding) !== false &&
      states?.includes(seen.state) !== false &&
      theirs.test(seen.theirs),
  );
}
