import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { childrenOf, configSchema, shapeOf } from "../src/config/schema.ts";
import type { SchemaNode } from "../src/config/schema.ts";

/** The page that explains the configuration to users; between its marks stands what this file makes of the schema. */
export const pagePath: string = fileURLToPath(new URL("../../../docs/configuration.md", import.meta.url));

/** The command that brings the page up to date. */
export const command = "npx node apps/gateway/test/config-reference.ts";

const BEGIN = `<!-- Made from apps/gateway/sluice.schema.json by: ${command} -->`;
const END = "<!-- End of what is made from the schema. -->";

/** The page with the part between its marks made anew. */
export function withReference(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/configuration.md lacks its marks: ${BEGIN} … ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${reference()}\n${page.slice(end)}`;
}

function reference(): string {
  const sections = childrenOf(configSchema).map(([name, node]) => section(name, node));
  return [...sections, grammars()].join("\n");
}

function section(name: string, node: SchemaNode): string {
  const rows = childrenOf(node).length === 0 && node.items === undefined ? [row(name, node)] : rowsOf(name, node);
  // The section's own row, where it can be something else than an object.
  if (node.type !== "object" && node.properties !== undefined) rows.unshift(row(name, node));
  if (node.items !== undefined) rows.unshift(row(name, node));
  const reload = node["x-reload"] === true ? " Reloaded on SIGHUP." : "";
  return [
    `### \`${name}\``,
    "",
    `${node.description ?? ""}${reload}`,
    "",
    table(["Key", "Value", "Default", "Meaning"], rows),
  ].join("\n");
}

function rowsOf(path: string, node: SchemaNode): string[][] {
  const inner = node.items?.properties === undefined ? node : node.items;
  const prefix = inner === node ? path : `${path}[]`;
  return childrenOf(inner).flatMap(([name, child]) => {
    const key = `${prefix}.${name}`;
    const own = child.properties !== undefined && child.type === "object" ? [] : [row(key, child, inner)];
    return [
      ...own,
      ...(child.properties === undefined && child.items?.properties === undefined ? [] : rowsOf(key, child)),
    ];
  });
}

function row(key: string, node: SchemaNode, parent?: SchemaNode): string[] {
  const name = key.split(".").at(-1) ?? "";
  const isRequired = parent?.required?.includes(name) === true;
  const reload = node["x-reload"] === true && parent !== undefined ? " Reloaded on SIGHUP." : "";
  return [
    `\`${key}\``,
    valueText(node),
    isRequired ? "required" : defaultText(node),
    `${node.description ?? ""}${reload}`,
  ];
}

function valueText(node: SchemaNode): string {
  const { types, kind } = shapeOf(node);
  const choices: string[] = [];
  if (kind !== undefined)
    choices.push(`[${configSchema.$defs?.[kind]?.title}](#values)${range(node["x-minimum"], node["x-maximum"])}`);
  else if (node.enum !== undefined) choices.push(node.enum.map((value) => `\`${value}\``).join(", "));
  else if (types.has("integer"))
    choices.push(`whole number${range(node.minimum?.toString(), node.maximum?.toString())}`);
  else if (types.has("string")) choices.push("text");
  if (types.has("array")) choices.push(`list${node.items === undefined ? "" : ` of ${valueText(node.items)}`}`);
  if (types.has("object")) choices.push("object");
  if (types.has("boolean")) choices.push("`true`, `false`");
  if (types.has("null")) choices.push("`null`");
  return choices.join(" or ");
}

function range(least: string | undefined, greatest: string | undefined): string {
  if (least === undefined && greatest === undefined) return "";
  if (least === undefined) return `, at most ${greatest}`;
  return greatest === undefined ? `, at least ${least}` : `, ${least} to ${greatest}`;
}

function defaultText(node: SchemaNode): string {
  if (node["x-default"] !== undefined) return node["x-default"];
  if (node.default !== undefined)
    return `\`${typeof node.default === "string" ? node.default : JSON.stringify(node.default)}\``;
  return shapeOf(node).types.has("boolean") ? "on, with the defaults below" : "";
}

function grammars(): string {
  const rows = Object.values(configSchema.$defs ?? {}).map(({ title = "", description = "", examples = [] }) => [
    title,
    description,
    examples.map((example) => `\`${example}\``).join(", "),
  ]);
  return ["### Values", "", table(["Value", "What it is", "Examples"], rows)].join("\n");
}

// Padded as oxfmt pads tables, so that making the page and formatting it agree.
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((texts) => texts.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((texts) => texts[column]?.length ?? 0)));
  const line = (texts: readonly string[], filler = " "): string =>
    `| ${widths.map((width, column) => (texts[column] ?? "").padEnd(width, filler)).join(" | ")} |`;
  const [first = [], ...others] = cells;
  return [line(first), line([], "-"), ...others.map((texts) => line(texts)), ""].join("\n");
}

if (import.meta.main) await writeFile(pagePath, withReference(await readFile(pagePath, "utf8")));
