import schemaFile from "../../sluice.schema.json" with { type: "json" };

/** The part of JSON Schema (2020-12) that `sluice.schema.json` uses, with notes of our own (`x-…`). */
export interface SchemaNode {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly examples?: readonly (string | number)[];
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  /** A secret: its value is never shown. */
  readonly writeOnly?: boolean;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
  /** The least and greatest duration or size, as text. */
  readonly "x-minimum"?: string;
  readonly "x-maximum"?: string;
  /** What holds where nothing is set and no constant says it; for readers of the reference. */
  readonly "x-default"?: string;
  /** The name of the key in `Config`, where it doesn't follow the rule of {@link propertyName}. */
  readonly "x-property"?: string;
  /** Of an object: the key that a text alone stands for. */
  readonly "x-shorthand"?: string;
  /** Takes effect on SIGHUP, with everything in it. */
  readonly "x-reload"?: boolean;
}

/** The schema that is published with the project: the one table of keys, defaults and descriptions. */
export const configSchema: SchemaNode = schemaFile;

/** What a node of the schema lets in. */
export interface Shape {
  readonly types: ReadonlySet<string>;
  /** The name in `$defs` of a text or number with a grammar of its own. */
  readonly kind: string | undefined;
}

const shapes = new WeakMap<SchemaNode, Shape>();

/** Reads a node's `type`, `enum`, `$ref` and `anyOf`. */
export function shapeOf(node: SchemaNode): Shape {
  let shape = shapes.get(node);
  if (shape === undefined) {
    shape = readShape(node);
    shapes.set(node, shape);
  }
  return shape;
}

function readShape(node: SchemaNode): Shape {
  const parts = (node.anyOf ?? [node]).map((part) => {
    const kind = part.$ref?.replace("#/$defs/", "");
    const target = kind === undefined ? part : configSchema.$defs?.[kind];
    if (target === undefined) throw new TypeError(`The schema has no $defs/${kind}`);
    return { kind, types: target.enum === undefined ? [target.type ?? []].flat() : ["string"] };
  });
  return {
    types: new Set(parts.flatMap((part) => part.types)),
    kind: parts.find((part) => part.kind !== undefined)?.kind,
  };
}

/** The named children of a node, without `$schema`, which is for editors only. */
export function childrenOf(node: SchemaNode): readonly (readonly [string, SchemaNode])[] {
  return Object.entries(node.properties ?? {}).filter(([key]) => !key.startsWith("$"));
}

/** Whether the node or something in it is a secret. */
export function hasSecret(node: SchemaNode): boolean {
  if (node.writeOnly === true) return true;
  return [...Object.values(node.properties ?? {}), ...(node.items === undefined ? [] : [node.items])].some(hasSecret);
}

/**
 * The name of a key in `Config`: camel case, with the unit at its end (`Ms` for durations, `Bytes` for sizes), or
 * the schema's `x-property`.
 */
export function propertyName(key: string, node: SchemaNode): string {
  if (node["x-property"] !== undefined) return node["x-property"];
  const camel = key.replace(/[-_]([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const kind = shapeOf(node.items ?? node).kind;
  if (kind === "duration") return `${camel}Ms`;
  return kind === "size" ? `${camel}Bytes` : camel;
}
