import { mintToken, type JwtAlgorithm, type MintOptions } from "@sluice/access";
import { parseFilter, SluiceError } from "@sluice/core";
import type { Arguments } from "../cli/arguments.ts";
import type { Command, Io } from "../cli/command.ts";
import { CommandError, UsageError, type ExitCode } from "../cli/failure.ts";
import type { JwtConfig } from "../config/config.ts";
import { formatFaults } from "../config/fault.ts";
import { parseDuration } from "../config/quantity.ts";
import { configOptions, loadGiven } from "./config-options.ts";

const EXPIRES = "1h";
const GRANTS = ["read", "publish", "hooks"] as const;

type SecretAlgorithm = NonNullable<MintOptions["algorithm"]>;

/** `sluice token`: mints a token that the gateway of the same configuration takes. */
export const token: Command = {
  usage: "",
  arguments: { min: 0, max: 0 },
  details: [
    "Mints a JWT from the configuration's access.jwt.secret, with its audience and issuer if it asks for them, and " +
      "prints it. For trying things out and for machines; your app mints its users' tokens itself.",
  ],
  options: {
    sub: { value: "SUBJECT", help: "Whose token it is." },
    read: { value: "FILTER", help: "Topics that it may read.", isRepeatable: true },
    publish: { value: "FILTER", help: "Topics that it may publish to.", isRepeatable: true },
    hooks: { value: "FILTER", help: "Topics that it may register hooks on.", isRepeatable: true },
    expires: { value: "DURATION", help: `How long it holds: 30s, 10m, 1h, 7d; ${EXPIRES} unless given.` },
    ...configOptions,
  },
  examples: [
    ["sluice token --read 'orders/**' --expires 10m", "May read all orders for ten minutes."],
    ["SLUICE_TOKEN=$(sluice token --read '**') sluice watch '**'", "Reads with it."],
  ],
  run,
};

async function run(given: Arguments, io: Io): Promise<ExitCode> {
  const expires = given.text("expires") ?? EXPIRES;
  const expiresInMs = parseDuration(expires);
  if (expiresInMs === undefined || expiresInMs === 0) {
    throw new UsageError(`--expires "${expires}" is no duration; expected one like 30s, 10m, 1h or 7d`);
  }
  const [read, publish, hooks] = GRANTS.map((name) => given.texts(name).map((text) => checkFilter(name, text)));
  const loaded = await loadGiven(given, io, "serve");
  if ("faults" in loaded) throw new CommandError(formatFaults(loaded.faults));
  const { jwt } = loaded.config.access;
  if (jwt === null || jwt.secret === null) {
    throw new CommandError(
      "the configuration has no access.jwt.secret to mint with; set it, or SLUICE_ACCESS_JWT_SECRET",
    );
  }
  const subject = given.text("sub");
  const minted = await mintToken({
    secret: jwt.secret,
    algorithm: algorithmOf(jwt),
    subject,
    read,
    publish,
    hooks,
    expiresInMs,
    audience: jwt.audience[0],
    issuer: jwt.issuer[0],
  });
  io.stdout.write(`${minted}\n`);
  return 0;
}

function checkFilter(option: string, text: string): string {
  try {
    return parseFilter(text).text;
  } catch (error) {
    throw error instanceof SluiceError ? new UsageError(`--${option} "${text}" is no filter. ${error.message}`) : error;
  }
}

function algorithmOf(jwt: JwtConfig): SecretAlgorithm {
  const algorithm = jwt.algorithms.find(isSecretAlgorithm);
  if (algorithm === undefined)
    throw new CommandError("access.jwt.algorithms has none that goes with a secret; add HS256");
  return algorithm;
}

function isSecretAlgorithm(algorithm: JwtAlgorithm): algorithm is SecretAlgorithm & JwtAlgorithm {
  return algorithm === "HS256" || algorithm === "HS384" || algorithm === "HS512";
}
