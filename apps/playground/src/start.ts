import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { mintToken } from "@sluice/access";
import { banner } from "./banner.ts";
import { Cook } from "./cook.ts";
import { GatewayKeeper } from "./gateway/gateway-keeper.ts";
import { helpText, OptionError, readOptions, type StartOptions } from "./options.ts";
import { renderPage } from "./page.ts";
import { checkFree } from "./ports.ts";
import { runShop } from "./shop/run-shop.ts";
import { openStage } from "./stage/stage.ts";

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

/** Something that runs, and how it is ended. */
type Closing = () => Promise<void>;

/** Opens everything and stays until a signal ends it. */
async function start(options: StartOptions): Promise<void> {
  await checkFree(options.pagePort, "page-port");
  await checkFree(options.publicPort, "public-port");
  await checkFree(options.adminPort, "admin-port");
  await checkFree(options.xmppPort, "xmpp-port");
  await checkFree(options.shopPort, "shop-port");
  /** What has been opened, the newest last: clients before the gateway, the gateway before the app. */
  const opened: Closing[] = [];
  let gateway: GatewayKeeper | undefined;
  let isOpen = false;
  let isStopping = false;

  // A second signal does not wait.
  async function stop(): Promise<void> {
    if (isStopping) return gateway?.abandon();
    isStopping = true;
    // Ctrl-C in a terminal is a signal to both processes.
    gateway?.letGo();
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
    // Known to this process and its gateway alone, and to nobody tomorrow.
    const jwtSecret = randomBytes(32).toString("base64url");
    const shop = await runShop({ port: options.shopPort, page: () => page });
    opened.push(() => shop.close());
    const kept = new GatewayKeeper({
      app: shop.url,
      publicPort: options.publicPort,
      adminPort: options.adminPort,
      xmppPort: options.xmppPort,
      data: options.data ?? DATA,
      jwtSecret,
      environment: process.env,
      say,
      onGivenUp: (error) => void fail(error),
    });
    gateway = kept;
    opened.push(() => kept.stop());
    const at = await kept.start();
    if (isStopping) return;
    const cook = new Cook({
      shop: at.public,
      speed: options.speed,
      onTrouble: (reason) => {
        say(reason === null ? "The cook reaches the shop again." : `The cook can't reach the shop: ${reason}`);
      },
    });
    opened.push(() => cook.close());
    cook.start();
    const hookToken = await mintToken({ secret: jwtSecret, subject: "parlour", hooks: ["orders", "orders/**"] });
    const stage = await openStage({ port: options.pagePort, gateway: kept, hookToken, cook });
    opened.push(() => stage.close());
    if (isStopping) return stage.close();
    const addresses = {
      page: localUrl(stage.url),
      front: localUrl(at.public),
      admin: localUrl(at.admin),
      app: localUrl(shop.url),
      xmpp: localUrl(at.xmpp),
    };
    page = renderPage(addresses);
    isOpen = true;
    say(banner(addresses, kept.pid));
  }

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop());
  process.on("exit", () => gateway?.abandon());
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
