import { check } from "./checks.ts";
import type { Mode } from "./checks.ts";
import type { Config } from "./config.ts";
import { readConfigFile } from "./config-file.ts";
import { complete, deepFreeze } from "./draft.ts";
import type { Draft } from "./draft.ts";
import { CONFIG_VARIABLE, readEnvironment } from "./environment.ts";
import type { Environment } from "./environment.ts";
import { DEFAULT_ORIGIN } from "./fault.ts";
import type { Fault, Origin } from "./fault.ts";
import { merge } from "./merge.ts";
import { readOverrides } from "./override.ts";
import type { Override } from "./override.ts";
import { readPem } from "./public-key.ts";
import { Resolver } from "./resolver.ts";
import { configSchema } from "./schema.ts";
import { originOf, treeOf } from "./tree.ts";
import type { Tree } from "./tree.ts";

/** Where the configuration comes from. Later sources win: defaults, file, environment, overrides. */
export interface LoadOptions {
  /** The file; without it `SLUICE_CONFIG`, else the first of `sluice.yaml`, `sluice.yml`, `sluice.json` that is there. */
  readonly path?: string | undefined;
  readonly env: Environment;
  readonly overrides?: readonly Override[];
  readonly mode: Mode;
  /** Where the default files are looked for; default: the working directory. */
  readonly directory?: string;
  /** Variables with the prefix `SLUICE_` that belong to the command and are no keys. */
  readonly otherVariables?: readonly string[];
}

/** A configuration and the file that it is from (null: none), or everything that is wrong with it. */
export type LoadResult =
  | { readonly config: Config; readonly file: string | null }
  | { readonly faults: readonly Fault[] };

/** What `dev` sets under everything else. */
const devDefaults: Readonly<Record<string, unknown>> = deepFreeze({
  access: { public: ["**"] },
  transports: {
    comet: true,
    "rest-hooks": {
      http: true,
      allow: [{ cidr: "127.0.0.0/8" }, { cidr: "::1" }],
      trusted: ["*"],
      anonymous: true,
    },
    xmpp: true,
  },
});

/** The configuration where nothing is set. `serve` wants a source of grants beside it. */
export const defaultConfig: Config = deepFreeze(
  complete(new Resolver().resolve(configSchema, undefined, "") as Draft, undefined),
);

/** Reads and checks the configuration. All faults are found in one run; none is thrown. */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const { env, overrides = [], mode, directory = ".", otherVariables } = options;
  const named = options.path ?? (env[CONFIG_VARIABLE] === "" ? undefined : env[CONFIG_VARIABLE]);
  const fromFile = await readConfigFile(named, directory);
  const layers = [fromFile, readEnvironment(env, otherVariables), readOverrides(overrides)];
  const faults = layers.flatMap((layer) => layer.faults);
  // What is missing can't be told before the file can be read.
  if (fromFile.isUnreadable) return { faults };

  let tree: Tree | undefined = mode === "dev" ? treeOf(devDefaults, DEFAULT_ORIGIN) : undefined;
  for (const layer of layers) if (layer.tree !== undefined) tree = merge(tree, layer.tree, configSchema);
  const whole: Origin = fromFile.file === null ? DEFAULT_ORIGIN : { kind: "file", file: fromFile.file, line: 1 };
  return resolveTree({ tree, faults, whole, file: fromFile.file, mode });
}

const PUBLIC_KEY = "access.jwt.public_key";

interface Sources {
  readonly tree: Tree | undefined;
  readonly faults: readonly Fault[];
  readonly whole: Origin;
  readonly file: string | null;
  readonly mode: Mode;
}

async function resolveTree({ tree, faults: earlier, whole, file, mode }: Sources): Promise<LoadResult> {
  const resolver = new Resolver();
  const draft = resolver.resolve(configSchema, tree, "") as Draft;
  const pem = draft.access.jwt?.publicKey ?? undefined;
  const publicKey = pem === undefined ? undefined : await readPem(pem);
  const hasPem = publicKey !== undefined && "pem" in publicKey;
  const config = complete(draft, hasPem ? publicKey.pem : undefined);
  const faults = [...earlier, ...resolver.faults];
  if (publicKey !== undefined && !hasPem) {
    faults.push({ origin: originOf(tree, [PUBLIC_KEY]) ?? whole, key: PUBLIC_KEY, message: publicKey.problem });
  }
  const pemAlgorithms = hasPem ? publicKey.algorithms : undefined;
  faults.push(...(await check({ draft, config, tree, origin: whole, mode, pemAlgorithms, faults })));
  return faults.length === 0 ? { config: deepFreeze(config), file } : { faults: inOrder(faults) };
}

// As one reads the file, then what is not in it.
function inOrder(faults: readonly Fault[]): readonly Fault[] {
  const lineOf = ({ origin }: Fault): number => (origin.kind === "file" ? (origin.line ?? Infinity) : Infinity);
  return faults
    .map((fault) => ({ fault, line: lineOf(fault) }))
    .sort((left, right) => (left.line === right.line ? 0 : left.line - right.line))
    .map(({ fault }) => fault);
}
