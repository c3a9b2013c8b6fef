import { HEAD, RawStream } from "./raw-stream.ts";
import { until } from "./until.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
export const PUBSUB = "http://jabber.org/protocol/pubsub";

/** By direct TLS and PLAIN, without a resource. */
export async function loggedIn(server: { readonly directPort: number }, token: string): Promise<RawStream> {
  const stream = await RawStream.openDirect(server.directPort);
  await stream.ask(HEAD, "</stream:features>");
  const secret = Buffer.from(`\0whoever\0${token}`).toString("base64");
  await stream.ask(`<auth xmlns='${SASL}' mechanism='PLAIN'>${secret}</auth>`, "<success");
  await stream.ask(HEAD, "</stream:features>");
  return stream;
}

/** The same, with a resource. */
export async function bound(
  server: { readonly directPort: number },
  token: string,
  resource = "desk",
): Promise<RawStream> {
  const stream = await loggedIn(server, token);
  const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
  await stream.ask(`<iq id='b' type='set'>${bind}</iq>`, "</jid>");
  return stream;
}

let iqs = 0;

/** Asks the service, or somebody else, and gives the answer. */
export async function ask(stream: RawStream, type: string, content: string, to = "pubsub.localhost"): Promise<string> {
  iqs += 1;
  const text = await stream.ask(`<iq id='q${iqs}' type='${type}' to='${to}'>${content}</iq>`, `id="q${iqs}"`);
  const from = stream.text.length - text.length + text.lastIndexOf("<iq ", text.indexOf(`id="q${iqs}"`));
  await until("the whole answer", () => /^<iq [^>]*\/>|<\/iq>/.test(stream.text.slice(from)));
  return stream.text.slice(from);
}

export const pubsub = (content: string): string => `<pubsub xmlns='${PUBSUB}'>${content}</pubsub>`;

export function subscribe(stream: RawStream, node: string, jid: string = stream.jid): Promise<string> {
  return ask(stream, "set", pubsub(`<subscribe node='${node}' jid='${jid}'/>`));
}

export function unsubscribe(stream: RawStream, node: string, jid: string = stream.jid): Promise<string> {
  return ask(stream, "set", pubsub(`<unsubscribe node='${node}' jid='${jid}'/>`));
}

/** The data of the events in what came, in the order in which it came. */
export function dataIn(text: string): unknown[] {
  return [...text.matchAll(/<json xmlns="urn:xmpp:json:0">([^<]*)<\/json>/g)].map(([, json = ""]) => {
    const unescaped = json.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
    return (JSON.parse(unescaped) as { data: unknown }).data;
  });
}

/** Turns stream management on; answers by what the stream can be resumed. */
export async function enable(stream: RawStream): Promise<string> {
  const enabled = await stream.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "/>");
  return / id="([^"]+)"/.exec(enabled)?.[1] ?? "";
}

export function resume(stream: RawStream, id: string, h: number): Promise<string> {
  return stream.ask(`<resume xmlns='urn:xmpp:sm:3' h='${h}' previd='${id}'/>`, ">");
}
