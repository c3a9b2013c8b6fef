import { hash } from "node:crypto";
import {
  parseCursor,
  SluiceError,
  StoredEvent,
  toDraft,
  type Bus,
  type Clock,
  type Credentials,
  type EventInput,
} from "@sluice/core";
import { invalidParameter } from "@sluice/http";
import type { App } from "../forwarding/app.ts";
import { isJson, jsonText } from "../changes/change-event.ts";
import { decodeBody } from "../changes/content-decoding.ts";
import type { HeaderList } from "../forwarding/header-list.ts";
import { fetchRepresentation, type Representation } from "./representation.ts";
import type { ForwardingRules } from "../forwarding/request-headers.ts";
import type { ResourceTable } from "./resource-table.ts";

/** What snapshots are made of. */
export interface SnapshotContext {
  readonly app: App;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly forwarding: ForwardingRules;
  readonly rules: () => ResourceTable;
  readonly eventBytes: () => number;
}

/** Type of the event that is a snapshot. */
const SNAPSHOT_TYPE = "snapshot";

/**
 * Address that the app is told for the client, one of a network that nobody has (RFC 5737): an answer is shared by all
 * who bring the same credentials, wherever they are.
 */
const ADDRESS = "192.0.2.1";
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const SITE = /^(https?):\/\/([^/]+)$/;

/**
 * What resources are now, by the app's own word. Clients that ask at the same time with the same credentials share one
 * request to the app; nothing is kept longer than that.
 */
export class Snapshots {
  readonly #context: SnapshotContext;
  readonly #flights = new Map<string, Promise<StoredEvent>>();

  constructor(context: SnapshotContext) {
    this.#context = context;
  }

  /** See `TakeSnapshot`. */
  readonly take = (topic: string, credentials: Credentials): Promise<StoredEvent> => {
    const path = this.#context.rules().pathOf(topic);
    if (path === null) {
      throw invalidParameter("snapshot", "only a topic that is a resource of the app has a snapshot");
    }
    const { authorization = "", cookie = "", site = "" } = credentials;
    const key = hash("sha256", JSON.stringify([path, topic, authorization, cookie, site]), "base64");
    const flight = this.#flights.get(key);
    if (flight !== undefined) return flight;
    const taking = this.#take(topic, path, credentials).finally(() => this.#flights.delete(key));
    this.#flights.set(key, taking);
    return taking;
  };

  async #take(topic: string, path: string, credentials: Credentials): Promise<StoredEvent> {
    const { app, bus, clock, eventBytes } = this.#context;
    // Before the app is asked: whatever changes from here on is behind the cursor.
    const { epoch, position } = parseCursor(bus.cursor);
    const limitBytes = eventBytes();
    const headers = this.#headers(credentials);
    const representation = await fetchRepresentation(app, { path, headers, limitBytes }, clock);
    checkStatus(representation.answer.statusCode ?? 0);
    const payload = await payloadOf(representation, limitBytes);
    const draft = toDraft({ topic, type: SNAPSHOT_TYPE, ...payload }, { eventBytes: limitBytes, clock });
    return new StoredEvent({ ...draft, epoch, position, receivedAtMs: 0 });
  }

  #headers({ authorization, cookie, site }: Credentials): HeaderList {
    const { host, defaultHost, pseudonym } = this.#context.forwarding;
    const [, proto = "http", siteHost = defaultHost] = SITE.exec(site ?? "") ?? [];
    const told = FIELD_VALUE.test(siteHost) ? siteHost : defaultHost;
    const list: HeaderList = ["Host", host ?? told, "Accept", "application/json, */*;q=0.5"];
    if (authorization !== undefined && FIELD_VALUE.test(authorization)) list.push("Authorization", authorization);
    if (cookie !== undefined && FIELD_VALUE.test(cookie)) list.push("Cookie", cookie);
    list.push("X-Forwarded-For", ADDRESS, "X-Forwarded-Proto", proto, "X-Forwarded-Host", told);
    list.push("Via", `1.1 ${pseudonym}`);
    return list;
  }
}

/** @throws {SluiceError} the app's refusal, as the client is told it */
function checkStatus(status: number): void {
  if (status >= 200 && status <= 299) return;
  if (status === 401) throw new SluiceError("unauthorized", "The app does not let these credentials GET this.");
  if (status === 403) throw new SluiceError("forbidden", "The app does not let these credentials GET this.");
  if (status >= 500) throw new SluiceError("app-unreachable", `The app failed at this (${status}).`);
  throw new SluiceError("not-found", `The app has nothing to show at this address (${status}).`);
}

/** JSON as the app wrote it; what else there is in base64. */
async function payloadOf({ answer, body }: Representation, limitBytes: number): Promise<Omit<EventInput, "topic">> {
  const coding = answer.headers["content-encoding"] ?? "";
  const decoded = await decodeBody(body, coding, limitBytes);
  if (decoded === null) throw new SluiceError("too-large", "The app's answer can't be decoded, or is too large.");
  if (decoded.length === 0) return { dataText: "null" };
  const dataText = isJson(answer) ? jsonText(decoded) : null;
  if (dataText !== null) return { dataText };
  const type = answer.headers["content-type"];
  return { dataBase64: decoded.toString("base64"), ...(type !== undefined && { dataContentType: type }) };
}
