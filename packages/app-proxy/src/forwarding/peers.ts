import type { IncomingMessage } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";
import { valuesOf } from "./header-list.ts";

const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** Which addresses are proxies in front of the gateway, whose word on clients is believed. */
export class Peers {
  readonly #trusted = new BlockList();
  readonly #isEmpty: boolean;

  /** @param cidrs `10.0.0.0/8`, `fd00::/8`, or single addresses */
  constructor(cidrs: readonly string[]) {
    this.#isEmpty = cidrs.length === 0;
    for (const cidr of cidrs) {
      const [address = "", bits] = cidr.split("/");
      const family = isIPv6(address) ? "ipv6" : "ipv4";
      if (bits === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(bits), family);
    }
  }

  isTrusted(address: string): boolean {
    return !this.#isEmpty && isIP(address) > 0 && this.#trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  }

  /** Whose request it is: the address of the last in its row that is no proxy of ours, as Fastify's `request.ip`. */
  clientOf({ socket, rawHeaders }: IncomingMessage): string {
    const told = this.#isEmpty ? "" : valuesOf(rawHeaders, "x-forwarded-for").join(",");
    const hops = told.split(",").map((address) => address.trim());
    const row = [socket.remoteAddress ?? "unknown", ...hops.toReversed()].filter((address) => address !== "");
    return row.find((address) => !this.isTrusted(plainAddress(address))) ?? (row.at(-1) as string);
  }
}

/** The address of a peer, an IPv4 one never in the clothes of IPv6. */
export function plainAddress(remoteAddress: string | undefined): string {
  return MAPPED.exec(remoteAddress ?? "")?.[1] ?? remoteAddress ?? "unknown";
}
