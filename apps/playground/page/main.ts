import type { StageMessage } from "../src/stage/stage-protocol.ts";
import { sleep } from "./clients/backoff.ts";
import { readBeginning } from "./clients/beginning.ts";
import { StageClock } from "./model/stage-clock.ts";
import { Page } from "./page.ts";
import { Stage } from "./stage.ts";
import { find, say } from "./view/dom.ts";

const LOCK = "sluice-parlour";
const AGAIN_MS = 500;

/** Only one page at a time is the lanes' clients: another one waits until this is gone. */
function takeTurn(): Promise<void> {
  const dialog = find<HTMLDialogElement>(document, "#elsewhere");
  const forGood = new Promise<void>(() => undefined);
  return new Promise((resolve) => {
    const take = (): Promise<void> => {
      dialog.close();
      resolve();
      return forGood;
    };
    void navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
      if (lock !== null) return take();
      dialog.showModal();
      void navigator.locks.request(LOCK, take);
      return undefined;
    });
  });
}

/** Tries until there is an answer. */
async function untilAnswered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    // One attempt after the other.
    try {
      return await ask();
    } catch {
      await sleep(AGAIN_MS, new AbortController().signal);
    }
    /* oxlint-enable no-await-in-loop */
  }
}

/** The stage is gone. When it is there again, everything may be elsewhere. */
async function reloadWhenBack(): Promise<void> {
  find(document, "#gateway-state").dataset["state"] = "down";
  say(find(document, "#gateway-text"), "The parlour is closed");
  await untilAnswered(() => Stage.setup());
  location.reload();
}

// A page that comes back out of the browser's memory has no clients any more.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});
await takeTurn();
const clock = new StageClock(() => performance.timeOrigin + performance.now());
const stage = new Stage();
const setup = await untilAnswered(() => Stage.setup());
const page = new Page(setup, stage, clock);

/** What is told before the lanes have begun; the state is shown at once. */
let early: StageMessage[] = [];
let take = (message: StageMessage): void => {
  if (message.kind === "state") page.take(message);
  else early.push(message);
};
const hearing = Promise.withResolvers<void>();
stage.listen(
  (message) => {
    if (message.kind === "tick" || message.kind === "state") clock.heard(message.at);
    if (message.kind === "state") hearing.resolve();
    take(message);
  },
  () => void reloadWhenBack(),
);
await hearing.promise;
await page.registerHook();
page.begin(
  await untilAnswered(() => {
    // What was told by now was in the log by now, and is behind where the lanes begin.
    early = [];
    return readBeginning(setup.gateway);
  }),
);
take = (message) => page.take(message);
// Arrows of that time are of clients of an earlier page.
for (const message of early) if (message.kind !== "arrow") take(message);
