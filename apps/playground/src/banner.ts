import { styleText } from "node:util";
import { orderCommand, watchCommands, type Addresses } from "./try-it.ts";

/** What `npm start` prints when everything is open. */
export function banner(addresses: Addresses, gatewayPid: number | undefined): string {
  const { page, front, admin, app } = addresses;
  const bold = (text: string): string => styleText("bold", text);
  const row = (title: string, text: string): string => `  ${title.padEnd(20)}${text}`;
  return [
    "",
    `${bold("The pizza parlour is open:")} ${styleText(["bold", "yellow"], page)}`,
    "",
    row("Gateway", `${front} (publishing, health, metrics: ${admin}, process ${gatewayPid})`),
    row("The app behind it", `${app} (it knows nothing of the gateway)`),
    "",
    `${bold("Watch,")} each in a terminal of its own, in this folder:`,
    "",
    ...watchCommands(addresses).map(({ title, command }) => row(title, command)),
    "",
    bold("Then order:"),
    "",
    row("", styleText("yellow", orderCommand(addresses).command)),
    "",
    "Ctrl-C closes everything.",
    "",
  ].join("\n");
}
