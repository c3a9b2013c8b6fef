import { connect, type Sluice } from "@sluice/client";
import type { Truth } from "./stage-protocol.ts";

const TOPICS = ["orders", "orders/**"];

/** Reads all that happens to orders at the gateway itself, past the taps, from now on: what every lane has to get. */
export class TruthReader {
  readonly #gateway: string;
  readonly #tell: (truth: Truth) => void;
  #reader: Sluice;

  constructor(gateway: string, tell: (truth: Truth) => void) {
    this.#gateway = gateway;
    this.#tell = tell;
    this.#reader = this.#read("latest");
  }

  /** The gateway is back. The reader would find out by itself, when its pause is over. */
  comeBack(): void {
    const { cursor } = this.#reader;
    this.#reader.close();
    this.#reader = this.#read(cursor ?? "latest");
  }

  close(): void {
    this.#reader.close();
  }

  #read(after: string): Sluice {
    const reader = connect(this.#gateway, { topics: TOPICS, after });
    reader.on("event", ({ id, cursor, topic, type, time }) => {
      this.#tell({ kind: "truth", id, cursor, topic, type, time: Date.parse(time) });
    });
    return reader;
  }
}
