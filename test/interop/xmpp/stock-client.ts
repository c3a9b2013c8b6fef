/** Where a gateway is to be reached, through whatever is in between. */
export interface Place {
  /** TCP, with STARTTLS required. */
  readonly tcpPort: number;
  /** Base of the public listener, without a slash at its end. */
  readonly url: string;
}

/** A client that nobody here wrote, as far as the tests use it. Its account is its name, the password `pencil`. */
export interface StockClient {
  /** Data of the events in the order in which they came, also of those that came again. */
  readonly data: readonly unknown[];
  /** Logs in, says that it is there, subscribes to the node. */
  start(): Promise<void>;
  /** Comes back after its connection broke, or waits until it has come back by itself. */
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes one that will read a node. */
export type StockClientFactory = (place: Place, node: string) => StockClient;

export const DOMAIN = "localhost";
export const SERVICE = "pubsub.localhost";
export const PASSWORD = "pencil";
export const PUBSUB = "http://jabber.org/protocol/pubsub";

export function websocketUrl({ url }: Place): string {
  return `${url.replace("http", "ws")}/realtime/xmpp`;
}

export function boshUrl({ url }: Place): string {
  return `${url}/realtime/http-bind`;
}

/** The data of an event's JSON. */
export function dataIn(json: string): unknown {
  return (JSON.parse(json) as { readonly data: unknown }).data;
}
