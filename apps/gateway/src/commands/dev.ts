import { createServer } from "node:net";
import { styleText } from "node:util";
import type { Command } from "../cli/command.ts";
import type { Config } from "../config/config.ts";
import type { Gateway } from "../gateway.ts";
import { DEMO_RESOURCES, DemoApp } from "../demo/demo-app.ts";
import { version } from "../version.ts";
import { configOptions } from "./config-options.ts";
import { runGateway } from "./run-gateway.ts";

/** Where XMPP clients look (RFC 6120 §14.7). */
const XMPP_PORT = 5222;

/** `sluice dev`: the gateway as it is good to try out, in front of a demo app unless `app` names another. */
export const dev: Command = {
  usage: "",
  arguments: { min: 0, max: 0 },
  details: [
    "Needs no configuration: everybody may read everything, and a demo app stands behind it: notes, and a page that " +
      "shows them. A configuration that is there is used all the same; --set app=http://127.0.0.1:3000 puts your own app " +
      "behind it, --no-demo none. The log is kept in the folder data; --set log.kind=memory keeps none. For trying things " +
      "out, not for the open net.",
  ],
  options: { ...configOptions, "no-demo": { help: "No demo app behind it." } },
  examples: [
    ["sluice dev", "Runs it on 8080, and 8081 for publishing."],
    ["sluice dev --set public.listen=127.0.0.1:9080 --set log.kind=memory", "On another port, leaving nothing behind."],
  ],
  async run(given, io) {
    const isXmppPortFree = await isFree(XMPP_PORT);
    const demo = given.has("no-demo") ? null : await DemoApp.start();
    const complete = (config: Config): Config => {
      const movable = isXmppPortFree ? config : withoutXmppPort(config);
      return demo === null || config.app !== null
        ? movable
        : { ...movable, app: demo.config, resources: DEMO_RESOURCES };
    };
    try {
      return await runGateway(given, io, { mode: "dev", greeting, complete });
    } finally {
      await demo?.close();
    }
  },
};

/** Any free port in place of the one where something else listens, another `dev` or an XMPP server. */
function withoutXmppPort(config: Config): Config {
  const { xmpp } = config.transports;
  if (xmpp === false || xmpp.tcp === false || xmpp.tcp.listen.port !== XMPP_PORT) return config;
  const tcp = { ...xmpp.tcp, listen: { ...xmpp.tcp.listen, port: 0 } };
  return { ...config, transports: { ...config.transports, xmpp: { ...xmpp, tcp } } };
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createServer();
  probe.once("error", () => resolve(false));
  probe.listen({ port, host: "127.0.0.1" }, () => probe.close(() => resolve(true)));
  return promise;
}

function greeting(
  { publicUrl, adminUrl, xmppPorts }: Gateway,
  { public: front, transports, resources }: Config,
): string {
  const url = `${publicUrl}${front.prefix}/events?topic=hello`;
  const lines: readonly (readonly [string, string] | false)[] = [
    transports.polling !== false && ["polling", `curl '${url}&after=earliest'`],
    transports.longPolling !== false && ["long-polling", `curl '${url}&wait=30'`],
    transports.sse !== false && ["sse", `curl -N -H 'Accept: text/event-stream' '${url}'`],
    transports.websocket !== false && [
      "websocket",
      `sluice watch hello --transport websocket --url ${publicUrl}${front.prefix}`,
    ],
    transports.xmpp !== false && [
      "xmpp",
      `any client: ANONYMOUS at ${transports.xmpp.domain}, node hello of pubsub.${transports.xmpp.domain}; by ` +
        [
          ...xmppPorts.slice(0, 1).map((port) => `127.0.0.1:${port}`),
          `${publicUrl.replace("http", "ws")}${front.prefix}/xmpp`,
        ].join(" or "),
    ],
    ["publish", `curl -d '{"topic":"hello","data":"world"}' -H 'Content-Type: application/json' ${adminUrl}/events`],
  ];
  const shown = lines.filter((line) => line !== false).map(([name, call]) => `  ${name.padEnd(14)}${call}\n`);
  const title = styleText("bold", `sluice ${version}, for trying out: everybody may read everything`);
  const demo = resources === DEMO_RESOURCES ? `  demo app      ${publicUrl} (open it in two windows)\n` : "";
  return `\n${title}\n\n${demo}  public        ${publicUrl}${front.prefix}\n  admin         ${adminUrl}\n\n${shown.join("")}\n`;
}
