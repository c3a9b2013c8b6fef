import { isTopicPart } from "./topic-part.ts";

/** What parts a segment from the query behind it: both are allowed in a topic, `?` is not. */
const SEPARATOR = "&";

/**
 * A URL's query as the end of a topic's last segment: `b=2&a=1` is `&a=1&b=2`. Sorted, so that the order in which a
 * client writes its parameters does not matter; empty without a query. `null` if it can't be part of a topic, or would
 * be read back as another query.
 */
export function querySuffix(query: string): string | null {
  const pairs: string[] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : decoded(pair.slice(equals + 1));
    if (name === null || value === null || name.includes("=")) return null;
    const text = equals < 0 ? name : `${name}=${value}`;
    if (text.includes(SEPARATOR) || !isTopicPart(text)) return null;
    pairs.push(text);
  }
  return pairs
    .sort()
    .map((pair) => SEPARATOR + pair)
    .join("");
}

/** Splits a last segment into what the path made of it and the query (with its `?`, encoded). */
export function splitSuffix(segment: string): { readonly segment: string; readonly query: string } {
  const [first = "", ...pairs] = segment.split(SEPARATOR);
  const encoded = pairs.map((pair) => {
    const equals = pair.indexOf("=");
    if (equals < 0) return encodeURIComponent(pair);
    return `${encodeURIComponent(pair.slice(0, equals))}=${encodeURIComponent(pair.slice(equals + 1))}`;
  });
  return { segment: first, query: encoded.length === 0 ? "" : `?${encoded.join("&")}` };
}

/** Whether a segment can have a query behind it and be told from it again. */
export function canCarrySuffix(segment: string): boolean {
  return !segment.includes(SEPARATOR);
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return null;
  }
}
