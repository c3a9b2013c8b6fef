import { readFileSync } from "node:fs";
import { MENU } from "./shop/menu.ts";
import { orderCommand, watchCommands, type Addresses, type Command } from "./try-it.ts";

const TEMPLATE = readFileSync(new URL("page.html", import.meta.url), "utf8");

/** The shop's page: what to copy into a terminal to see the transports at work. */
export function renderPage(addresses: Addresses): string {
  const parts: Readonly<Record<string, string>> = {
    watch: watchCommands(addresses).map(card).join("\n"),
    order: card(orderCommand(addresses)),
    menu: MENU.map(
      ({ name, toppings, bakingMs }) =>
        `<tr><th scope="row"><code>${escape(name)}</code></th><td>${escape(toppings.join(", "))}</td>` +
        `<td>${bakingMs / 1000}&nbsp;s</td></tr>`,
    ).join("\n"),
    page: escape(addresses.page),
    front: escape(addresses.front),
    admin: escape(addresses.admin),
    app: escape(addresses.app),
  };
  return TEMPLATE.replace(/\{\{(\w+)\}\}/g, (_placeholder, name: string) => parts[name] ?? "");
}

function card({ title, what, command }: Command): string {
  return (
    `<article><h3>${escape(title)}</h3><p>${escape(what)}</p>` +
    `<div class="command"><pre><code>${words(command)}</code></pre>` +
    `<button type="button" aria-label="Copy the command: ${escape(title)}">Copy</button></div></article>`
  );
}

/** Each word in an element of its own, so that lines break between words and not at hyphens. */
function words(command: string): string {
  return command
    .split(" ")
    .map((word) => `<span>${escape(word)}</span>`)
    .join(" ");
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
