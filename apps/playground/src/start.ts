import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { Cook } from "./cook.ts";
import { GatewayProcess } from "./gateway/gateway-process.ts";
import { helpText, OptionError, readOptions, type StartOptions } from "./options.ts";
import { renderPage } from "./page.ts";
import { checkFree } from "./ports.ts";
import { runShop } from "./shop/run-shop.ts";
import { orderCommand, watchCommands, type Addresses } from "./try-it.ts";

const DATA = fileURLToPath(new URL("../data", import.meta.url));

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(error: unknown): void {
  process.stderr.write(`sluice: ${(error as Error).message}\n`);
}

/** The same address with the name that people type. */
function localUrl(address: string): string {
  return address.replace("//127.0.0.1:", "//localhost:").replace(/\/$/, "");
}

function banner(addresses: Addresses, pid: number | undefined): string {
  const bold = (text: string): string => styleText("bold", text);
  const row = (title: string, text: string): string => `  ${title.padEnd(20)}${text}`;
  return [
    "",
    `${bold("The pizza parlour is open.")} Ctrl-C closes it.`,
    "",
    row("Page", bold(addresses.front)),
    row("Gateway", `${addresses.front} (publishing, health, metrics: ${addresses.admin}, process ${pid})`),
    row("The app behind it", `${addresses.app} (it knows nothing of the gateway)`),
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

/** Something that runs, and how it is ended. */
type Closing = () => Promise<void>;

/** Opens everything and stays until a signal ends it. */
async function start(options: StartOptions): Promise<void> {
  await checkFree(options.publicPort, "public-port");
  await checkFree(options.adminPort, "admin-port");
  await checkFree(options.xmppPort, "xmpp-port");
  await checkFree(options.shopPort, "shop-port");
  /** What has been opened, the newest last: clients before the gateway, the gateway before the app. */
  const opened: Closing[] = [];
  let gateway: GatewayProcess | undefined;
  let isOpen = false;
  let isStopping = false;

  // A second signal does not wait.
  async function stop(): Promise<void> {
    if (isStopping) return gateway?.kill();
    isStopping = true;
    // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
    for (const close of opened.toReversed()) await close();
    if (isOpen) say("\nThe pizza parlour is closed.");
  }

  async function fail(error: unknown): Promise<void> {
    if (isStopping) return;
    complain(error);
    process.exitCode = 1;
    await stop();
  }

  async function open(): Promise<void> {
    let page = "";
    const shop = await runShop({ port: options.shopPort, page: () => page });
    opened.push(() => shop.close());
    const running = new GatewayProcess({
      app: shop.url,
      publicPort: options.publicPort,
      adminPort: options.adminPort,
      xmppPort: options.xmppPort,
      data: options.data ?? DATA,
      environment: process.env,
      say,
      onLost: () => {
        // Ctrl-C in a terminal is a signal to both processes.
        if (isStopping) return;
        say("The gateway has ended and is started again.");
        running.start().then(() => say(`The gateway is back, as process ${running.pid}.`), fail);
      },
    });
    gateway = running;
    opened.push(() => running.stop());
    const at = await running.start();
    if (isStopping) return;
    const addresses = {
      front: localUrl(at.public),
      admin: localUrl(at.admin),
      app: localUrl(shop.url),
      xmpp: localUrl(at.xmpp),
    };
    page = renderPage(addresses);
    const cook = new Cook({
      shop: at.public,
      speed: options.speed,
      onTrouble: (reason) => {
        say(reason === null ? "The cook reaches the shop again." : `The cook can't reach the shop: ${reason}`);
      },
    });
    opened.push(() => cook.close());
    cook.start();
    isOpen = true;
    say(banner(addresses, running.pid));
  }

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop());
  process.on("exit", () => gateway?.kill());
  try {
    await open();
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
