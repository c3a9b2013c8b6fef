import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, type Clock } from "@sluice/core";
import { afterEach, describe, expect, test } from "vitest";
import { ComponentRig } from "./support/component-rig.ts";
import { ScriptedServer } from "./support/scripted-server.ts";
import { until } from "./support/until.ts";
import { createLog } from "./support/xmpp-server.ts";

const NAMES = ["ann", "bob", "carol", "dave"];
const STEPS = 120;
const closing: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** What is waited for is so for tens of milliseconds; those who have gone always say so in time. */
const hurried: Clock = {
  ...systemClock,
  after: (ms, task) => systemClock.after(ms < 5000 ? ms / 30 : ms * 30, task),
};

/** Numbers that look random, the same for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/**
 * A user with one client. What the server does with an item depends on it: a live client has it; of one that is cut off
 * the server keeps it, to hand it on or to give it back; for one that has just gone it is dropped without a word, and pings
 * are answered as for nobody, before its presence says that it has gone.
 */
class User {
  readonly jid: string;
  state: "live" | "cut off" | "just gone" | "gone" = "live";
  readonly has = new Set<number>();
  readonly #server: ScriptedServer;
  /** Stanzas that the server keeps: an item's number and id, or a ping's id. */
  #kept: { readonly number: number | null; readonly id: string }[] = [];

  constructor(server: ScriptedServer, name: string) {
    this.#server = server;
    this.jid = `${name}@example.org/x`;
  }

  item(number: number, id: string): void {
    if (this.state === "live") this.has.add(number);
    if (this.state === "cut off") this.#kept.push({ number, id });
  }

  /** The answer to a ping, or none. */
  ping(id: string): string | null {
    if (this.state === "live") return answer(this.jid, id);
    if (this.state !== "cut off") return error("iq", this.jid, id, "service-unavailable");
    this.#kept.push({ number: null, id });
    return null;
  }

  /** The link is new: what was under way on the old one is not. */
  linkIsNew(): void {
    this.#kept = this.#kept.filter(({ number }) => number !== null);
  }

  resume(): void {
    this.state = "live";
    for (const { number, id } of this.#kept.splice(0)) {
      if (number === null) this.#server.send(answer(this.jid, id));
      else this.has.add(number);
    }
  }

  goAway(): void {
    for (const { number, id } of this.#kept.splice(0)) {
      this.#server.send(error(number === null ? "iq" : "message", this.jid, id, "recipient-unavailable"));
    }
    this.state = "gone";
    this.#server.send(`<presence from='${this.jid}' to='pubsub.example.org' type='unavailable'/>`);
  }

  comeBack(): void {
    this.state = "live";
    this.#server.send(`<presence from='${this.jid}' to='pubsub.example.org'/>`);
  }
}

function answer(from: string, id: string): string {
  return `<iq type='result' id='${id}' from='${from}' to='pubsub.example.org'/>`;
}

function error(name: "iq" | "message", from: string, id: string, condition: string): string {
  const cause = `<error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
  return `<${name} type='error' id='${id}' from='${from}' to='pubsub.example.org'>${cause}</${name}>`;
}

describe("whatever happens to clients, the link and the gateway, everybody has everything in the end", () => {
  test.each([1, 2, 3, 4, 5])("seed %i", async (seed) => {
    const roll = dice(seed);
    const folder = await mkdtemp(join(tmpdir(), "sluice-component-"));
    closing.push(() => rm(folder, { recursive: true }));
    const server = await ScriptedServer.start();
    closing.push(() => server.stop());
    const users = NAMES.map((name) => new User(server, name));
    const of = (jid: string): User | undefined => users.find((user) => user.jid === jid);
    let rest = "";
    server.onText = (text) => {
      rest = text.includes("<stream:stream ") ? text : rest + text;
      const whole = rest.lastIndexOf("</message>") + "</message>".length;
      const items = rest.slice(0, whole).matchAll(/<message to="([^"]+)".*?<item id="([^"]+)">.*?"data":(\d+)\}/gs);
      for (const [, jid = "", id = "", number] of items) of(jid)?.item(Number(number), id);
      if (whole >= "</message>".length) rest = rest.slice(whole);
    };
    server.answer = (to, id) => {
      const user = of(to);
      if (user !== undefined) return user.ping(id);
      return to === "example.org" ? answer(to, id) : error("iq", to, id, "service-unavailable");
    };
    const lasting = { port: server.port, path: join(folder, "component.db"), log: createLog(), clock: hurried };
    let rig = await ComponentRig.start(lasting);
    closing.push(() => rig.stop());
    const linked = async (count: number): Promise<void> => {
      await server.waitJoined(count);
      await rig.waitFor("the link", ({ state }) => state === "joined");
      for (const user of users) {
        user.linkIsNew();
        // They share their presence: the server tells of those who are there.
        if (user.state === "live" || user.state === "cut off") {
          server.send(`<presence from='${user.jid}' to='pubsub.example.org'/>`);
        }
      }
    };
    await linked(1);
    for (const { jid } of users) {
      const subscribe = `<subscribe node='public/a' jid='${jid.split("/")[0]}'/>`;
      const iq = `<pubsub xmlns='http://jabber.org/protocol/pubsub'>${subscribe}</pubsub>`;
      await server.ask(`<iq type='set' id='s' from='${jid}' to='pubsub.example.org'>${iq}</iq>`, 'id="s"');
    }
    let published = 0;
    for (let step = 0; step < STEPS; step += 1) {
      const user = users[roll(users.length)] as User;
      const what = roll(24);
      if (what < 12) await rig.publish("public/a", ...Array.from({ length: 1 + roll(20) }, () => (published += 1)));
      else if (what < 14 && user.state === "live") user.state = "cut off";
      else if (what < 16 && user.state === "live") user.state = "just gone";
      else if (what < 18 && user.state === "cut off") user.resume();
      else if (what < 20 && user.state !== "gone") user.goAway();
      else if (what < 22 && user.state === "gone") user.comeBack();
      else if (what === 22 && roll(4) === 0) {
        const { joined } = server;
        server.cut();
        await linked(joined + 1);
      } else if (what === 23 && roll(4) === 0) {
        const { joined } = server;
        await rig.stop();
        rig = await ComponentRig.start(lasting);
        await linked(joined + 1);
      }
      // Time for stanzas to be on their way, or not.
      for (let turns = roll(6); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const user of users) {
      if (user.state === "cut off") user.resume();
      if (user.state === "just gone") user.goAway();
      if (user.state === "gone") user.comeBack();
    }
    await until("everything", () => users.every(({ has }) => has.size === published));
    expect(published).toBeGreaterThan(100);
  });
});
