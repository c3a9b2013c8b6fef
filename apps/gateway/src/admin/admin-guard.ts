import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { SluiceError } from "@sluice/core";
import type { FastifyRequest } from "fastify";
import { isLoopback } from "../config/address.ts";

/** What the guard goes by. */
export interface AdminGuardOptions {
  /** The admin key of now; `null`: there is none, and the listener is on loopback. */
  readonly key: () => string | null;
  /** Host that the listener is on. */
  readonly host: string;
}

const BEARER = /^Bearer +(\S+) *$/i;

/**
 * Lets a request to the admin listener pass, or throws. With a key the request must show it. Without one the listener is
 * on loopback, where any page in a browser on this machine could reach it: so the request must be for this host by a
 * name that only this machine can have given it, and from no other origin (DNS rebinding, cross-site requests).
 * @throws {SluiceError} `unauthorized` or `forbidden`
 */
export function checkAdmin(request: FastifyRequest, options: AdminGuardOptions): void {
  const key = options.key();
  if (key !== null) {
    const [, shown] = BEARER.exec(request.headers.authorization ?? "") ?? [];
    if (shown !== undefined && isSame(shown, key)) return;
    throw new SluiceError("unauthorized", "The admin key is needed: Authorization: Bearer KEY.");
  }
  const host = request.headers.host ?? "";
  if (!isOwnHost(host, options.host)) {
    throw new SluiceError(
      "forbidden",
      "This listener has no admin key, so it is asked by localhost or a loopback address only; admin.key sets one.",
    );
  }
  const { origin } = request.headers;
  if (origin !== undefined && !isSameHost(origin, host)) {
    throw new SluiceError(
      "forbidden",
      "Pages of other origins may not use this listener, which has no admin key; admin.key sets one.",
    );
  }
}

/** Compares in a time that tells nothing about the key. */
function isSame(shown: string, key: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(shown), digest(key));
}

function isOwnHost(header: string, listening: string): boolean {
  const url = `http://${header}`;
  if (!URL.canParse(url)) return false;
  const name = new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
  return isLoopback(name) || (isIP(name) !== 0 && name === listening);
}

function isSameHost(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === new URL(`http://${host}`).host;
}
