import { BlockList, isIP, SocketAddress } from "node:net";

/**
 * Every range of the IANA IPv4 Special-Purpose Address Registry, multicast and the reserved rest, and the address under
 * which Azure's hosts are reached by their guests.
 */
const V4: readonly (readonly [first: string, last: string])[] = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["168.63.129.16", "168.63.129.16"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.31.196.0", "192.31.196.255"],
  ["192.52.193.0", "192.52.193.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["192.175.48.0", "192.175.48.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "255.255.255.255"],
];

/**
 * The same for IPv6: all that is not global unicast (2000::/3), and what is special in it. Ranges and not prefixes:
 * `addSubnet("::", 3, "ipv6")` blocks all of IPv4 too.
 */
const V6: readonly (readonly [first: string, last: string])[] = [
  ["::", "::1"],
  ["::2", "::fffe:ffff:ffff"],
  ["::1:0:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"],
  ["3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
];

/** The addresses that no target may have, unless the operator allows it. */
export const FORBIDDEN: BlockList = forbidden();

function forbidden(): BlockList {
  const list = new BlockList();
  for (const [first, last] of V4) list.addRange(first, last, "ipv4");
  for (const [first, last] of V6) list.addRange(first, last, "ipv6");
  return list;
}

/** Whether an address is in one of the forbidden ranges, in whatever clothes: what is no address is forbidden too. */
export function isForbidden(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  if (family === 4) return FORBIDDEN.check(address, "ipv4");
  // Nobody needs these to reach a public address, and each is a way around a list.
  return embeddedV4(address) !== null || FORBIDDEN.check(withoutZone(address), "ipv6");
}

/** The address that a socket to `address` really reaches, as the allow list is to see it. */
export function plainAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  return embeddedV4(address) ?? withoutZone(address);
}

/** IPv4 in IPv6: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056); `null` if there is none. */
function embeddedV4(address: string): string | null {
  const words = wordsOf(address);
  if (words === null) return null;
  const startsWith = (...prefix: readonly number[]): boolean => prefix.every((word, index) => words[index] === word);
  const isMapped = startsWith(0, 0, 0, 0, 0, 0xffff);
  const isTranslated = startsWith(0x64, 0xff9b, 0, 0, 0, 0);
  if (isMapped || isTranslated) return dotted(words[6], words[7]);
  return words[0] === 0x2002 ? dotted(words[1], words[2]) : null;
}

function dotted(high = 0, low = 0): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

function withoutZone(address: string): string {
  const at = address.indexOf("%");
  return at < 0 ? address : address.slice(0, at);
}

/** The eight words of an IPv6 address. */
function wordsOf(text: string): readonly number[] | null {
  let address: string;
  try {
    ({ address } = new SocketAddress({ address: withoutZone(text), family: "ipv6" }));
  } catch {
    return null;
  }
  const [left = "", right] = withDottedAsWords(address).split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array.from({ length: zeros }, () => "0"), ...tail].map((word) => Number.parseInt(word, 16));
}

function withDottedAsWords(address: string): string {
  const match = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (match === null) return address;
  const [a, b, c, d] = match.slice(2).map(Number) as [number, number, number, number];
  return `${match[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
