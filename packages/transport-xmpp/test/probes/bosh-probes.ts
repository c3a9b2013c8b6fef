import { hash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { body } from "../support/bosh-client.ts";
import { BoshSession, creation, say, send } from "./bosh-session.ts";

/** Something that BOSH says how to answer, or that nobody should send. */
export interface BoshProbe {
  readonly name: string;
  /** Sends it; answers what came, in words of `say`. */
  readonly run: (url: string) => Promise<string>;
  readonly outcome: string;
  /** Where Prosody's is another: what it is (`null`: it never answers, and is not asked), and why ours is not. */
  readonly prosody?: { readonly outcome: RegExp | null; readonly why: string };
}

const ping = (id: string): string =>
  `<iq xmlns="jabber:client" id="${id}" type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>`;
const RESTART = { "xmpp:restart": "true", "xmlns:xmpp": "urn:xmpp:xbosh" } as const;

const BAD = "contract §7, XEP-0124 §17.2: what can't be read is bad-request";
const RID = "XEP-0124 §14.1: a positive integer, not above 2^53 - 1";
const WAIT = "XEP-0124 §7.1 says SHOULD: without, it is 60 s; the answer tells";
const BOUNDS = "contract §7: 10 kB before login, 256 kB after, 50 deep";
const OVER = "XEP-0124 §17.2: whom the end was told, for him it is the end; Prosody's session goes on";

/** A probe of one request that belongs to no session. */
function single(
  name: string,
  text: string | Uint8Array,
  outcome: string,
  prosody?: BoshProbe["prosody"],
  init?: RequestInit,
): BoshProbe {
  return {
    name,
    run: async (url) => say(await send(url, text, init)),
    outcome,
    ...(prosody && { prosody }),
  };
}

/** A probe within a session that has logged in. */
function inSession(
  name: string,
  outcome: string,
  run: (session: BoshSession) => Promise<string>,
  prosody?: BoshProbe["prosody"],
): BoshProbe {
  return { name, run: async (url) => run(await BoshSession.bound(url)), outcome, ...(prosody && { prosody }) };
}

/** Several answers, in the order of their requests. */
async function all(...answers: readonly ReturnType<BoshSession["ask"]>[]): Promise<string> {
  return (await Promise.all(answers)).map(say).join(" | ");
}

export const BOSH_PROBES: readonly BoshProbe[] = [
  // Creation.
  single("a session", creation(), "features"),
  single("nothing", "", "end bad-request", { outcome: /^end item-not-found$/, why: BAD }),
  single("no XML", "hello", "end bad-request", { outcome: /^end item-not-found$/, why: BAD }),
  single("half a body", creation().slice(0, -3), "end bad-request", {
    outcome: null,
    why: "contract §7: what is not well-formed is bad-request; Prosody never answers",
  }),
  single("two bodies", creation() + creation(), "end bad-request", { outcome: /^features$/, why: BAD }),
  single("another namespace", creation().replace("httpbind", "other"), "end bad-request"),
  single("another element", creation().replaceAll("body", "html"), "end bad-request"),
  single("a comment", creation({}, [], "<!-- x -->"), "end bad-request", {
    outcome: /^end remote-stream-error$/,
    why: BAD,
  }),
  single("a DOCTYPE", `<!DOCTYPE body>${creation()}`, "end bad-request"),
  single("no rid", creation({}, ["rid"]), "end bad-request"),
  single("a rid in words", creation({ rid: "one" }), "end bad-request"),
  single("a rid of zero", creation({ rid: 0 }), "end bad-request", { outcome: /^features$/, why: RID }),
  single("a rid below zero", creation({ rid: -1 }), "end bad-request", { outcome: /^features$/, why: RID }),
  single("half a rid", creation({ rid: "1.5" }), "end bad-request", { outcome: /^features$/, why: RID }),
  single("a rid beyond 2^53", creation({ rid: "9007199254740993" }), "end bad-request", {
    outcome: /^features$/,
    why: RID,
  }),
  single("no host", creation({}, ["to"]), "end improper-addressing"),
  single("an empty host", creation({ to: "" }), "end improper-addressing"),
  single("an unknown host", creation({ to: "example.net" }), "end host-unknown", {
    outcome: /^end improper-addressing$/,
    why: "contract §7, XEP-0124 §17.2: host-unknown is what this is called",
  }),
  single("a host in capitals", creation({ to: "LOCALHOST" }), "features"),
  single("no wait", creation({}, ["wait"]), "features", { outcome: /^end bad-request$/, why: WAIT }),
  single("a wait in words", creation({ wait: "long" }), "features", { outcome: /^end bad-request$/, why: WAIT }),
  single("a hold of 99", creation({ hold: 99 }), "features"),
  single("no version", creation({}, ["ver"]), "features"),
  single("a content type that runs as something", creation({ content: "text/html" }), "end bad-request", {
    outcome: /^features$/,
    why: "contract §6: content is from a white list; Prosody passes the attribute over",
  }),
  single("60 elements in one another", creation({}, [], "<a>".repeat(60) + "</a>".repeat(60)), "end policy-violation", {
    outcome: /^end remote-stream-error$/,
    why: BOUNDS,
  }),
  single("10 kB before login", creation({}, [], `<a>${"x".repeat(10_000)}</a>`), "end policy-violation", {
    outcome: /^end remote-stream-error$/,
    why: BOUNDS,
  }),
  single("300 kB", creation({}, [], "x".repeat(300_000)), "413", { outcome: /^features$/, why: BOUNDS }),
  single("a sid that there is not", body({ rid: 2, sid: "none" }), "end item-not-found"),
  single("an empty sid", body({ rid: 2, sid: "" }), "end item-not-found"),
  single("compressed", gzipSync(creation()), "end bad-request", undefined, { headers: { "content-encoding": "gzip" } }),
  single("as JSON by its type", creation(), "features", undefined, { headers: { "content-type": "application/json" } }),
  {
    name: "GET",
    run: async (url) => String((await fetch(url)).status),
    outcome: "405",
    prosody: {
      outcome: /^200$/,
      why: "RFC 9110 §15.5.6: the path is for POST; Prosody shows a page that says it works",
    },
  },
  {
    name: "PUT",
    run: async (url) => String((await fetch(url, { method: "PUT" })).status),
    outcome: "405",
    prosody: { outcome: /^404$/, why: "RFC 9110 §15.5.6: there is something, and Allow says for what" },
  },
  {
    name: "from a page of an origin that nobody named",
    run: async (url) => {
      const { headers } = await send(url, creation(), { headers: { origin: "https://evil.example" } });
      return headers.get("access-control-allow-origin") ?? "not shared";
    },
    outcome: "not shared",
    prosody: { outcome: /^https:/, why: "contract §6: CORS by explicit origins" },
  },
  {
    name: "what the answer to the creation says of the session",
    run: async (url) => {
      const { created } = await BoshSession.create(url, { wait: 7 });
      const [start = ""] = /<body[^>]*>/.exec(created) ?? [];
      return [...start.matchAll(/ ([\w:]+)=["'](\w+(?:\.\w+)?)["']/g)]
        .filter(([, name = ""]) => !["sid", "authid", "ack"].includes(name))
        .map(([, name, value]) => `${name}=${value}`)
        .toSorted()
        .join(" ");
    },
    outcome:
      "from=localhost hold=1 inactivity=60 maxpause=120 polling=2 requests=2 ver=1.11 wait=7 xmpp:restartlogic=true xmpp:version=1.0",
    prosody: {
      outcome: / ver=1.6 wait=7 xmpp:version=1.0$/,
      why: "contract §6: 1.11, with maxpause and restartlogic; 2 s is all that a client has to keep between polls",
    },
  },

  // Before login.
  {
    name: "a stanza before login",
    run: async (url) => say(await (await BoshSession.create(url)).ask(ping("p"))),
    outcome: "end remote-stream-error",
    prosody: { outcome: /^error p$/, why: "contract §7: a stanza before login ends the stream" },
  },
  {
    name: "a restart before login",
    run: async (url) => say(await (await BoshSession.create(url)).ask("", { ...RESTART, to: "localhost" })),
    outcome: "end remote-stream-error",
    prosody: {
      outcome: /^empty$/,
      why: "RFC 6120 §4.3.3: a stream is restarted when something was negotiated; a second start is bad-format",
    },
  },
  {
    name: "terminate before login, then another request",
    run: async (url) => {
      const session = await BoshSession.create(url);
      return `${say(await session.ask("", { type: "terminate" }))} | ${say(await session.ask())}`;
    },
    outcome: "end | end item-not-found",
  },
  {
    name: "an unknown mechanism",
    run: async (url) => {
      const auth = `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="X-NONE"/>`;
      return say(await (await BoshSession.create(url)).ask(auth));
    },
    outcome: "failure",
  },
  {
    name: "a restart that doesn't say for whom",
    run: async (url) => {
      const session = await BoshSession.create(url);
      await session.ask(`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>`);
      return say(await session.ask("", RESTART));
    },
    outcome: "features",
  },
  {
    name: "a restart for another host",
    run: async (url) => {
      const session = await BoshSession.create(url);
      await session.ask(`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>`);
      return say(await session.ask("", { ...RESTART, to: "example.net" }));
    },
    outcome: "end host-unknown",
    prosody: { outcome: /^features$/, why: "contract §7: a stream is for the host that it names" },
  },

  // Request ids.
  inSession("the same rid again: the same bytes", "result p, the same", async (session) => {
    const first = await session.ask(ping("p"));
    const again = await session.again(ping("p"));
    return `${say(first)}, ${again.text === first.text ? "the same" : say(again)}`;
  }),
  inSession("the same rid again with something else: the same bytes", "result p, the same", async (session) => {
    const first = await session.ask(ping("p"));
    const again = await session.again(ping("q"));
    return `${say(first)}, ${again.text === first.text ? "the same" : say(again)}`;
  }),
  inSession("the one before again: the same bytes", "the same", async (session) => {
    const first = await session.ask(ping("p"));
    await session.ask(ping("q"));
    const again = await session.again("", {}, -1);
    return again.text === first.text ? "the same" : say(again);
  }),
  inSession("the same rid again while it is held", "empty, empty, result p", async (session) => {
    const both = [session.ask(), session.again()] as const;
    await Promise.race(both);
    const answers = await Promise.all([...both, session.ask(ping("p"))]);
    return answers.map(say).toSorted().join(", ");
  }),
  inSession("the second before the first: handled in order", "result first, result second", async (session) => {
    session.rid += 2;
    const second = session.again(ping("second"));
    const first = session.again(ping("first"), {}, -1);
    return ((await all(first, second)).match(/result \w+/g) ?? []).join(", ");
  }),
  inSession(
    "a rid beyond the window, then the right one",
    "end item-not-found | end item-not-found",
    async (session) => {
      const beyond = await session.again(ping("p"), {}, 3);
      return all(Promise.resolve(beyond), session.ask(ping("q")));
    },
    { outcome: /^end item-not-found . result q$/, why: OVER },
  ),
  inSession(
    "a rid of long ago, then the right one",
    "end item-not-found | end item-not-found",
    async (session) => {
      const before = await session.again(ping("p"), {}, -3);
      return all(Promise.resolve(before), session.ask(ping("q")));
    },
    { outcome: /^end item-not-found . result q$/, why: OVER },
  ),
  inSession(
    "no rid, then the right one",
    "end bad-request | end item-not-found",
    async (session) => {
      const without = await session.again("", { rid: "" });
      return all(Promise.resolve(without), session.ask(ping("q")));
    },
    { outcome: /^500 . result q$/, why: BAD },
  ),

  // Waiting.
  inSession("nothing to say until wait is over", "empty", async (session) => say(await session.ask())),
  inSession("the answer to a second request goes to the oldest", "result p | empty", async (session) =>
    all(session.ask(), session.ask(ping("p"))),
  ),
  inSession("more than hold: the oldest is answered, the others wait", "first, second", async (session) => {
    const order: string[] = [];
    const first = session.ask().then(() => order.push("first"));
    const second = session.ask().then(() => order.push("second"));
    await Promise.all([first, second]);
    return order.join(", ");
  }),
  inSession("a pause answers what is held, with nothing", "empty | empty", async (session) =>
    all(session.ask(), session.ask("", { pause: 10 })),
  ),
  inSession("a pause in words", "result p", async (session) => say(await session.ask(ping("p"), { pause: "long" }))),
  inSession("an acknowledgement of the future", "result p", async (session) =>
    say(await session.ask(ping("p"), { ack: "9007199254740991" })),
  ),

  // Content.
  inSession("a stanza that is left in the namespace of the body", "result p", async (session) =>
    say(await session.ask(ping("p").replace(` xmlns="jabber:client"`, ""))),
  ),
  inSession(
    "text beside a stanza",
    "end bad-request",
    async (session) => say(await session.ask(`text ${ping("p")} text`)),
    {
      outcome: /^result p$/,
      why: "XEP-0124 §19: a body holds elements; text in it is a fault of the client worth telling",
    },
  ),
  inSession("white space beside a stanza", "result p", async (session) => say(await session.ask(`\n${ping("p")}\n`))),
  inSession("an element that nobody knows", "end remote-stream-error", async (session) =>
    say(await session.ask(`<other xmlns="urn:other"/>`)),
  ),
  inSession(
    "bad XML, then good",
    "end bad-request | end item-not-found",
    async (session) => {
      const bad = await session.ask("<a></b>");
      return all(Promise.resolve(bad), session.ask(ping("p")));
    },
    { outcome: /^end bad-request . result p$/, why: OVER },
  ),
  inSession(
    "bad XML while a request is held",
    "end bad-request | end bad-request",
    async (session) => {
      const held = await session.hold();
      return all(held.answer, session.ask("<a></b>"));
    },
    { outcome: null, why: "contract §6: what is held is answered at the end; Prosody leaves it open" },
  ),

  inSession(
    "300 kB while a request is held",
    "end policy-violation | 413",
    async (session) => {
      const held = await session.hold();
      return all(held.answer, session.ask("x".repeat(300_000)));
    },
    { outcome: /^empty . empty$/, why: BOUNDS },
  ),

  // The end.
  inSession("terminate while a request is held", "end | end", async (session) =>
    all(session.ask(), session.ask("", { type: "terminate" })),
  ),
  inSession("terminate with stanzas", "result p, result q, end", async (session) =>
    say(await session.ask(ping("p") + ping("q"), { type: "terminate" })),
  ),
  inSession(
    "terminate, asked for again",
    "end, the same",
    async (session) => {
      const end = await session.ask("", { type: "terminate" });
      const again = await session.again("", { type: "terminate" });
      return `${say(end)}, ${again.text === end.text ? "the same" : say(again)}`;
    },
    { outcome: /^end, end item-not-found$/, why: "contract §6: the same rid gets the same bytes, the last one too" },
  ),
  inSession("a request after the end", "end | end item-not-found", async (session) => {
    const end = await session.ask("", { type: "terminate" });
    return all(Promise.resolve(end), session.ask(ping("p")));
  }),

  // Keys.
  {
    name: "the next key",
    run: async (url) => {
      const session = await BoshSession.create(url, { wait: 0, newkey: hash("sha1", "seed") });
      return say(await session.ask("", { key: "seed" }));
    },
    outcome: "empty",
  },
  ...[{ key: "wrong" }, {}].map((attributes) => ({
    name: "key" in attributes ? "a key that is not the next" : "no key",
    run: async (url: string) => {
      const session = await BoshSession.create(url, { wait: 0, newkey: hash("sha1", "seed") });
      return say(await session.ask("", attributes));
    },
    outcome: "end item-not-found",
    prosody: { outcome: /^empty$/, why: "contract §6: key sequencing; Prosody has none" },
  })),
  {
    name: "another session's sid",
    run: async (url) => {
      const [one, other] = [await BoshSession.bound(url), await BoshSession.bound(url)];
      one.rid += 100;
      one.sid = other.sid;
      return say(await one.ask(ping("p")));
    },
    outcome: "end item-not-found",
  },
  inSession(
    "200 requests without a pause for breath",
    "end policy-violation",
    async (session) => {
      await session.ask(ping("p"));
      let last = "";
      for (let count = 0; count < 200 && !last.startsWith("end"); count += 1) last = say(await session.again());
      return last;
    },
    { outcome: /^result p$/, why: "contract §7: too many, too fast" },
  ),
];
