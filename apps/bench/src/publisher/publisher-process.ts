// The publisher of a run, in a process of its own. It ends when whoever started it is gone.
import { Wire } from "../clients/wire.ts";
import { at } from "../load/clock.ts";
import { SelfCheck } from "../load/self-check.ts";
import { serve } from "../load/served-process.ts";
import { PublishLane } from "./publish-lane.ts";
import { Publisher, requestOf } from "./publisher.ts";
import type { PublisherAnswer, PublisherRequest } from "./publisher-messages.ts";

const check = new SelfCheck();
let publisher: Publisher | null = null;

async function answer(request: PublisherRequest): Promise<PublisherAnswer> {
  switch (request.ask) {
    case "warm":
      await warm(request);
      return { answer: "done" };
    case "start": {
      const { target, schedule, eventBytes, untilMs } = request;
      void at(schedule.startMs).then(() => check.begin());
      publisher = new Publisher(target, schedule, eventBytes, untilMs, check);
      return { answer: "done" };
    }
    case "finish":
      break;
  }
  if (publisher === null) throw new Error("nothing is being published");
  const published = await publisher.finish();
  return { answer: "published", published, strain: check.strain };
}

/** A server that has just been started is slow, and its memory has yet to find its size: neither is of interest. */
async function warm({ target, events, eventBytes }: Extract<PublisherRequest, { ask: "warm" }>): Promise<void> {
  let fault: string | null = null;
  const lane = new PublishLane(new Wire(), target.port, (why) => (fault ??= why));
  for (let index = 0; index < events; index += 1) {
    lane.publish(requestOf(target, "bench/warm", JSON.stringify("x".repeat(eventBytes))));
  }
  await lane.idle();
  if (fault !== null) throw new Error(fault);
}

serve(answer);
