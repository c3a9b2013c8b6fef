import { parseArgs } from "node:util";
import { buildGenerator } from "./generator.ts";
import { table } from "./report.ts";
import { fanOut, idle, rate, type Row } from "./scenarios.ts";
import { SERVERS, type Kind, type ServerKind } from "./server.ts";

const SCENARIOS: Readonly<Record<string, (kind: Kind, server: ServerKind) => Promise<Row>>> = {
  "fan-out": fanOut,
  idle,
  rate,
};

const HELP = `usage: npm run bench -- [--scenario fan-out,idle,rate] [--kind ws,sse] [--server NAME,…] [--rounds 3] [--json]

Measures the gateway beside peers in the same run: CPU per delivery, memory per idle reader, highest rate.
Servers: ${SERVERS.map(({ name }) => name).join(", ")} (nchan-2w needs nginx with its nchan module).
Needs Linux and a C compiler. Takes about 20 s for each server, kind and scenario, and three minutes for "rate".
`;

const { values } = parseArgs({
  options: {
    scenario: { type: "string", default: "fan-out,idle" },
    kind: { type: "string", default: "ws,sse" },
    server: { type: "string", default: "sluice,sluice-memory,ws-tuned" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** The named ones of a list. @throws if there is none of that name */
function chosen<Item>(names: string, all: readonly Item[], nameOf: (item: Item) => string): readonly Item[] {
  return names.split(",").map((name) => {
    const found = all.find((item) => nameOf(item) === name);
    if (found === undefined) throw new Error(`there is no ${name}: choose from ${all.map(nameOf).join(", ")}`);
    return found;
  });
}

async function measure(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const kinds = chosen<Kind>(values.kind, ["ws", "sse"], String);
  const servers = chosen(values.server, SERVERS, ({ name }) => name);
  for (const [name, scenario] of chosen(values.scenario, Object.entries(SCENARIOS), ([key]) => key)) {
    // One round of all servers after the other, since a machine's speed drifts.
    const rounds = name === "fan-out" ? Number(values.rounds) : 1;
    for (const kind of kinds) {
      for (let round = 1; round <= rounds; round += 1) {
        for (const server of servers.filter((candidate) => candidate.subscribe(kind) !== null)) {
          process.stderr.write(`${name}, ${kind}, ${server.name}, round ${round} of ${rounds}\n`);
          // Side by side they would measure each other.
          // oxlint-disable-next-line no-await-in-loop
          rows.push(await scenario(kind, server));
        }
      }
    }
  }
  return rows;
}

if (values.help) {
  process.stdout.write(HELP);
} else {
  try {
    await buildGenerator();
    const rows = await measure();
    process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : table(rows));
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
