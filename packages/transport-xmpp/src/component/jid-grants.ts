import { isGranted, parseFilter, type Filter, type Principal } from "@sluice/core";
import { parseJid } from "../xml/jid.ts";

/** What an address may do, or everybody of a domain. */
export interface JidGrant {
  /** A bare JID, or a domain: then it holds for all who are there. */
  readonly jid: string;
  /** Filters. */
  readonly read: readonly string[];
  readonly publish: readonly string[];
}

interface Filters {
  readonly read: readonly Filter[];
  readonly publish: readonly Filter[];
}

const NONE: Filters = { read: [], publish: [] };

/**
 * Who may do what over the component link: the user's server has seen to it that a JID is whose it says. There is no token
 * and no cookie, so there is nothing to ask an app with either.
 */
export class JidGrants {
  readonly #byJid: ReadonlyMap<string, Filters>;
  readonly #publicFilters: () => readonly string[];
  #public: { readonly texts: readonly string[]; readonly filters: readonly Filter[] } = { texts: [], filters: [] };

  /** @param publicFilters what everybody may read; asked for anew each time */
  constructor(grants: readonly JidGrant[], publicFilters: () => readonly string[]) {
    const byJid = new Map<string, Filters>();
    for (const { jid, read, publish } of grants) {
      const key = jid.toLowerCase();
      const { read: readBefore, publish: publishBefore } = byJid.get(key) ?? NONE;
      byJid.set(key, {
        read: [...readBefore, ...read.map(parseFilter)],
        publish: [...publishBefore, ...publish.map(parseFilter)],
      });
    }
    this.#byJid = byJid;
    this.#publicFilters = publicFilters;
  }

  allows(bare: string, action: "read" | "publish", filter: Filter): boolean {
    if (action === "read" && isGranted(this.#openToAll, filter)) return true;
    return this.#of(bare).some((filters) => isGranted(filters[action], filter));
  }

  principalOf(bare: string): Principal {
    const filters = this.#of(bare);
    return {
      subject: bare,
      grants: {
        read: filters.flatMap(({ read }) => read),
        publish: filters.flatMap(({ publish }) => publish),
        hooks: [],
      },
      expiresAtMs: null,
      hasCredentials: true,
      isByCookie: false,
      credentials: {},
    };
  }

  get #openToAll(): readonly Filter[] {
    const texts = this.#publicFilters();
    // Another array after a reload of the configuration, the same until then.
    if (texts !== this.#public.texts) this.#public = { texts, filters: texts.map(parseFilter) };
    return this.#public.filters;
  }

  #of(bare: string): readonly Filters[] {
    const own = bare.toLowerCase();
    const ofDomain = this.#byJid.get(parseJid(own)?.domain ?? "");
    const ofOwn = own.includes("@") ? this.#byJid.get(own) : undefined;
    return [ofDomain, ofOwn].filter((filters) => filters !== undefined);
  }
}
