import { parseCursor, parseFilter, SluiceError, systemClock, type Start } from "@sluice/core";
import type { Arguments } from "../cli/arguments.ts";
import type { Command, Io } from "../cli/command.ts";
import { UsageError, type ExitCode } from "../cli/failure.ts";
import { DEFAULT_PUBLIC_URL, parseAddress, readUrl } from "../client/address.ts";
import { nearest } from "../config/nearest.ts";
import { follow } from "../watch/follow.ts";
import { longPollingClient } from "../watch/long-polling-client.ts";
import { pollingClient } from "../watch/polling-client.ts";
import { jsonPrinter, prettyPrinter } from "../watch/printer.ts";
import { sseClient } from "../watch/sse-client.ts";
import { websocketClient } from "../watch/websocket-client.ts";
import type { WatchClient } from "../watch/watch-client.ts";

const LAST_MAX = 100;

/** In the order in which `auto` tries them. */
const CLIENTS: readonly WatchClient[] = [websocketClient, sseClient, longPollingClient, pollingClient];
const AUTO = "auto";

/** `sluice watch`: follows topics, and comes back with its cursor whatever cuts the connection. */
export const watch: Command = {
  usage: "FILTER…",
  arguments: { min: 1, max: 100 },
  details: [
    "A FILTER is a topic (orders/42) or a pattern: * stands for one segment, ** at the end for one or more. Quote it " +
      "for your shell. Events are shown until you stop it with Ctrl-C; after a cut it goes on where it was.",
    "On a terminal each event is a line for people; else, or with --json, it is the event's JSON as it came, a line " +
      'each. A gap, events that are no longer retained, is told in its place: as JSON it is {"op":"gap",…}.',
  ],
  options: {
    transport: { value: "NAME", help: "websocket, sse, long-polling, polling, or auto: the first of them that works." },
    after: { value: "CURSOR", help: "Begin behind this cursor, or with earliest or latest; latest unless given." },
    last: { value: "N", help: `Begin with the newest N events (0 to ${LAST_MAX}).` },
    type: { value: "TYPE", help: "Only events of this type.", isRepeatable: true },
    json: { help: "Show JSON on a terminal too." },
    url: {
      value: "URL",
      help: `Address of the public listener, with the prefix if it is not /realtime; ${DEFAULT_PUBLIC_URL} unless given.`,
    },
    token: { value: "JWT", help: "Who you are; unless given, the token of SLUICE_TOKEN." },
  },
  examples: [
    ["sluice watch 'orders/**'", "Follows every order."],
    ["sluice watch orders/42 --last 10 --transport sse", "The newest ten events of one, then what is new."],
    ["sluice watch 'orders/*' --json | jq .data", "Feeds another program."],
  ],
  run,
};

async function run(given: Arguments, io: Io): Promise<ExitCode> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  const filters = given.positionals.map(checkFilter);
  const clients = clientsOf(given.text("transport") ?? AUTO);
  const ask = {
    url: readUrl(parseAddress(given.text("url") ?? DEFAULT_PUBLIC_URL)),
    filters,
    types: given.texts("type"),
    token: given.text("token") ?? (io.env["SLUICE_TOKEN"] || null),
    start: startOf(given.text("after"), given.text("last")),
  };
  const isJson = given.has("json") || io.stdout.isTTY !== true;
  const printer = (isJson ? jsonPrinter : prettyPrinter)(io.stdout, io.stderr);
  io.stdout.once("error", end);
  process.once("SIGINT", end).once("SIGTERM", end);
  try {
    const cursor = await follow({ ask, clients, printer, signal: stop.signal, random: () => systemClock.random() });
    if (cursor !== null && io.stderr.isTTY === true) printer.note(`go on where this ended: --after ${cursor}`);
    return 0;
  } finally {
    process.off("SIGINT", end).off("SIGTERM", end);
  }
}

function checkFilter(text: string): string {
  try {
    return parseFilter(text).text;
  } catch (error) {
    throw error instanceof SluiceError ? new UsageError(`"${text}" is no filter. ${error.message}`) : error;
  }
}

function clientsOf(name: string): readonly WatchClient[] {
  if (name === AUTO) return CLIENTS;
  const client = CLIENTS.find((candidate) => candidate.name === name);
  if (client !== undefined) return [client];
  const names = [AUTO, ...CLIENTS.map((candidate) => candidate.name)];
  const near = nearest(name, names);
  throw new UsageError(
    `there is no transport "${name}"; ${near === undefined ? `expected ${names.join(", ")}` : `did you mean ${near}?`}`,
  );
}

function startOf(after: string | undefined, last: string | undefined): Start {
  if (last !== undefined) {
    if (after !== undefined) throw new UsageError("--after and --last don't go together; give one of them");
    if (!/^\d{1,3}$/.test(last) || Number(last) > LAST_MAX)
      throw new UsageError(`--last "${last}" is no number from 0 to ${LAST_MAX}`);
    return { last: Number(last) };
  }
  if (after === undefined || after === "latest") return "latest";
  if (after === "earliest") return "earliest";
  try {
    parseCursor(after);
  } catch {
    throw new UsageError(`--after "${after}" is no cursor; expected one that the gateway gave, earliest or latest`);
  }
  return { cursor: after };
}
