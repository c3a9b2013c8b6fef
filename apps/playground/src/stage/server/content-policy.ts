import { createHash } from "node:crypto";

const IMPORT_MAP = /<script type="importmap">([^]*?)<\/script>/;

/**
 * The content security policy of the page: nothing but its own files, its one import map, and connections to these
 * addresses.
 * @param connects URLs that begin with http
 */
export function contentPolicy(html: string, connects: readonly string[]): string {
  const importMap = IMPORT_MAP.exec(html)?.[1];
  const hash = importMap === undefined ? "" : ` 'sha256-${createHash("sha256").update(importMap).digest("base64")}'`;
  const origins = new Set(connects.map((url) => new URL(url).origin));
  const sockets = [...origins].map((origin) => origin.replace(/^http/, "ws"));
  return [
    "default-src 'none'",
    `script-src 'self'${hash}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self' ${[...origins, ...sockets].join(" ")}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
