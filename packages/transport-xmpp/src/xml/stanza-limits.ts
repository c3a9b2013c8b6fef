import type { XmlLimits } from "./xml-reader.ts";

/** The longest element of a client that has not logged in. */
export const LOGGED_OUT: XmlLimits = { characters: 10_000 };

/** The longest element of one that has: what clients and servers are sure to take. */
export const LOGGED_IN: XmlLimits = { characters: 256 * 1024 };
