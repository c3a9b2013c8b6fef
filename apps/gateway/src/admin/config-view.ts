import type { Config } from "../config/config.ts";
import { childrenOf, configSchema, propertyName, type SchemaNode } from "../config/schema.ts";

const HIDDEN = "(set)";

/** The configuration under the names of its file, with its secrets hidden: for the eyes of operators. */
export function configView(config: Config): unknown {
  return view(configSchema, config);
}

function view(node: SchemaNode, value: unknown): unknown {
  if (node.writeOnly === true) return value === null ? null : HIDDEN;
  if (Array.isArray(value)) return value.map((item) => (node.items === undefined ? item : view(node.items, item)));
  const children = childrenOf(node);
  if (typeof value !== "object" || value === null || children.length === 0) return value;
  const properties = value as Readonly<Record<string, unknown>>;
  const shown: [string, unknown][] = [];
  for (const [name, child] of children) {
    const property = propertyName(name, child);
    if (Object.hasOwn(properties, property)) shown.push([shownName(name, property), view(child, properties[property])]);
  }
  return Object.fromEntries(shown);
}

/** A number without its unit would be misread. */
function shownName(name: string, property: string): string {
  if (property.endsWith("Ms")) return `${name}_ms`;
  return property.endsWith("Bytes") ? `${name}_bytes` : name;
}
