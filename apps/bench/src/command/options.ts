import { FAN_OUT_MODES, FAN_OUT_SERVERS } from "../fan-out/fan-out.ts";
import { PEER_NAMES } from "../peers/peers.ts";
import { TRANSPORTS } from "../plan/scenario.ts";

/** An option as the command's help shows it; in the shape of the gateway's own commands, one of which this is too. */
export interface OptionSpec {
  /** What stands for its value; an option without it is a switch. */
  readonly value?: string;
  readonly help: string;
}

/** Options that say something anew that a scenario says: the scenario's key is the name, with `_` for `-`. */
export const SCENARIO_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  transports: { value: "NAME,…", help: `Of ${TRANSPORTS.join(", ")}; all unless given.` },
  intervals: { value: "TIME,…", help: "How often pollers ask: 200ms,1s,5s." },
  clients: {
    value: "N,…",
    help: "Readers, each of one topic. Of this and the next three one may have several values.",
  },
  topics: { value: "N,…", help: "Topics that the readers are spread over." },
  rate: { value: "R,…", help: "Events per second, over all topics." },
  size: { value: "BYTES,…", help: "Of an event's data: 200, 1KiB." },
  window: { value: "TIME", help: "How long is measured." },
  cut: { value: "TIME", help: "How long all clients are cut off; 0 leaves that part out." },
  storm: { value: "BOOLEAN", help: "Whether all connections are cut at once, too." },
  peers: {
    value: "NAME,…",
    help: `The same load on other servers, where they are installed: ${PEER_NAMES.join(", ")}.`,
  },
  "client-processes": { value: "N", help: "Processes that the clients are spread over." },
};

const JSON_OPTION: Readonly<Record<string, OptionSpec>> = {
  json: { help: "Print results.json, or what has changed, instead of the tables." },
};

/** Of a benchmark of the transports. */
export const RUN_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  quick: { help: "A first look: every transport, below a minute." },
  scenario: { value: "FILE", help: "What to measure, in YAML; the options below override it." },
  ...SCENARIO_OPTIONS,
  out: { value: "FOLDER", help: "Where results.json and report.html go; bench-results unless given." },
  ...JSON_OPTION,
};

/** Of a comparison. */
export const COMPARE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  compare: { value: "FILE", help: "Measure nothing: what changed from this results.json to the one that follows." },
  ...JSON_OPTION,
};

/** Of what is measured with the generator in C. */
export const FAN_OUT_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  kind: { value: "NAME,…", help: `${FAN_OUT_MODES.join(", ")}: ws, sse or both.` },
  server: { value: "NAME,…", help: `${FAN_OUT_MODES.join(", ")}: beside what; of ${FAN_OUT_SERVERS.join(", ")}.` },
  rounds: { value: "N", help: "fan-out: how often; the medians are shown. 3 unless given." },
  ...JSON_OPTION,
};

/** All options. */
export const OPTIONS: Readonly<Record<string, OptionSpec>> = { ...RUN_OPTIONS, ...COMPARE_OPTIONS, ...FAN_OUT_OPTIONS };
