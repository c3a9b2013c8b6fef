import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { GatewayProcess } from "./gateway-process.ts";
import { helpText, OptionError, readOptions, type StartOptions } from "./options.ts";
import { checkFree } from "./ports.ts";
import { localUrl, runShop, type RunningShop } from "./run-shop.ts";
import { orderCommand, watchCommands, type Addresses } from "./try-it.ts";

const DATA = fileURLToPath(new URL("../data", import.meta.url));
const PUBLISH_BEFORE_CLOSING_MS = 2_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(error: unknown): void {
  process.stderr.write(`sluice: ${(error as Error).message}\n`);
}

function banner(addresses: Addresses, pid: number | undefined): string {
  const bold = (text: string): string => styleText("bold", text);
  const row = (title: string, text: string): string => `  ${title.padEnd(20)}${text}`;
  return [
    "",
    `${bold("The pizza parlour is open.")} Ctrl-C closes it.`,
    "",
    row("Page", bold(addresses.shop)),
    row("Gateway", `${addresses.gateway} (publishing, health, metrics: ${addresses.admin}, process ${pid})`),
    "",
    `${bold("Watch,")} each in a terminal of its own, in this folder:`,
    "",
    ...watchCommands(addresses).map(({ title, command }) => row(title, command)),
    "",
    bold("Then order:"),
    "",
    row("", styleText("yellow", orderCommand(addresses).command)),
    "",
  ].join("\n");
}

/** Opens everything and stays until a signal ends it. */
async function start(options: StartOptions): Promise<void> {
  await checkFree(options.publicPort, "public-port");
  await checkFree(options.adminPort, "admin-port");
  await checkFree(options.shopPort, "shop-port");
  const gateway = new GatewayProcess({
    publicPort: options.publicPort,
    adminPort: options.adminPort,
    data: options.data ?? DATA,
    environment: process.env,
    say,
    onLost: () => {
      say("The gateway has ended and is started again. The shop goes on, and tells it later.");
      gateway.start().then(() => say(`The gateway is back, as process ${gateway.pid}.`), fail);
    },
  });
  let shop: RunningShop | undefined;
  let isStopping = false;

  // The shop first, so that what it still has to tell finds the gateway alive. A second signal does not wait.
  async function stop(): Promise<void> {
    if (isStopping) return gateway.kill();
    isStopping = true;
    await shop?.close(PUBLISH_BEFORE_CLOSING_MS);
    await gateway.stop();
    if (shop !== undefined) say("\nThe pizza parlour is closed.");
  }

  async function fail(error: unknown): Promise<void> {
    if (isStopping) return;
    complain(error);
    process.exitCode = 1;
    await stop();
  }

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop());
  process.on("exit", () => gateway.kill());

  try {
    const at = await gateway.start();
    shop = await runShop({
      port: options.shopPort,
      gateway: localUrl(at.public),
      admin: at.admin,
      speed: options.speed,
      onTrouble: (reason) => {
        say(reason === null ? "Publishing works again." : `Publishing waits for the gateway: ${reason}`);
      },
    });
    if (isStopping) return await shop.close(0);
    say(banner({ shop: shop.url, gateway: localUrl(at.public), admin: localUrl(at.admin) }, gateway.pid));
  } catch (error) {
    await fail(error);
  }
}

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === null) say(helpText());
  else await start(options);
} catch (error) {
  complain(error);
  process.exitCode = error instanceof OptionError ? 2 : 1;
}
