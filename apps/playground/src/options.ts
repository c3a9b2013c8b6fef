import { parseArgs } from "node:util";

/** What can be said to `npm start`. */
export interface StartOptions {
  /** Port of the page. */
  readonly pagePort: number;
  /** Port of the gateway's public listener; 0 is any free one. */
  readonly publicPort: number;
  /** Port of the gateway's admin listener. */
  readonly adminPort: number;
  /** Port of the gateway's XMPP listener. */
  readonly xmppPort: number;
  /** Port of the shop. */
  readonly shopPort: number;
  /** How many times faster than on the menu pizzas are made. */
  readonly speed: number;
  /** Folder of the gateway's log; `null` for the playground's own. */
  readonly data: string | null;
}

/** A flag or variable that can't be used; the message says what is expected. */
export class OptionError extends Error {}

/** The flags, and the variable that says the same. The flag wins. */
export const FLAGS = {
  "page-port": { variable: "PLAYGROUND_PAGE_PORT", fallback: "8082", what: "the port of the page" },
  "public-port": {
    variable: "PLAYGROUND_PUBLIC_PORT",
    fallback: "8080",
    what: "the gateway's port for clients, and the shop's",
  },
  "admin-port": { variable: "PLAYGROUND_ADMIN_PORT", fallback: "8081", what: "the gateway's port for publishing" },
  "xmpp-port": { variable: "PLAYGROUND_XMPP_PORT", fallback: "5222", what: "the gateway's port for XMPP clients" },
  "shop-port": { variable: "PLAYGROUND_SHOP_PORT", fallback: "3000", what: "the port of the app behind the gateway" },
  speed: { variable: "PLAYGROUND_SPEED", fallback: "1", what: "how many times faster pizzas are made" },
  data: { variable: "PLAYGROUND_DATA", fallback: "", what: "the folder of the gateway's log" },
} as const;

type Flag = keyof typeof FLAGS;

/** What `--help` shows. */
export function helpText(): string {
  const lines = Object.entries(FLAGS).map(
    ([flag, { variable, fallback, what }]) =>
      `  --${flag.padEnd(13)} ${what}${fallback === "" ? "" : ` (${fallback})`}; also ${variable}`,
  );
  return `Starts the pizza parlour and the gateway.\n\n  npm start -- [flags]\n\n${lines.join("\n")}\n`;
}

/**
 * Reads flags and variables. `null`: help was asked for.
 * @throws {OptionError}
 */
export function readOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): StartOptions | null {
  const values = parse(args);
  if (values.help === true) return null;
  const textOf = (flag: Flag): string => values[flag] ?? environment[FLAGS[flag].variable] ?? FLAGS[flag].fallback;
  const data = textOf("data");
  return {
    pagePort: portOf("page-port", textOf("page-port")),
    publicPort: portOf("public-port", textOf("public-port")),
    adminPort: portOf("admin-port", textOf("admin-port")),
    xmppPort: portOf("xmpp-port", textOf("xmpp-port")),
    shopPort: portOf("shop-port", textOf("shop-port")),
    speed: speedOf(textOf("speed")),
    data: data === "" ? null : data,
  };
}

type Values = { readonly [flag in Flag]?: string } & { readonly help?: boolean };

function parse(args: readonly string[]): Values {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        "page-port": text,
        "public-port": text,
        "admin-port": text,
        "xmpp-port": text,
        "shop-port": text,
        speed: text,
        data: text,
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new OptionError(`${(error as Error).message.split(". ")[0]}. See npm start -- --help.`);
  }
}

function portOf(flag: Flag, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 0 && port <= 65_535) return port;
  throw new OptionError(`--${flag} must be a port number, 0 to 65535.`);
}

function speedOf(text: string): number {
  const speed = Number(text);
  if (text !== "" && speed > 0 && speed <= 10_000) return speed;
  throw new OptionError("--speed must be a number above 0, at most 10000.");
}
