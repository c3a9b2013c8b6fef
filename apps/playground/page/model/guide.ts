/** What somebody can do that the guide takes notice of. */
export type Deed = "order" | "look" | "cut" | "whole" | "switch" | "fail" | "forgive" | "restart" | "skip";

/** A step of the way through the page. */
export interface GuideStep {
  /** Names the elements that are to be used now (`data-step`); empty if there is only something to wait for. */
  readonly target: string;
  readonly title: string;
  readonly text: string;
  /** What ends it. */
  readonly until: Deed;
}

/** The way, from the first pizza to the end of the world. */
export const STEPS: readonly GuideStep[] = [
  {
    target: "order",
    title: "Order",
    text: "Order a pizza. The shop tells nobody: the gateway in front of it sees the change and tells all seven lanes.",
    until: "order",
  },
  {
    target: "look",
    title: "Look",
    text: "Each change is a line through all lanes, and the bar to its dot is how late the lane knew. Point at an arrow to read its bytes.",
    until: "look",
  },
  {
    target: "cut",
    title: "Cut",
    text: "Cut a lane, or take it offline for ten seconds, and order more meanwhile.",
    until: "cut",
  },
  {
    target: "order",
    title: "Come back",
    text: "It comes back by itself and goes on from its cursor. Order something: lost and doubled stay at 0.",
    until: "whole",
  },
  {
    target: "switch",
    title: "Switch",
    text: "Change the transport of the last lane while pizzas bake. A cursor means the same on all of them.",
    until: "switch",
  },
  {
    target: "fail",
    title: "Fail",
    text: "Tell the receiver of the webhook to fail, and order: the gateway tries again and again.",
    until: "fail",
  },
  {
    target: "fail",
    title: "Forgive",
    text: "Let it succeed again. What was refused is delivered, at the next attempt.",
    until: "forgive",
  },
  {
    target: "restart",
    title: "Restart",
    text: "Restart the gateway under all of them. The log is on disk, and every lane comes back to where it was.",
    until: "restart",
  },
];

/** Goes through the steps as they are done. */
export class Guide {
  #at = 0;

  /** The step that is next; `null` when all are done. */
  get step(): GuideStep | null {
    return STEPS[this.#at] ?? null;
  }

  /** How many are done. */
  get done(): number {
    return this.#at;
  }

  /** Somebody has done something. Whether that was what the guide waited for. */
  did(deed: Deed): boolean {
    if (this.step === null || (deed !== "skip" && deed !== this.step.until)) return false;
    this.#at += 1;
    return true;
  }

  restart(): void {
    this.#at = 0;
  }
}
