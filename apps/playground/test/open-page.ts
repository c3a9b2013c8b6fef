import type { BrowserContext, ConsoleMessage, Locator, Page } from "playwright-core";
import { expect, vi } from "vitest";
import { LANES } from "../page/lanes.ts";
import type { LaneName } from "../src/stage/stage-protocol.ts";
import { WAIT } from "./wait.ts";

/** Figures of each lane, by their names in the page; and its `state` and `trouble`. */
export type LaneFigures = Readonly<Record<LaneName, Readonly<Record<string, string>>>>;

/** What Chromium says by itself when a connection breaks: no page can keep it from that. Nothing else is let pass. */
const OF_THE_NETWORK =
  /^(?:Failed to load resource|WebSocket connection to '[^']*' failed: Error (?:in connection establishment|during WebSocket handshake)): net::ERR_[A-Z_]+$/;
/** What it says of a request that meets a gateway that is just going. */
const OF_A_DRAIN = /^Failed to load resource: the server responded with a status of 503 \(Service Unavailable\)$/;

/** What it says of a WebSocket that is given up while it is being opened, which quick choices make happen. */
const OF_A_CHOICE =
  /^WebSocket connection to '[^']*' failed: WebSocket is closed before the connection is established\.$/;

/** The page in a browser, and what a test does with it. */
export class OpenPage {
  readonly page: Page;
  /** What the console had and should not have had. */
  readonly complaints: string[] = [];
  /** What the browser may say, once somebody has made trouble on purpose. */
  readonly #allowed: RegExp[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("console", (message) => this.#hear(message));
    page.on("pageerror", (error) => this.complaints.push(String(error)));
  }

  /** Opens it, and waits until all lanes are connected. `prepare`: what is to be done before. */
  static async open(context: BrowserContext, url: string, prepare?: (page: Page) => Promise<void>): Promise<OpenPage> {
    const open = new OpenPage(await context.newPage());
    await prepare?.(open.page);
    await open.page.goto(url);
    await open.untilConnected();
    return open;
  }

  lane(name: LaneName): Locator {
    return this.page.locator(`[data-lane="${name}"]`);
  }

  async order(pizza: string): Promise<void> {
    await this.page.locator(`[data-pizza="${pizza}"]`).click();
  }

  async orderTen(): Promise<void> {
    await this.page.getByRole("button", { name: "Ten at once" }).click();
  }

  /** Presses one of a lane's buttons. */
  async trouble(name: LaneName, button: string): Promise<void> {
    this.#allowed.push(OF_THE_NETWORK);
    await this.lane(name).getByRole("button", { name: button, exact: true }).click();
  }

  /** Takes one of the choices that a lane has. */
  async choose(name: LaneName, choice: string): Promise<void> {
    if (name === "switcher") this.#allowed.push(OF_A_CHOICE);
    await this.lane(name).getByRole("radio", { name: choice, exact: true }).check();
  }

  /** Presses one of the buttons for all lanes. */
  async troubleAll(button: string): Promise<void> {
    this.#allowed.push(OF_THE_NETWORK);
    await this.page.getByRole("group", { name: "Trouble for all lanes" }).getByRole("button", { name: button }).click();
  }

  /** Ends the gateway, which is started again. */
  async toGateway(button: "Restart" | "Kill"): Promise<void> {
    this.#allowed.push(OF_THE_NETWORK);
    if (button === "Restart") this.#allowed.push(OF_A_DRAIN);
    const buttons = this.page.getByRole("group", { name: "Trouble for the gateway" });
    await buttons.getByRole("button", { name: button }).click();
  }

  /** All figures of all lanes, and their states, as they are at one moment. */
  async figures(): Promise<LaneFigures> {
    const told = await this.page.$$eval("[data-lane]", (lanes) =>
      lanes.map((lane) => [
        lane.getAttribute("data-lane"),
        Object.fromEntries([
          ["state", lane.getAttribute("data-state")],
          ["trouble", lane.getAttribute("data-trouble")],
          ...[...lane.querySelectorAll("[data-figure]")].map((figure) => [
            figure.getAttribute("data-figure"),
            figure.textContent,
          ]),
        ]),
      ]),
    );
    return Object.fromEntries(told) as LaneFigures;
  }

  /** Waits until every lane has had so many events. None may have lost or doubled one at any time. */
  async untilAllHave(events: number): Promise<void> {
    await this.untilFigures(`all have ${events} events`, (figures) => {
      for (const [name, { doubled, lost }] of Object.entries(figures)) {
        expect({ name, doubled, lost }).toEqual({ name, doubled: "0", lost: "0" });
      }
      return Object.values(figures).every(({ events: count }) => count === String(events));
    });
  }

  async untilConnected(): Promise<void> {
    await this.untilFigures("all are connected", (figures) =>
      LANES.every(({ name }) => figures[name]?.["state"] === "open"),
    );
  }

  /** Waits until the figures of all lanes are as they are meant to be. @throws {Error} with the figures, if they never are */
  async untilFigures(what: string, areMeant: (figures: LaneFigures) => boolean): Promise<void> {
    let last: LaneFigures | null = null;
    const look = async (): Promise<boolean> => areMeant((last = await this.figures()));
    await vi.waitUntil(look, WAIT).catch((error: unknown) => {
      throw new Error(`not ${what}: ${JSON.stringify(last)}`, { cause: error });
    });
  }

  #hear(message: ConsoleMessage): void {
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (this.#allowed.some((saying) => saying.test(message.text()))) return;
    this.complaints.push(message.text());
  }
}
