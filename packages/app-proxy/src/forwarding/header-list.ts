import type { IncomingMessage } from "node:http";

/** Header fields as Node has them raw: name, value, name, value, … in the order and spelling of the wire. */
export type HeaderList = string[];

/**
 * Fields that hold for one connection only (RFC 9110 §7.6.1, and those that RFC 2616 §13.5.1 named). `Trailer` is not
 * among them: it goes on where trailers can.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** A test for fields that may not be passed on: the hop-by-hop ones, and those that the message's `Connection` names. */
export function isHopByHop(message: IncomingMessage): (lowerName: string) => boolean {
  const { connection } = message.headers;
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return (name) => HOP_BY_HOP.has(name);
  const named = new Set(connection.split(",").map((token) => token.trim().toLowerCase()));
  return (name) => HOP_BY_HOP.has(name) || named.has(name);
}

/** All values of a field, in order. */
export function valuesOf(list: readonly string[], lowerName: string): string[] {
  const values: string[] = [];
  for (let index = 0; index < list.length; index += 2) {
    if (list[index]?.toLowerCase() === lowerName) values.push(list[index + 1] as string);
  }
  return values;
}

/** Takes a field out of the list, every line of it. */
export function removeField(list: HeaderList, lowerName: string): void {
  for (let index = list.length - 2; index >= 0; index -= 2) {
    if (list[index]?.toLowerCase() === lowerName) list.splice(index, 2);
  }
}

/** Puts a field in place of all lines that it has. */
export function setField(list: HeaderList, name: string, value: string): void {
  removeField(list, name.toLowerCase());
  list.push(name, value);
}

/**
 * Fields that mean nothing, or too much, behind a body (RFC 9110 §6.5.1): an app that puts trailers among the headers
 * must not be told another length, host or user there.
 */
const NEVER_TRAILERS =
  /^(?:connection|content-.*|transfer-encoding|trailer|te|upgrade|host|authorization|proxy-.*|cookie|set-cookie.*|forwarded|x-forwarded-.*|cache-control|expect|max-forwards|pragma|range|if-.*|www-authenticate|sluice-.*)$/i;

/** The trailers of a message that may be passed on, as pairs. */
export function passableTrailers(raw: readonly string[]): [string, string][] {
  const trailers: [string, string][] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    if (!NEVER_TRAILERS.test(name.replaceAll("_", "-"))) trailers.push([name, raw[index + 1] as string]);
  }
  return trailers;
}
