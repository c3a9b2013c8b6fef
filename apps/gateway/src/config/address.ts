import { BlockList, isIPv4, isIPv6 } from "node:net";
import type { Listen } from "./config.ts";

const LISTEN = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})$/;
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Reads `host:port`, `[IPv6]:port` or `:port` (all IPv4 addresses). Undefined if it is none of them. */
export function parseListen(text: string): Listen | undefined {
  const match = LISTEN.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined;
  if (plain === undefined || plain === "") return { host: "0.0.0.0", port };
  return isHost(plain) ? { host: plain, port } : undefined;
}

/** Whether the text is an IPv4 address or a host name. A name that ends in a number would be a broken address. */
export function isHost(text: string): boolean {
  return isIPv4(text) || (HOST_NAME.test(text) && !/(^|\.)[0-9]+$/.test(text));
}

/** Reads an address or a range in CIDR notation; a single address becomes `/32` or `/128`. */
export function parseCidr(text: string): string | undefined {
  const [address = "", prefix, ...rest] = text.split("/");
  if (rest.length > 0 || address.includes("%")) return undefined;
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0;
  if (bits === 0) return undefined;
  if (prefix === undefined) return `${address}/${bits}`;
  return /^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= bits ? `${address}/${Number(prefix)}` : undefined;
}

/** Whether only this machine can reach a listener on the host. A name other than `localhost` is taken for reachable. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  if (isIPv4(address)) return loopback.check(address, "ipv4");
  if (isIPv6(address)) return loopback.check(address, "ipv6");
  return address.toLowerCase() === "localhost";
}

/** Whether two listeners can't both be had: the same port (0 never collides) on hosts that overlap. */
export function collide(left: Listen, right: Listen): boolean {
  if (left.port !== right.port || left.port === 0) return false;
  return left.host === right.host || [left.host, right.host].some((host) => host === "0.0.0.0" || host === "::");
}
