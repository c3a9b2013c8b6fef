import type { JwtAlgorithm } from "@sluice/access";
import type { ResourceRule } from "@sluice/app-proxy";
import type { HttpLimits } from "@sluice/http";

/** A host and a port to listen on. The host may be a name or an address (IPv6 without brackets); port 0 is any free one. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** The public listener. */
export interface PublicConfig {
  readonly listen: Listen;
  /** Begins with `/` and doesn't end with it. */
  readonly prefix: string;
  /** `origins` as browsers send them, or `*`. */
  readonly cors: { readonly origins: readonly string[]; readonly hasCredentials: boolean };
  /** Addresses of proxies in CIDR notation, single addresses as `/32` or `/128`. */
  readonly trustProxy: readonly string[];
  /** CloudEvents' `source`. */
  readonly source: string;
}

/** The admin listener. `key` is never null beyond loopback. */
export interface AdminConfig {
  readonly listen: Listen;
  readonly key: string | null;
}

/** The app behind. `url` is an origin: no path, no slash at its end. */
export interface AppConfig {
  readonly url: string;
  readonly timeoutMs: number;
  /** Which `Host` the app sees: the client's, or its own. */
  readonly host: "keep" | "app";
}

/** Grants by token. At least one of `secret`, `publicKey` and `jwks` is set, and every algorithm fits one of them. */
export interface JwtConfig {
  readonly secret: string | null;
  /** PEM text, read from its file if the configuration named one. */
  readonly publicKey: string | null;
  readonly jwks: string | null;
  readonly algorithms: readonly JwtAlgorithm[];
  /** Empty: not checked. */
  readonly audience: readonly string[];
  /** Empty: not checked. */
  readonly issuer: readonly string[];
  readonly cookie: string | null;
}

/** Who may GET it may watch it. */
export interface AppAccessConfig {
  readonly method: "GET" | "HEAD";
  readonly ttlMs: number;
  readonly recheckMs: number;
  readonly whenAppIsDown: "keep" | "end";
}

/** The sources of grants. */
export interface AccessConfig {
  readonly public: readonly string[];
  readonly jwt: JwtConfig | null;
  readonly app: AppAccessConfig | null;
}

/** Where the log is kept. */
export type LogConfig = { readonly kind: "sqlite"; readonly path: string } | { readonly kind: "memory" };

/** How much of the log is kept. */
export interface RetentionConfig {
  readonly ageMs: number;
  readonly events: number;
  readonly bytes: number;
}

/** XMPP over TCP. `tls` names files; it is never null beyond loopback or with `directTls`. */
export interface XmppTcpConfig {
  readonly listen: Listen;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly directTls: Listen | null;
}

/** An XMPP account with a password. */
export interface XmppAccountConfig {
  readonly name: string;
  readonly password: string;
  readonly read: readonly string[];
  readonly publish: readonly string[];
}

/** The gateway as a component of another XMPP server. */
export interface XmppComponentConfig {
  /** `xmpp://HOST:PORT`. */
  readonly service: string;
  readonly domain: string;
  readonly secret: string;
  readonly grants: readonly XmppGrantConfig[];
}

/** What a bare JID, or everybody of a domain, may do. */
export interface XmppGrantConfig {
  readonly jid: string;
  readonly read: readonly string[];
  readonly publish: readonly string[];
}

/** XMPP PubSub. */
export interface XmppConfig {
  readonly domain: string;
  readonly tcp: false | XmppTcpConfig;
  readonly hasBosh: boolean;
  readonly hasWebsocket: boolean;
  readonly component: XmppComponentConfig | null;
  readonly accounts: readonly XmppAccountConfig[];
}

/** REST Hooks. */
export interface RestHooksConfig {
  /** The waits before attempt 1, 2, …: 1 to 20 of them. */
  readonly scheduleMs: readonly number[];
  readonly timeoutMs: number;
  readonly canUseHttp: boolean;
  /** Forbidden addresses that may be reached; `ports` null: all. */
  readonly allow: readonly { readonly cidr: string; readonly ports: readonly number[] | null }[];
  /** Owners whose hooks need no handshake; `*`: everybody. */
  readonly trusted: readonly string[];
  /** Whether who is on this machine may register hooks without a token, where everybody may read everything. */
  readonly canBeAnonymous: boolean;
  readonly concurrency: number;
  readonly perOrigin: number;
  readonly hasReverseUnsubscribe: boolean;
}

/** The transports; `false` where one is off. */
export interface TransportsConfig {
  readonly polling: false | { readonly intervalMs: number };
  readonly longPolling: false | { readonly maxWaitMs: number };
  readonly sse: false | { readonly heartbeatMs: number; readonly retryMs: number };
  readonly websocket: false | { readonly heartbeatMs: number };
  readonly xmpp: false | XmppConfig;
  readonly restHooks: false | RestHooksConfig;
  readonly comet: boolean;
}

/** Limits, each at least 1. */
export interface LimitsConfig extends HttpLimits {
  readonly headerBytes: number;
  readonly headTimeoutMs: number;
}

/** The gateway's own messages. */
export interface LoggingConfig {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  readonly format: "auto" | "pretty" | "json";
}

/** The whole configuration: every key resolved and checked, frozen to its depth. */
export interface Config {
  readonly public: PublicConfig;
  readonly admin: AdminConfig;
  readonly app: AppConfig | null;
  readonly resources: readonly ResourceRule[];
  readonly access: AccessConfig;
  readonly log: LogConfig;
  readonly deduplicationMs: number;
  readonly retention: RetentionConfig;
  readonly transports: TransportsConfig;
  readonly limits: LimitsConfig;
  /** `spreadMs` is never above `timeoutMs`. */
  readonly drain: { readonly spreadMs: number; readonly timeoutMs: number };
  readonly logging: LoggingConfig;
}
