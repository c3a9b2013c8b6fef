import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { FORBIDDEN, isForbidden, plainAddress } from "./address-ranges.ts";

/** A forbidden range of addresses that may be reached nevertheless; `ports` null: on all ports. */
export interface AllowedRange {
  /** `10.0.0.0/8`, or one address. */
  readonly cidr: string;
  readonly ports: readonly number[] | null;
}

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/** Options of {@link TargetGuard}. */
export interface TargetGuardOptions {
  /** Whether targets may be plain http. */
  readonly canUseHttp: boolean;
  readonly allow: readonly AllowedRange[];
  /** Ports that the gateway itself listens on: a hook into itself would be a loop. */
  readonly ownPorts: () => readonly number[];
  /** Default: the system's. */
  readonly resolve?: Resolve | undefined;
}

/** A target that may not be reached. The reason is for the operator alone. */
export class ForbiddenTargetError extends Error {
  override readonly name = "ForbiddenTargetError";
}

const MAX_URL_BYTES = 2048;
/**
 * Ports of protocols that could take a request for something of their own (Fetch Standard, "port blocking"): what is sent
 * to targets is to a part in the hands of those who publish.
 */
const PORTS_OF_OTHERS: ReadonlySet<number> = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080,
]);
// oxlint-disable-next-line no-control-regex -- that is what is looked for
const CONTROL = /[\u0000-\u0020\u007f-\u009f]/;

/** Knows which targets may be reached: by their URL, by their addresses, and on the socket. */
export class TargetGuard {
  readonly #options: TargetGuardOptions;
  readonly #allowed: readonly { readonly list: BlockList; readonly ports: ReadonlySet<number> | null }[];
  readonly #resolve: Resolve;

  constructor(options: TargetGuardOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? resolveBySystem;
    this.#allowed = options.allow.map(({ cidr, ports }) => ({
      list: rangeOf(cidr),
      ports: ports === null ? null : new Set(ports),
    }));
  }

  /** What a target has to be, for people. */
  get rule(): string {
    const schemes = this.#options.canUseHttp ? "http or https" : "https";
    return `a URL with ${schemes}, of at most ${MAX_URL_BYTES} bytes, without user name or fragment, at a public address`;
  }

  /** Reads a target's URL. @throws {ForbiddenTargetError} */
  parse(text: string): URL {
    if (Buffer.byteLength(text) > MAX_URL_BYTES) throw new ForbiddenTargetError("longer than 2048 bytes");
    if (CONTROL.test(text)) throw new ForbiddenTargetError("control characters or white space");
    if (!URL.canParse(text)) throw new ForbiddenTargetError("no URL");
    const url = new URL(text);
    const isHttp = url.protocol === "http:" && this.#options.canUseHttp;
    if (url.protocol !== "https:" && !isHttp) throw new ForbiddenTargetError(`scheme ${url.protocol}`);
    if (url.username !== "" || url.password !== "") throw new ForbiddenTargetError("user information");
    if (text.includes("#")) throw new ForbiddenTargetError("a fragment");
    if (PORTS_OF_OTHERS.has(portOf(url.protocol, url.port))) throw new ForbiddenTargetError(`port ${url.port}`);
    if (url.hostname === "") throw new ForbiddenTargetError("no host");
    return url;
  }

  /**
   * Checks a target before it is stored. A name that can't be resolved now passes: it is checked again with each attempt.
   * @throws {ForbiddenTargetError}
   */
  async check(text: string): Promise<URL> {
    const url = this.parse(text);
    let addresses: readonly LookupAddress[];
    try {
      addresses = await this.addressesOf(hostOf(url.hostname), portOf(url.protocol, url.port));
    } catch (error) {
      if (error instanceof ForbiddenTargetError) throw error;
      return url;
    }
    if (addresses.length === 0) throw new ForbiddenTargetError("no address");
    return url;
  }

  /** The addresses of a host, all of which may be reached. @throws {ForbiddenTargetError}; what the resolver throws */
  async addressesOf(host: string, port: number): Promise<readonly LookupAddress[]> {
    const family = isIP(host);
    const addresses = family === 0 ? await this.#resolve(host) : [{ address: host, family }];
    for (const { address } of addresses) this.checkAddress(address, port);
    return addresses;
  }

  /** @throws {ForbiddenTargetError} */
  checkAddress(address: string, port: number): void {
    if (this.#options.ownPorts().includes(port) && isOwnAddress(address)) {
      throw new ForbiddenTargetError(`${address} port ${port} is the gateway itself`);
    }
    if (isForbidden(address) && !this.#isAllowed(address, port)) throw new ForbiddenTargetError(`address ${address}`);
  }

  /** What `net.connect` is to refuse by itself; `undefined` where a forbidden address has been allowed. */
  blockListFor(addresses: readonly LookupAddress[]): BlockList | undefined {
    return addresses.some(({ address }) => isForbidden(address)) ? undefined : FORBIDDEN;
  }

  #isAllowed(address: string, port: number): boolean {
    const plain = plainAddress(address);
    const family = isIP(plain) === 4 ? "ipv4" : "ipv6";
    return this.#allowed.some(({ list, ports }) => (ports === null || ports.has(port)) && list.check(plain, family));
  }
}

/** A host as sockets want it: an IPv6 address without its brackets. */
export function hostOf(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** The port of a URL, or that of its scheme. */
export function portOf(protocol: string, port: string): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

/** Scheme, host and port: what concurrency and pauses are kept by. The dot that may end a name says nothing here. */
export function originOf(url: URL): string {
  return `${url.protocol}//${url.hostname.replace(/\.$/, "")}:${portOf(url.protocol, url.port)}`;
}

/** What is the same for all texts of a target's URL that lead to the same request, however hosts and ports are spelt. */
export function targetKey(target: string): string {
  const url = new URL(target);
  return originOf(url) + url.pathname + url.search;
}

function rangeOf(cidr: string): BlockList {
  const [address = "", bits] = cidr.split("/");
  const list = new BlockList();
  const family = isIP(address) === 4 ? "ipv4" : "ipv6";
  list.addSubnet(address, bits === undefined ? (family === "ipv4" ? 32 : 128) : Number(bits), family);
  return list;
}

function isOwnAddress(address: string): boolean {
  const plain = plainAddress(address);
  if (/^127\.|^0\./.test(plain) || plain === "::1" || plain === "::") return true;
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some((own) => own.address === plain));
}

function resolveBySystem(hostname: string): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    dnsLookup(hostname, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });
}
