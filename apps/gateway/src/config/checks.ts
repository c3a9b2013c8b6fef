import type { JwtAlgorithm } from "@sluice/access";
import { collide, isLoopback, parseListen } from "./address.ts";
import type { Config, JwtConfig, Listen, XmppComponentConfig, XmppConfig } from "./config.ts";
import { readText } from "./config-file.ts";
import type { Draft } from "./draft.ts";
import type { Fault, Origin } from "./fault.ts";
import { parametersOf, pathShape, templateFault, topicOfPath } from "./resource-path.ts";
import { originOf } from "./tree.ts";
import type { Tree } from "./tree.ts";

/** What `serve` asks of a configuration; `dev` brings its own app and lets everybody read. */
export type Mode = "serve" | "dev";

/** What the checks look at. */
export interface Subject {
  readonly draft: Draft;
  readonly config: Config;
  /** What all sources said, for the lines of faults. */
  readonly tree: Tree | undefined;
  /** Where a fault points to if no source said anything. */
  readonly origin: Origin;
  readonly mode: Mode;
  /** What the PEM of `access.jwt.public_key` can check; undefined without one. */
  readonly pemAlgorithms: readonly JwtAlgorithm[] | undefined;
  /** Faults known already: no check is made on keys that have one. */
  readonly faults: readonly Fault[];
}

/** Checks what one key alone can't show. */
export async function check(subject: Subject): Promise<readonly Fault[]> {
  const checker = new Checker(subject);
  checker.listeners();
  checker.access();
  checker.resources();
  checker.drain();
  await checker.xmpp();
  return checker.faults;
}

class Checker {
  readonly faults: Fault[] = [];
  readonly #subject: Subject;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  listeners(): void {
    const { config } = this.#subject;
    const { admin, public: front } = config;
    if (admin.key === null && !isLoopback(admin.listen.host)) {
      this.#fault("admin.key", `missing; expected a key, since admin.listen is not on loopback`, ["admin.listen"]);
    }
    if (front.cors.hasCredentials && front.cors.origins.includes("*")) {
      const message = 'true together with the origin "*"; expected the origins by name, or false';
      this.#fault("public.cors.credentials", message, ["public.cors.origins"]);
    }
    const listeners = this.#listeners();
    for (const [index, [key, listen]] of listeners.entries()) {
      const other = listeners.slice(0, index).find(([, earlier]) => collide(earlier, listen));
      if (other !== undefined)
        this.#fault(key, `port ${listen.port} is that of ${other[0]}; expected another`, [other[0]]);
    }
  }

  /** All that are opened, with their keys. */
  #listeners(): readonly (readonly [string, Listen])[] {
    const { admin, public: front, transports } = this.#subject.config;
    const listeners: (readonly [string, Listen])[] = [
      ["public.listen", front.listen],
      ["admin.listen", admin.listen],
    ];
    if (transports.xmpp !== false && transports.xmpp.tcp !== false) {
      const { listen, directTls } = transports.xmpp.tcp;
      listeners.push(["transports.xmpp.tcp.listen", listen]);
      if (directTls !== null) listeners.push(["transports.xmpp.tcp.direct_tls", directTls]);
    }
    return listeners;
  }

  access(): void {
    const { config, mode, origin } = this.#subject;
    const { access, app } = config;
    const hasSource = access.public.length > 0 || access.jwt !== null || access.app !== null || hasXmppGrants(config);
    if (!hasSource && mode === "serve") {
      const hint = origin.kind === "default" ? " (there is no configuration file; sluice dev needs none)" : "";
      this.#fault("access", `nobody may read anything; expected access.public, access.jwt or access.app${hint}`);
    }
    if (access.app !== null && app === null && mode === "serve") {
      this.#fault("access.app", 'there is no app to ask; expected its URL under "app"', ["app"]);
    }
    if (access.jwt !== null) this.#jwt(access.jwt);
  }

  #jwt(jwt: JwtConfig): void {
    const hasKeys = jwt.publicKey !== null || jwt.jwks !== null;
    if (jwt.secret === null && !hasKeys) {
      this.#fault("access.jwt", "no key to check tokens with; expected secret, public_key or jwks");
      return;
    }
    const { pemAlgorithms } = this.#subject;
    const list = "access.jwt.algorithms";
    for (const [index, algorithm] of jwt.algorithms.entries()) {
      const isHmac = algorithm.startsWith("HS");
      const key = `${list}[${index}]`;
      if (isHmac && jwt.secret === null) this.#fault(key, `"${algorithm}" needs access.jwt.secret`, [list]);
      if (!isHmac && !hasKeys)
        this.#fault(key, `"${algorithm}" needs access.jwt.public_key or access.jwt.jwks`, [list]);
    }
    // A JWKS brings keys of any kind; a PEM is of one.
    if (pemAlgorithms === undefined || pemAlgorithms.some((algorithm) => jwt.algorithms.includes(algorithm))) return;
    const message = `none of these fits access.jwt.public_key; expected one of ${pemAlgorithms.join(", ")}`;
    this.#fault(list, message, ["access.jwt.public_key"]);
  }

  resources(): void {
    const { config, draft, mode } = this.#subject;
    if (draft.resources.length > 0 && config.app === null && mode === "serve") {
      this.#fault("resources", 'there is no app behind; expected its URL under "app"', ["app"]);
    }
    const seen = new Map<string, number>();
    for (const [index, rule] of draft.resources.entries()) {
      if (rule === undefined) continue;
      const key = `resources[${index}]`;
      const shape = pathShape(rule.path);
      const before = seen.get(shape);
      if (before !== undefined) this.#fault(`${key}.path`, `matches the same URLs as resources[${before}].path`);
      seen.set(shape, before ?? index);
      if (`${rule.path}/`.startsWith(`${config.public.prefix}/`)) {
        this.#fault(`${key}.path`, "lies under public.prefix, whose paths never reach the app", ["public.prefix"]);
      }
      this.#topic(key, rule.path, rule.topic);
    }
  }

  #topic(key: string, path: string, topic: string | undefined): void {
    if (topic === undefined) {
      const problem = templateFault(topicOfPath(path));
      const message = `missing; expected a topic, since the path makes none (${problem})`;
      if (problem !== undefined) this.#fault(`${key}.topic`, message);
      return;
    }
    const known = parametersOf(path);
    for (const name of parametersOf(topic)) {
      if (!known.includes(name)) this.#fault(`${key}.topic`, `":${name}" is no parameter of the path "${path}"`);
    }
  }

  drain(): void {
    const { spreadMs, timeoutMs } = this.#subject.config.drain;
    if (spreadMs <= timeoutMs) return;
    const message = `longer than drain.timeout (${timeoutMs / 1000}s); expected at most that`;
    this.#fault("drain.spread", message, ["drain.timeout"]);
  }

  async xmpp(): Promise<void> {
    const { xmpp } = this.#subject.config.transports;
    if (xmpp === false) return;
    if (xmpp.component !== null) this.#xmppComponent(xmpp.component);
    if (xmpp.tcp !== false) await this.#xmppTcp(xmpp.tcp);
  }

  /** A component joins another server: not this gateway, whose own listeners take clients. */
  #xmppComponent({ service }: XmppComponentConfig): void {
    const server = parseListen(service.replace(/^xmpp:\/\//, ""));
    if (server === undefined) return;
    const own = this.#listeners().find(
      ([, listen]) => collide(listen, server) && (listen.host === server.host || isLoopback(server.host)),
    );
    if (own === undefined) return;
    const message = `${service} is this gateway itself (${own[0]}); expected where the other server takes components`;
    this.#fault("transports.xmpp.component.service", message, [own[0]]);
  }

  async #xmppTcp(tcp: Exclude<XmppConfig["tcp"], false>): Promise<void> {
    const key = "transports.xmpp.tcp";
    if (tcp.tls === null) {
      const expected = "expected a certificate and a key";
      if (!isLoopback(tcp.listen.host)) {
        this.#fault(`${key}.tls`, `missing; ${expected}, since ${key}.listen is not on loopback`, [`${key}.listen`]);
      }
      if (tcp.directTls !== null)
        this.#fault(`${key}.tls`, `missing; ${expected} for direct_tls`, [`${key}.direct_tls`]);
      return;
    }
    for (const name of ["cert", "key"] as const) {
      // Two files, once: nothing is won by reading them at the same time.
      const file = await readText(tcp.tls[name]);
      if ("problem" in file) {
        this.#fault(`${key}.tls.${name}`, `the file ${JSON.stringify(tcp.tls[name])} ${file.problem}`);
      } else if (!file.text.includes("-----BEGIN ")) {
        this.#fault(`${key}.tls.${name}`, `the file ${JSON.stringify(tcp.tls[name])} holds no PEM`);
      }
    }
  }

  /**
   * Adds a fault, unless it only follows from one that is known. It points to the first of the key and the keys that
   * it depends on which a source has set.
   */
  #fault(key: string, message: string, dependsOn: readonly string[] = []): void {
    const { faults, tree, origin } = this.#subject;
    const involved = [key, ...dependsOn];
    if (involved.some((one) => faults.some((fault) => isWithin(fault.key, one) || isWithin(one, fault.key)))) return;
    this.faults.push({ origin: originOf(tree, involved) ?? origin, key, message });
  }
}

function isWithin(inner: string, outer: string): boolean {
  if (outer === "") return false;
  return inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
}

/** Whether somebody may do something who comes by XMPP with a password, or from another server. */
function hasXmppGrants({ transports: { xmpp } }: Config): boolean {
  return xmpp !== false && (xmpp.accounts.length > 0 || (xmpp.component?.grants.length ?? 0) > 0);
}
