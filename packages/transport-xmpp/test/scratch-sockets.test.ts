import { afterEach, expect, test } from "vitest";
import { RawStream } from "./support/raw-stream.ts";
import { subscribe } from "./support/streams.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

/** Nearly as much as is put together in the same memory. */
const EVENT_CHARACTERS = 50_000;

const closing: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function open(server: XmppServer, isTls: boolean): Promise<RawStream> {
  const stream = isTls ? await RawStream.openDirect(server.directPort) : await RawStream.open(server.tcpPort);
  closing.push(() => stream.destroy());
  await stream.login();
  await subscribe(stream, "public/a");
  return stream;
}

/** What was published, each wholly of one character; and of whom the stanzas say that they are for. */
function seenBy({ text }: RawStream): { readonly data: readonly string[]; readonly jids: ReadonlySet<string> } {
  const data = [...text.matchAll(/"data":"([^"]*)"/g)].map(([, one = ""]) => one);
  return { data, jids: new Set([...text.matchAll(/<message to="([^"]*)"/g)].map(([, jid = ""]) => jid)) };
}

test.each([
  ["in the clear", false],
  ["by TLS", true],
])("%s: what a socket holds for one who does not read is not written over by what others get", async (_, isTls) => {
  const server = await XmppServer.start({ hasTls: isTls });
  closing.push(() => server.stop());
  const [slow, quick] = [await open(server, isTls), await open(server, isTls)];
  slow.pause();
  const published: string[] = [];
  while (server.counts.leftBehind === 0) {
    const data = String.fromCharCode(0x61 + (published.length % 26)).repeat(EVENT_CHARACTERS);
    published.push(data);
    await server.publish("public/a", data);
    await until("it has come", () => quick.text.length > published.length * EVENT_CHARACTERS);
  }
  slow.resume();
  await until("all has come", () => slow.text.length > published.length * EVENT_CHARACTERS);
  await until("all has come whole", () => seenBy(slow).data.length === published.length);
  await until("the last has come whole", () => seenBy(quick).data.length === published.length);
  for (const stream of [quick, slow]) {
    expect(seenBy(stream).data).toEqual(published);
    expect([...seenBy(stream).jids]).toEqual([stream.jid]);
  }
});
