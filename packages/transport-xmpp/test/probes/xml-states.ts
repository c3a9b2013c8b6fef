import { connect, headOf, type BindingName, type Line, type Target } from "./line.ts";
import { until } from "../support/until.ts";

/** How far a client has come. */
export type StateName =
  | "before the stream"
  | "before TLS"
  | "before login"
  | "between login and the next stream"
  | "before bind"
  | "after bind"
  | "in a stream that can be resumed";

type Exchange = readonly [text: string, answer: RegExp];

/** How far a client has come when it sends what it should not. */
export interface State {
  readonly name: StateName;
  /** What has been sent, and what it was answered with. */
  readonly path: readonly Exchange[];
  /** What is sent right before the input, without waiting for an answer. */
  readonly lead?: (target: Target) => Promise<string>;
  /** What goes on from here, and how a server answers that has got over the input. */
  readonly next: Exchange;
}

const PING = "<iq xmlns='jabber:client' id='next' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
const LOGIN: Exchange = ["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>", /<success/];
const BIND: Exchange = [
  "<iq xmlns='jabber:client' id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
  /<\/jid>/,
];
const ENABLE: Exchange = ["<enable xmlns='urn:xmpp:sm:3' resume='true'/>", /<enabled /];
const GO_ON: Exchange = [PING, /<iq [^>]*id=["']next["']/];

/** A connection that has to start TLS. */
export const BEFORE_TLS: State = {
  name: "before TLS",
  path: [[headOf("tcp"), /<\/stream:features>/]],
  next: ["<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", /<proceed/],
};

/** The other states that there are on a binding. */
export function statesOf(binding: BindingName): readonly State[] {
  const start: Exchange = [headOf(binding), /<\/stream:features>/];
  const restart: Exchange = [headOf(binding), /<bind /];
  const all: readonly State[] = [
    { name: "before the stream", path: [], next: start },
    { name: "before login", path: [start], next: LOGIN },
    { name: "between login and the next stream", path: [start, LOGIN], next: restart },
    { name: "before bind", path: [start, LOGIN, restart], next: BIND },
    { name: "after bind", path: [start, LOGIN, restart, BIND], next: GO_ON },
    { name: "in a stream that can be resumed", path: [start, LOGIN, restart, BIND, ENABLE], next: GO_ON },
  ];
  // A session of BOSH starts with its stream, and is not resumed.
  return binding === "bosh" ? all.slice(1, -1) : all;
}

/** Between two messages of a login that takes several. What is refused before login is refused so here. */
export function midLogin(binding: BindingName): State {
  const first = Buffer.from("n,,n=ann,r=abcdefghijkl").toString("base64");
  const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>${first}</auth>`;
  return {
    name: "before login",
    path: [
      [headOf(binding), /<\/stream:features>/],
      [auth, /<\/challenge>/],
    ],
    next: ["<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", /<aborted/],
  };
}

/** While a stream that was cut is being resumed. */
export function midResume(binding: BindingName): State {
  const start: Exchange = [headOf(binding), /<\/stream:features>/];
  const restart: Exchange = [headOf(binding), /<bind /];
  return {
    name: "in a stream that can be resumed",
    path: [start, LOGIN, restart],
    lead: async (target) => {
      const former = await connect(binding, target);
      for (const [text, answer] of [start, LOGIN, restart, BIND]) await ask(former, text, answer);
      const [, id] = / id=["']([^"']+)/.exec(await ask(former, ...ENABLE)) ?? [];
      former.destroy();
      return `<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`;
    },
    next: GO_ON,
  };
}

/** A connection in a state. */
export async function reach(binding: BindingName, { path, lead }: State, target: Target): Promise<Line> {
  const line = await connect(binding, target);
  for (const [text, answer] of path) await ask(line, text, answer);
  if (lead !== undefined) line.send(await lead(target));
  return line;
}

/** Sends, and waits for the answer. Answers all that came with it. */
export async function ask(line: Line, text: string | Buffer, answer: RegExp): Promise<string> {
  const from = line.text.length;
  line.send(text);
  await until(`${answer.source}, beside ${line.text.slice(from)}`, () => answer.test(line.text.slice(from)));
  return line.text.slice(from);
}
