import { checkPublishTopic, SluiceError } from "@sluice/core";

const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/;

/** What is wrong with a resource's path (`/orders/:id`), or undefined. It may end with a slash, as some apps' URLs do. */
export function resourcePathFault(text: string): string | undefined {
  if (!text.startsWith("/")) return 'it does not begin with "/"';
  return text === "/" ? undefined : templateFault(topicOfPath(text));
}

/** The topic template that a path makes by itself: without the slash at its beginning, and that at its end. */
export function topicOfPath(path: string): string {
  return path.slice(1).replace(/\/$/, "");
}

/**
 * What is wrong with a topic template (`orders/:id`), or undefined. Its literal segments must be segments of a topic
 * that may be published; a parameter is a whole segment, and none comes twice.
 */
export function templateFault(text: string): string | undefined {
  const segments = text.split("/");
  const seen = new Set<string>();
  for (const segment of segments) {
    if (!segment.startsWith(":")) continue;
    if (!PARAMETER.test(segment)) return `"${segment}" is no parameter such as :id`;
    if (seen.has(segment)) return `the parameter ${segment} comes twice`;
    seen.add(segment);
  }
  return topicFault(segments.map((segment) => (segment.startsWith(":") ? "x" : segment)).join("/"));
}

/** The parameters of a path or template, in their order, without the colon. */
export function parametersOf(template: string): readonly string[] {
  return template.split("/").flatMap((segment) => (segment.startsWith(":") ? [segment.slice(1)] : []));
}

/** A path with nameless parameters: two resources with the same shape match the same URLs. A slash at the end is no matter. */
export function pathShape(path: string): string {
  return path
    .replace(/(.)\/$/, "$1")
    .split("/")
    .map((segment) => (segment.startsWith(":") ? ":" : segment))
    .join("/");
}

function topicFault(topic: string): string | undefined {
  try {
    checkPublishTopic(topic);
    return undefined;
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return whyOf(error);
  }
}

/** The reason in a fault of the core's grammar: `The topic can't be used: it is empty.` → `it is empty`. */
export function whyOf(error: SluiceError): string {
  return error.message.replace(/^[^:]*can't be used: /, "").replace(/\.$/, "");
}
