import { createHmac, hash, pbkdf2Sync } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HEAD, RawStream } from "./support/raw-stream.ts";
import { ask, pubsub, subscribe } from "./support/streams.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const ACCOUNT = { name: "kitchen", password: "correct horse", read: ["orders/**"], publish: ["orders/1"] };
let server: XmppServer;
const streams: RawStream[] = [];

type Hash = "sha1" | "sha256";
const MECHANISMS: Readonly<Record<Hash, string>> = { sha1: "SCRAM-SHA-1", sha256: "SCRAM-SHA-256" };

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

async function opened(): Promise<RawStream> {
  const stream = await RawStream.openDirect(server.directPort);
  streams.push(stream);
  await stream.ask(HEAD, "</stream:features>");
  return stream;
}

/** The server's first message. */
async function challenged(stream: RawStream, algorithm: Hash, bare: string): Promise<string> {
  const auth = `<auth xmlns='${SASL}' mechanism='${MECHANISMS[algorithm]}'>${base64(`n,,${bare}`)}</auth>`;
  const answer = await stream.ask(auth, "</challenge>");
  return Buffer.from(/>([^<]*)<\/challenge>/.exec(answer)?.[1] ?? "", "base64").toString();
}

/** The client's last message, and what the server has to sign it with (RFC 5802 §3). */
function proven(
  algorithm: Hash,
  bare: string,
  challenge: string,
  password: string,
  gs2 = "n,,",
): readonly [string, string] {
  const [, nonce = "", salt = "", rounds = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge) ?? [];
  const salted = pbkdf2Sync(
    password,
    Buffer.from(salt, "base64"),
    Number(rounds),
    algorithm === "sha1" ? 20 : 32,
    algorithm,
  );
  const hmac = (key: Buffer, text: string): Buffer => createHmac(algorithm, key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const final = `c=${base64(gs2)},r=${nonce}`;
  const all = `${bare},${challenge},${final}`;
  const signature = hmac(hash(algorithm, clientKey, "buffer"), all);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
  return [`${final},p=${proof.toString("base64")}`, `v=${hmac(hmac(salted, "Server Key"), all).toString("base64")}`];
}

beforeEach(async () => {
  server = await XmppServer.start({ hasTls: true, accounts: [ACCOUNT] });
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  expect(server.errors).toEqual([]);
  await server.stop();
});

describe.each(["sha1", "sha256"] as const)("SCRAM with %s", (algorithm) => {
  test("the right password: both have proven that they know it", async () => {
    const stream = await opened();
    const bare = "n=kitchen,r=0123456789abcdef";
    const challenge = await challenged(stream, algorithm, bare);
    expect(challenge).toContain("r=0123456789abcdef");
    const [final, signature] = proven(algorithm, bare, challenge, ACCOUNT.password);
    const success = await stream.ask(`<response xmlns='${SASL}'>${base64(final)}</response>`, "</success>");
    expect(success).toContain(`>${base64(signature)}<`);
  });

  test("a wrong one, a nonce of another exchange, another channel: not-authorized", async () => {
    const stream = await opened();
    const bare = "n=kitchen,r=0123456789abcdef";
    const attempts: readonly ((final: string) => string)[] = [
      (final) => final.replace(/p=./, (first) => (first === "p=A" ? "p=B" : "p=A")),
      (final) => final.replace(/r=[^,]+/, "r=0123456789abcdefother"),
      (final) => final.replace(/^c=[^,]+/, `c=${base64("y,,")}`),
    ];
    for (const spoil of attempts) {
      const challenge = await challenged(stream, algorithm, bare);
      const [final] = proven(algorithm, bare, challenge, ACCOUNT.password);
      const answer = await stream.ask(`<response xmlns='${SASL}'>${base64(spoil(final))}</response>`, "</failure>");
      expect(answer).toContain("<not-authorized/>");
    }
  });

  test("a name that there is not looks like any other, each time", async () => {
    const stream = await opened();
    const salts: string[] = [];
    for (const name of ["nobody", "nobody", "kitchen", "kitchen"]) {
      const bare = `n=${name},r=0123456789abcdef`;
      const challenge = await challenged(stream, algorithm, bare);
      expect(challenge).toMatch(/^r=0123456789abcdef[^,]{24},s=[A-Za-z0-9+/]{22}==,i=10000$/);
      salts.push(/s=([^,]+)/.exec(challenge)?.[1] ?? "");
      const [final] = proven(algorithm, bare, challenge, "guessed");
      await stream.ask(`<response xmlns='${SASL}'>${base64(final)}</response>`, "</failure>");
    }
    expect(salts[0]).toBe(salts[1]);
    expect(salts[2]).toBe(salts[3]);
    expect(salts[0]).not.toBe(salts[2]);
  });
});

test("PLAIN takes an account's password too; its grants are those of the configuration", async () => {
  const stream = await opened();
  const plain = (password: string): string =>
    `<auth xmlns='${SASL}' mechanism='PLAIN'>${base64(`\0kitchen\0${password}`)}</auth>`;
  expect(await stream.ask(plain("wrong"), "</failure>")).toContain("<not-authorized/>");
  await stream.ask(plain(ACCOUNT.password), "<success");
  await stream.ask(HEAD, "</stream:features>");
  await stream.ask("<iq id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</jid>");
  expect(stream.jid).toMatch(/^kitchen@localhost\/.{12}$/);
  expect(await subscribe(stream, "orders/2")).toContain(`subscription="subscribed"`);
  expect(await subscribe(stream, "other")).toContain("<forbidden ");
  const item = "<item><json xmlns='urn:xmpp:json:0'>1</json></item>";
  const publish = (node: string): string => pubsub(`<publish node='${node}'>${item}</publish>`);
  expect(await ask(stream, "set", publish("orders/1"))).toContain(`type="result"`);
  expect(await ask(stream, "set", publish("orders/2"))).toContain("<forbidden ");
});

test("five tries, whatever is tried; then the stream ends", async () => {
  const stream = await opened();
  const wrong = `<auth xmlns='${SASL}' mechanism='PLAIN'>${base64("\0kitchen\0wrong")}</auth>`;
  for (let tries = 0; tries < 4; tries += 1) await stream.ask(wrong, "</failure>");
  stream.send(wrong);
  await stream.closed();
  expect(stream.text.match(/<not-authorized\/>/g)).toHaveLength(5);
  expect(stream.text).toContain("<policy-violation ");
});

test("nobody acts for another: an authzid is one's own, or the login fails", async () => {
  const stream = await opened();
  const plain = (authzid: string): string =>
    `<auth xmlns='${SASL}' mechanism='PLAIN'>${base64(`${authzid}\0kitchen\0${ACCOUNT.password}`)}</auth>`;
  for (const other of ["waiter@localhost", "kitchen@elsewhere", "waiter"]) {
    expect(await stream.ask(plain(other), "</failure>")).toContain("<invalid-authzid/>");
  }
  expect(await stream.ask(plain("Kitchen@localhost"), "<success")).toContain("<success");
  const scram = await opened();
  const bare = "n=kitchen,r=abcdefghijkl";
  const first = base64(`n,a=waiter@localhost,${bare}`);
  const auth = `<auth xmlns='${SASL}' mechanism='SCRAM-SHA-1'>${first}</auth>`;
  const answer = await scram.ask(auth, "</challenge>");
  const challenge = Buffer.from(/>([^<]*)<\/challenge>/.exec(answer)?.[1] ?? "", "base64").toString();
  const [last] = proven("sha1", bare, challenge, ACCOUNT.password, "n,a=waiter@localhost,");
  const response = `<response xmlns='${SASL}'>${base64(last)}</response>`;
  expect(await scram.ask(response, "</failure>")).toContain("<invalid-authzid/>");
});

test("names that look alike are not the same: neither the JID nor what belongs to it", async () => {
  const names = ["ab", "a\u200Bb", "a\u00ADb", "a\u0000b", "a\u00A0b", "a b", "a\\20b", "a\\u200b;b", "a\u{E0001}b"];
  const jids = await Promise.all(
    names.map(async (name) => {
      const stream = await opened();
      const plain = base64(`\0x\0${await server.token(name, ["orders/**"])}`);
      await stream.ask(`<auth xmlns='${SASL}' mechanism='PLAIN'>${plain}</auth>`, "<success");
      await stream.ask(HEAD, "</stream:features>");
      const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind>";
      await stream.ask(`<iq id='b' type='set'>${bind}</iq>`, "</jid>");
      return stream.jid;
    }),
  );
  expect(new Set(jids).size).toBe(names.length);
  expect(jids.slice(0, 2)).toEqual(["ab@localhost/r", "a\\u200b;b@localhost/r"]);
});
