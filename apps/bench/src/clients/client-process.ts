// The clients of a run, in a process of their own. It ends when whoever started it is gone.
import { at, nowMs } from "../load/clock.ts";
import { serve } from "../load/served-process.ts";
import { SelfCheck } from "../load/self-check.ts";
import type { ClientAnswer, ClientRequest } from "./client-messages.ts";
import { Crowd } from "./crowd.ts";
import type { Window } from "./tally.ts";
import { trafficSince, type Traffic } from "./wire.ts";

const OPEN_TIMEOUT_MS = 30_000;
const LOOK_EVERY_MS = 5;

const check = new SelfCheck();
let crowd: Crowd | null = null;
let measured: Promise<Extract<ClientAnswer, { answer: "window" }>> | null = null;

async function answer(request: ClientRequest): Promise<ClientAnswer> {
  if (request.ask === "open") {
    crowd = new Crowd(request.crowd);
    return open(crowd);
  }
  if (crowd === null) throw new Error("there are no clients yet");
  switch (request.ask) {
    case "begin":
      crowd.tally.begin(request.schedule, request.window);
      measured = request.window === null ? null : measure(crowd, request.window);
      return { answer: "done" };
    case "drain":
      return drain(crowd, request.published, request.timeoutMs);
    case "window":
      if (measured === null) throw new Error("this phase has no window");
      // Those that were due in the window and arrived after it belong to it, too.
      return { ...(await measured), delays: crowd.tally.delays };
    case "cut":
      crowd.cut();
      return { answer: "done" };
    case "reopen":
      break;
  }
  return reopen(crowd, request.timeoutMs);
}

async function open(own: Crowd): Promise<ClientAnswer> {
  const tooLate = Symbol("too late");
  const timeout = new Promise<typeof tooLate>((resolve) => setTimeout(resolve, OPEN_TIMEOUT_MS, tooLate).unref());
  if ((await Promise.race([own.open(), timeout])) !== tooLate) return { answer: "done" };
  const why = own.lastFailure === null ? "" : `; the last one to fail: ${own.lastFailure}`;
  return { answer: "failed", why: `only ${own.readyCount} clients came in${why}` };
}

async function measure(own: Crowd, { fromMs, toMs }: Window): Promise<Extract<ClientAnswer, { answer: "window" }>> {
  await at(fromMs);
  check.begin();
  const before: Traffic = own.wire.traffic();
  await at(toMs);
  const { strain } = check;
  const traffic = trafficSince(before, own.wire.traffic());
  return { answer: "window", delays: new Float32Array(), deliveries: own.tally.inWindow, traffic, strain };
}

async function drain(own: Crowd, published: readonly number[], timeoutMs: number): Promise<ClientAnswer> {
  const losses = await within(timeoutMs, () => {
    const found = own.tally.losses(published);
    return found.lost === 0 ? found : null;
  });
  return { answer: "losses", losses: losses ?? own.tally.losses(published) };
}

async function reopen(own: Crowd, timeoutMs: number): Promise<ClientAnswer> {
  own.reopen();
  return { answer: "whole", wholeMs: await within(timeoutMs, () => own.wholeMs) };
}

/** What `look` finds, or `null` if it has not found anything in that time. */
async function within<Found>(timeoutMs: number, look: () => Found | null): Promise<Found | null> {
  const endMs = nowMs() + timeoutMs;
  for (let found = look(); ; found = look()) {
    if (found !== null || nowMs() > endMs) return found;
    await at(nowMs() + LOOK_EVERY_MS);
  }
}

serve(answer);
