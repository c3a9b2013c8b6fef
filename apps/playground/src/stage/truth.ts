import { connect } from "@sluice/client";
import type { Truth } from "./stage-protocol.ts";

/**
 * Reads all that happens to orders at the gateway itself, past the taps, from now on: what every lane has to get. Through
 * restarts of the gateway too. The answer ends it.
 */
export function readTruth(gateway: string, tell: (truth: Truth) => void): () => void {
  const reader = connect(gateway, { topics: ["orders", "orders/**"] });
  reader.on("event", ({ id, cursor, topic, type, time }) => {
    tell({ kind: "truth", id, cursor, topic, type, time: Date.parse(time) });
  });
  return () => reader.close();
}
