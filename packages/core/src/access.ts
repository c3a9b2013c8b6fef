import type { CloseReason } from "./close-reason.ts";
import { SluiceError } from "./errors.ts";
import type { EventDraft } from "./event.ts";
import { covers, parseFilter, type Filter } from "./topic.ts";

/** What somebody may do with topics. */
export type Action = "read" | "publish" | "hooks";

/** Filters that somebody may read, publish to, or register hooks on. */
export type Grants = Readonly<Record<Action, readonly Filter[]>>;

/** Nothing at all. */
export const NO_GRANTS: Grants = Object.freeze({ read: [], publish: [], hooks: [] });

/** What a request brings to show who asks. */
export interface Credentials {
  /** The whole `Authorization` header. */
  readonly authorization?: string | undefined;
  /** The whole `Cookie` header. */
  readonly cookie?: string | undefined;
  /** `access_token` of the query. */
  readonly accessToken?: string | undefined;
  /**
   * Scheme and host by which the client says to have reached the gateway: `https://shop.example.org`. It proves nothing;
   * it is for a source that asks somebody else in the client's name.
   */
  readonly site?: string | undefined;
}

/** Who asks, as far as the gateway could tell. */
export interface Principal {
  /** `sub` of the token; `null` without one. */
  readonly subject: string | null;
  readonly grants: Grants;
  /** Wall-clock milliseconds at which the credentials end; `null` if never. */
  readonly expiresAtMs: number | null;
  /** Whether any credentials came: tells 401 from 403. */
  readonly hasCredentials: boolean;
  /**
   * Whether what authorises is a cookie, or something else that browsers send along by themselves (`Basic`): then their
   * requests must come from an allowed origin.
   */
  readonly isByCookie: boolean;
  /** What came, for an access source that asks again later. Never logged. */
  readonly credentials: Credentials;
}

/** Watches over one live reader. */
export interface Guard {
  /** The reader has brought new credentials; the guard goes by them from now on. */
  replace(principal: Principal): void;
  /** The reader is gone. */
  release(): void;
}

/** May this principal do that? The sources behind it (public filters, tokens, the app) are not its users' concern. */
export interface Access {
  /**
   * Who asks.
   * @throws {SluiceError} `unauthorized` for a token that is ours and not valid (any more)
   */
  identify(credentials: Credentials): Promise<Principal>;
  /**
   * Lets pass or throws.
   * @throws {SluiceError} `unauthorized` without credentials, `forbidden` with them, `app-unavailable`
   */
  check(principal: Principal, action: Action, filters: readonly Filter[]): Promise<void>;
  /**
   * Watches over a live reader: `onEnd` is called at most once, when its token expires or a filter of `filters()` is no
   * longer granted.
   */
  guard(principal: Principal, filters: () => readonly Filter[], onEnd: (reason: CloseReason) => void): Guard;
}

/** Whether one of the grants covers all that `asked` can match. */
export function isGranted(grants: readonly Filter[], asked: Filter): boolean {
  for (const grant of grants) if (covers(grant, asked)) return true;
  return false;
}

/**
 * Lets a publication pass, or throws.
 * @param check asked once for each topic
 * @throws {SluiceError} what `check` throws; `forbidden` names the field and, in a batch, the first event that it is about
 */
export async function checkPublication(
  drafts: readonly Pick<EventDraft, "topic">[],
  check: (topics: readonly Filter[]) => Promise<void>,
): Promise<void> {
  const seen = new Set<string>();
  for (const [index, { topic }] of drafts.entries()) {
    if (seen.has(topic)) continue;
    seen.add(topic);
    try {
      await check([parseFilter(topic)]);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== "forbidden") throw error;
      const place = drafts.length > 1 ? index : undefined;
      throw new SluiceError(error.code, error.message, { index: place, field: "topic", cause: error.cause });
    }
  }
}
