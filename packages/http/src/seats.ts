import { SluiceError } from "@sluice/core";
import type { HttpLimits } from "./limits.ts";
import type { Seat } from "./reading/read-request.ts";

/** Seconds until a refused client should try again. */
const RETRY_AFTER_SECONDS = 5;

/** The places for connections that stay: so many in all, so many per client address. */
export class Seats {
  readonly #limits: () => Pick<HttpLimits, "connections" | "connectionsPerIp">;
  readonly #perIp = new Map<string, number>();
  #taken = 0;

  constructor(limits: () => Pick<HttpLimits, "connections" | "connectionsPerIp">) {
    this.#limits = limits;
  }

  /** How many seats are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** @throws {SluiceError} `at-capacity` or `too-many-connections` */
  take(ip: string): Seat {
    const { connections, connectionsPerIp } = this.#limits();
    const retryAfterSeconds = RETRY_AFTER_SECONDS;
    if (this.#taken >= connections) {
      throw new SluiceError("at-capacity", "The gateway holds as many connections as it may.", { retryAfterSeconds });
    }
    const ofIp = this.#perIp.get(ip) ?? 0;
    if (ofIp >= connectionsPerIp) {
      const detail = `This address holds ${ofIp} connections, as many as it may.`;
      throw new SluiceError("too-many-connections", detail, { retryAfterSeconds });
    }
    this.#taken += 1;
    this.#perIp.set(ip, ofIp + 1);
    return new TakenSeat(this, ip);
  }

  /** Called by the seat, once. */
  giveBack(ip: string): void {
    this.#taken -= 1;
    const ofIp = (this.#perIp.get(ip) ?? 1) - 1;
    if (ofIp === 0) this.#perIp.delete(ip);
    else this.#perIp.set(ip, ofIp);
  }
}

class TakenSeat implements Seat {
  readonly #seats: Seats;
  readonly #ip: string;
  #isTaken = true;

  constructor(seats: Seats, ip: string) {
    this.#seats = seats;
    this.#ip = ip;
  }

  release(): void {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.#seats.giveBack(this.#ip);
  }
}
