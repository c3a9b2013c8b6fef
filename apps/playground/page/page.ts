import type {
  LaneName,
  LaneOrder,
  ReceiverMood,
  Setup,
  StageMessage,
  StageState,
} from "../src/stage/stage-protocol.ts";
import type { Beginning } from "./clients/beginning.ts";
import type { OrderData } from "./clients/reader.ts";
import { DEFAULTS, startReaders, type Readers } from "./clients/readers.ts";
import type { StageClock } from "./model/stage-clock.ts";
import { TimeWindow } from "./model/time-window.ts";
import { Parlour } from "./parlour.ts";
import type { Stage } from "./stage.ts";
import { Counter } from "./view/counter.ts";
import { Diagram } from "./view/diagram.ts";
import { find, make, say } from "./view/dom.ts";
import { duration } from "./view/format.ts";
import { GuideView } from "./view/guide-view.ts";
import { TROUBLES } from "./view/lane-view.ts";
import { OrderBoard } from "./view/order-board.ts";
import { choice, MOODS, note, POLL_INTERVALS_MS, slider, TRANSPORTS, WAITS_MS } from "./view/settings.ts";
import { watchTheme } from "./view/theme.ts";
import { Webhook } from "./webhook.ts";

/** How often figures and the board are brought up to date. */
const REFRESH_MS = 200;
const SAY_EVERY_MS = 2_000;
const SPAN_MS = { wide: 20_000, narrow: 10_000 } as const;

/** The page: everything that is on it, put together. */
export class Page {
  readonly #setup: Setup;
  readonly #stage: Stage;
  readonly #clock: StageClock;
  readonly #parlour: Parlour;
  readonly #guide = new GuideView();
  readonly #board: OrderBoard;
  readonly #counter: Counter;
  readonly #diagram: Diagram;
  readonly #webhook: Webhook;
  readonly #register = make("button", "register");
  readonly #moods: HTMLFieldSetElement;
  #readers: Readers | null = null;
  /** What is ready, and has not been said yet. */
  #unsaid: OrderData[] = [];
  #saidAt = 0;
  #isReceiverWell = true;

  constructor(setup: Setup, stage: Stage, clock: StageClock) {
    this.#setup = setup;
    this.#stage = stage;
    this.#clock = clock;
    this.#parlour = new Parlour(clock, {
      changed: () => this.#diagram.changed(),
      did: (deed) => this.#guide.did(deed),
      ready: (order) => this.#unsaid.push(order),
      state: (state) => this.#show(state),
    });
    this.#board = new OrderBoard(this.#parlour.orders);
    this.#counter = new Counter(setup, {
      ordered: (pizzas) => void this.#order(pizzas),
      speedChanged: (speed) => void stage.setSpeed(speed),
    });
    const span = matchMedia("(max-width: 40rem)").matches ? SPAN_MS.narrow : SPAN_MS.wide;
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const window = new TimeWindow(
      () => clock.now(),
      span,
      () => calm.matches,
    );
    this.#diagram = new Diagram(this.#parlour, window, () => clock.now(), {
      ordered: (lane, order) => this.#trouble(lane, order),
      looked: () => this.#guide.did("look"),
    });
    const hook = this.#parlour.lane("rest-hooks");
    this.#register.type = "button";
    this.#webhook = new Webhook(setup, hook, () => clock.now(), this.#register);
    this.#moods = choice(
      { name: "mood", label: "Receiver", options: MOODS, value: "ok" },
      (mood: ReceiverMood) => void stage.setMood(mood),
    );
    this.#fillSettings();
    for (const button of document.querySelectorAll<HTMLButtonElement>(".troubles [data-order]")) {
      const order = TROUBLES[button.dataset["order"] ?? ""];
      if (order !== undefined) button.addEventListener("click", () => this.#trouble("all", order));
    }
    find(document, "#restart").addEventListener("click", () => void stage.toGateway("restart"));
    find(document, "#kill").addEventListener("click", () => void stage.toGateway("kill"));
    find(document, "#reset").addEventListener("click", () => this.#resetCounters());
    watchTheme(() => this.#diagram.recolour());
    document.body.dataset["ready"] = "";
  }

  /** Has the webhook's URL registered; from then on its lane gets events. */
  registerHook(): Promise<void> {
    return this.#webhook.register();
  }

  /** Starts all clients. */
  begin(beginning: Beginning): void {
    this.#parlour.begin(beginning);
    this.#readers = startReaders(this.#setup, beginning.cursor, (lane) => this.#parlour.listenerOf(lane));
    addEventListener("pagehide", () => this.#readers?.close());
    document.addEventListener("visibilitychange", () => this.#parlour.wake());
    setInterval(() => this.#refresh(), REFRESH_MS);
    this.#refresh();
    document.body.dataset["open"] = "";
  }

  /** The stage has told something. */
  take(message: StageMessage): void {
    this.#parlour.take(message);
  }

  #refresh(): void {
    if (document.hidden) return;
    const now = this.#clock.now();
    this.#parlour.check();
    void this.#webhook.check(this.#isReceiverWell);
    this.#board.update(now);
    this.#diagram.update(now);
    this.#announce(now);
  }

  /** The shop answers for its own origin only: whether it took the order, the lanes tell. */
  async #order(pizzas: readonly string[]): Promise<void> {
    this.#guide.did("order");
    const place = (pizza: string): Promise<Response> =>
      fetch(new URL("/orders", this.#setup.gateway), {
        method: "POST",
        mode: "no-cors",
        body: new URLSearchParams({ pizza }),
      });
    const placed = await Promise.allSettled(pizzas.map(place));
    const failed = placed.filter(({ status }) => status === "rejected").length;
    this.#counter.showTrouble(failed === 0 ? "" : "The gateway can't be reached just now. Try again in a moment.");
  }

  #trouble(lane: LaneName | "all", order: LaneOrder): void {
    void this.#stage.toLane(lane, order);
    this.#parlour.troubled(lane, order);
  }

  #resetCounters(): void {
    this.#parlour.resetCounters();
    this.#diagram.update(this.#clock.now());
    say(find(document, "#announcer"), "All counters are at 0");
  }

  #show({ gateway, receiver, speed }: StageState): void {
    find(document, "#gateway-state").dataset["state"] = gateway;
    say(find(document, "#gateway-text"), gateway === "up" ? "Gateway up" : "Gateway down");
    this.#counter.showSpeed(speed);
    this.#isReceiverWell = receiver === "ok";
    const mood = this.#moods.querySelector<HTMLInputElement>(`input[value="${receiver}"]`);
    if (mood !== null) mood.checked = true;
  }

  /** Says what has become ready, not more often than one can listen. */
  #announce(now: number): void {
    const [first, ...others] = this.#unsaid;
    if (first === undefined || now - this.#saidAt < SAY_EVERY_MS) return;
    const text = others.length === 0 ? `${first.pizza} ${first.id} is ready` : `${others.length + 1} pizzas are ready`;
    say(find(document, "#announcer"), text);
    this.#unsaid = [];
    this.#saidAt = now;
  }

  #fillSettings(): void {
    const format = (value: number): string => duration(value).replace(".0 ", " ");
    this.#diagram.setting("polling").append(
      slider(
        { id: "interval", name: "Every", values: POLL_INTERVALS_MS, value: DEFAULTS.pollIntervalMs, format },
        (intervalMs) => {
          if (this.#readers !== null) this.#readers.polling.intervalMs = intervalMs;
        },
      ),
    );
    this.#diagram.setting("long-polling").append(
      slider({ id: "wait", name: "Waits up to", values: WAITS_MS, value: DEFAULTS.waitMs, format }, (waitMs) => {
        if (this.#readers !== null) this.#readers.longPolling.waitMs = waitMs;
      }),
    );
    this.#diagram.setting("sse").append(note("A sign of life every 15 s"));
    this.#diagram.setting("websocket").append(note("A ping every 25 s"));
    this.#diagram.setting("bosh").append(note("Held for 10 s at the most"));
    this.#moods.dataset["step"] = "fail";
    this.#diagram.setting("rest-hooks").append(this.#moods, this.#register);
    const transports = choice(
      { name: "transport", label: "Now by", options: TRANSPORTS, value: DEFAULTS.transport },
      (transport) => {
        this.#readers?.switcher.switchTo(transport);
        this.#guide.did("switch");
      },
    );
    transports.dataset["step"] = "switch";
    this.#diagram.setting("switcher").append(transports);
  }
}
