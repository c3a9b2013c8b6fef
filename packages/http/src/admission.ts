import type { Access, Meter, Principal, SluiceError, StoredEvent } from "@sluice/core";
import type { FastifyRequest } from "fastify";
import { hasUpgraded, isWebSocketUpgrade } from "./http-server.ts";
import type { HttpTransport } from "./http-transport.ts";
import { negotiate } from "./reading/negotiation.ts";
import { checkOrigin, type CorsRules } from "./origin.ts";
import { toFault } from "./problem.ts";
import { invalidParameter } from "./reading/query.ts";
import type { ReadParameters } from "./reading/read-parameters.ts";
import type { ReadRequest } from "./reading/read-request.ts";
import type { Seats } from "./seats.ts";
import { credentialsForApp, type TakeSnapshot } from "./reading/snapshot.ts";

/** What {@link Admission} needs. */
export interface AdmissionOptions {
  /** Those that are switched on. */
  readonly transports: readonly HttpTransport[];
  readonly access: Access;
  readonly seats: Seats;
  readonly meter: Meter;
  readonly cors: () => CorsRules;
  /** Takes snapshots of resources; without it there are none. */
  readonly takeSnapshot?: TakeSnapshot | undefined;
}

/** A request that may go on, and the transport that answers it. */
export interface Admitted {
  readonly transport: HttpTransport;
  readonly read: ReadRequest;
}

/**
 * The way of every reading request, on the gateway's own URL and on a resource's: which transport, who asks, may they,
 * is there room. Nothing has been sent when one of these refuses.
 */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Lets a request in or throws. Whoever gets the answer gives the seat back.
   * @param parameters read from the request; called once, so that its faults are counted with the others
   * @throws {SluiceError}
   */
  async admit(request: FastifyRequest, parameters: () => ReadParameters): Promise<Admitted> {
    const { transports, meter } = this.#options;
    let name = "http";
    try {
      const asked = parameters();
      const transport = negotiate({ headers: request.headers, isUpgrade: canUpgrade(request) }, asked, transports);
      name = transport.name;
      return { transport, read: await this.#check(request, asked, transport) };
    } catch (error) {
      meter.refused(name, toFault(error).code);
      throw error;
    }
  }

  async #check(request: FastifyRequest, asked: ReadParameters, transport: HttpTransport): Promise<ReadRequest> {
    const { access, seats, cors } = this.#options;
    if (asked.filters.length === 0 && transport.connect === undefined) {
      throw invalidParameter("topic", "topic is missing; it says what to read");
    }
    const site = `${request.protocol}://${request.host}`;
    const { authorization, cookie } = request.headers;
    let principal = await access.identify({ authorization, cookie, accessToken: asked.accessToken, site });
    const refusal = principal.isByCookie ? pageFault(request, transport, asked, cors()) : null;
    // A cookie that a foreign page made the browser send counts for nothing. What anybody may read, it may read too.
    if (refusal !== null) principal = await access.identify({ site });
    try {
      await access.check(principal, "read", asked.filters);
    } catch (error) {
      throw refusal ?? error;
    }
    const snapshot = asked.wantsSnapshot ? await this.#snapshot(request, asked, principal) : null;
    const seat = transport.holdsConnection && request.method !== "HEAD" ? seats.take(request.ip) : null;
    return toReadRequest(asked, { principal, access, seat, snapshot });
  }

  async #snapshot(
    request: FastifyRequest,
    { filters, accessToken }: ReadParameters,
    principal: Principal,
  ): Promise<StoredEvent> {
    const [filter] = filters;
    const { takeSnapshot } = this.#options;
    if (takeSnapshot === undefined || filter === undefined || filter.isPattern) {
      throw invalidParameter("snapshot", "only a topic that is a resource of the app has a snapshot");
    }
    return takeSnapshot(filter.text, credentialsForApp(request, principal, accessToken !== undefined));
  }
}

/** Whether the request came as an upgrade to WebSocket: Node has then taken the socket off its parser. */
export function canUpgrade(request: FastifyRequest): boolean {
  return hasUpgraded(request.raw) && isWebSocketUpgrade(request.raw);
}

/**
 * What is wrong with a request that a foreign page can have a browser send without CORS in between: for a stream, for a
 * socket, for a script to load.
 */
function pageFault(
  request: FastifyRequest,
  transport: HttpTransport,
  asked: ReadParameters,
  rules: CorsRules,
): SluiceError | null {
  const isLoadable = asked.options.callback !== null || transport.name === "iframe";
  if (!isLoadable && transport.connect === undefined && transport.name !== "sse") return null;
  try {
    checkOrigin(request, rules, isLoadable);
    return null;
  } catch (error) {
    return toFault(error);
  }
}

/** What admission found out. */
type Found = Pick<ReadRequest, "principal" | "access" | "seat" | "snapshot">;

function toReadRequest(asked: ReadParameters, found: Found): ReadRequest {
  const { filters, types, interest, limit, waitMs, ifNoneMatch, options, nextUrl } = asked;
  const { principal, access, seat, snapshot } = found;
  const start = snapshot === null ? asked.start : { cursor: snapshot.cursor };
  return {
    filters,
    types,
    interest,
    start,
    snapshot,
    limit,
    waitMs,
    ifNoneMatch,
    principal,
    access,
    seat,
    options,
    nextUrl,
  };
}
