import type { ClientAnswer, ClientRequest } from "../clients/client-messages.ts";
import type { Target } from "../clients/targets.ts";
import type { Window } from "../clients/tally.ts";
import type { Traffic } from "../clients/wire.ts";
import { summarize } from "../load/delays.ts";
import type { Schedule } from "../load/schedule.ts";
import type { Strain } from "../load/self-check.ts";
import { ServedProcess } from "../load/served-process.ts";
import type { PublisherAnswer, PublisherRequest, PublishTarget } from "../publisher/publisher-messages.ts";
import type { Delay, Load, Losses } from "../results.ts";

const CLIENTS = new URL("../clients/client-process.ts", import.meta.url);
const PUBLISHER = new URL("../publisher/publisher-process.ts", import.meta.url);

/** What all clients saw of a window. */
export interface WindowFigures {
  readonly delay: Delay | null;
  readonly deliveries: number;
  readonly traffic: Traffic;
  /** Of the process that had most to do. */
  readonly strain: Strain;
}

/** The processes that make the load: the clients in one or more, and the publisher. */
export class Generator {
  readonly #load: Load;
  readonly #clients: readonly ServedProcess<ClientRequest, ClientAnswer>[];
  readonly #publisher = new ServedProcess<PublisherRequest, PublisherAnswer>("publisher", PUBLISHER);

  constructor(load: Load, clientProcesses: number) {
    this.#load = load;
    this.#clients = Array.from(
      { length: Math.min(clientProcesses, load.clients) },
      () => new ServedProcess<ClientRequest, ClientAnswer>("clients", CLIENTS),
    );
  }

  /** Publishes events that are not counted. */
  async warm(target: PublishTarget, events: number): Promise<void> {
    await this.#publisher.ask({ ask: "warm", target, events, eventBytes: this.#load.eventBytes }, "done");
  }

  /** Brings in all clients. */
  async open(target: Target): Promise<void> {
    const { clients, topics } = this.#load;
    const share = Math.ceil(clients / this.#clients.length);
    await Promise.all(
      this.#clients.map((process, index) => {
        const first = index * share;
        const crowd = { target, first, clients: Math.min(share, clients - first), topics };
        return process.ask({ ask: "open", crowd }, "done");
      }),
    );
  }

  /** Begins a phase: the clients' books first, then the publisher. */
  async begin(target: PublishTarget, schedule: Schedule, window: Window | null): Promise<void> {
    await this.#all({ ask: "begin", schedule, window }, "done");
    const { eventBytes } = this.#load;
    const untilMs = window?.toMs ?? null;
    await this.#publisher.ask({ ask: "start", target, schedule, eventBytes, untilMs }, "done");
  }

  /** Ends the phase's publications. Resolves when all are accepted: how many per topic. */
  async finish(): Promise<{ readonly published: readonly number[]; readonly strain: Strain }> {
    return this.#publisher.ask({ ask: "finish" }, "published");
  }

  /** Waits for what is on its way. */
  async drain(published: readonly number[], timeoutMs: number): Promise<Losses> {
    const answers = await this.#all({ ask: "drain", published, timeoutMs }, "losses");
    const sum = (pick: (losses: Losses) => number): number =>
      answers.reduce((total, { losses }) => total + pick(losses), 0);
    return {
      lost: sum(({ lost }) => lost),
      doubled: sum(({ doubled }) => doubled),
      disordered: sum(({ disordered }) => disordered),
    };
  }

  /** What the window came to. */
  async window(): Promise<WindowFigures> {
    const answers = await this.#all({ ask: "window" }, "window");
    const sum = (pick: (traffic: Traffic) => number): number =>
      answers.reduce((total, { traffic }) => total + pick(traffic), 0);
    return {
      delay: summarize(answers.map(({ delays }) => delays)),
      deliveries: answers.reduce((total, { deliveries }) => total + deliveries, 0),
      traffic: {
        upBytes: sum(({ upBytes }) => upBytes),
        downBytes: sum(({ downBytes }) => downBytes),
        requests: sum(({ requests }) => requests),
        wasted: sum(({ wasted }) => wasted),
      },
      strain: worstOf(answers.map(({ strain }) => strain)),
    };
  }

  /** Cuts all clients off. */
  async cut(): Promise<void> {
    await this.#all({ ask: "cut" }, "done");
  }

  /** Lets all come back; when the last one had everything, or `null` if that took too long. */
  async reopen(timeoutMs: number): Promise<number | null> {
    const answers = await this.#all({ ask: "reopen", timeoutMs }, "whole");
    return answers.reduce<number | null>(
      (latest, { wholeMs }) => (latest === null || wholeMs === null ? null : Math.max(latest, wholeMs)),
      0,
    );
  }

  /** Ends all processes. */
  end(): void {
    for (const process of [...this.#clients, this.#publisher]) process.end();
  }

  #all<Kind extends ClientAnswer["answer"]>(
    request: ClientRequest,
    expected: Kind,
  ): Promise<readonly Extract<ClientAnswer, { answer: Kind }>[]> {
    return Promise.all(this.#clients.map((process) => process.ask(request, expected)));
  }
}

/** The worst of each. */
export function worstOf(strains: readonly Strain[]): Strain {
  return {
    cpuShare: Math.max(...strains.map(({ cpuShare }) => cpuShare)),
    worstLagMs: Math.max(...strains.map(({ worstLagMs }) => worstLagMs)),
  };
}
