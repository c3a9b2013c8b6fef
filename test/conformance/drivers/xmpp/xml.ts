import { SaxesParser, type SaxesTagNS } from "saxes";

/** An element as it came, its text unescaped. */
export class Xml {
  readonly name: string;
  readonly ns: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: Xml[] = [];
  text = "";

  constructor(tag: SaxesTagNS) {
    this.name = tag.local;
    this.ns = tag.uri;
    this.attributes = new Map(Object.values(tag.attributes).map(({ name, value }) => [name, value]));
  }

  /** The first child of that name. */
  child(name: string): Xml | undefined {
    return this.children.find((child) => child.name === name);
  }

  /** The first of that name in it, however deep. */
  find(name: string): Xml | undefined {
    for (const child of this.children) {
      const found = child.name === name ? child : child.find(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  attribute(name: string): string | undefined {
    return this.attributes.get(name);
  }
}

/** Reads XML as it comes, and hands over each element that is whole and so many levels below the root. */
export class XmlStream {
  readonly #parser = new SaxesParser({ xmlns: true });
  readonly #open: Xml[] = [];

  /** @param depth 0: the root itself; 1: its children */
  constructor(depth: 0 | 1, received: (element: Xml) => void) {
    this.#parser.on("opentag", (tag) => {
      const element = new Xml(tag);
      this.#open.at(-1)?.children.push(element);
      this.#open.push(element);
      // A stream has no end that could be waited for: what has been handed over is let go.
      if (depth === 1 && this.#open.length === 2) this.#open[0]?.children.splice(0);
    });
    this.#parser.on("text", (text) => {
      const element = this.#open.at(-1);
      if (element !== undefined) element.text += text;
    });
    this.#parser.on("closetag", () => {
      const element = this.#open.pop();
      if (element !== undefined && this.#open.length === depth) received(element);
    });
    this.#parser.on("error", (error) => {
      throw error;
    });
  }

  push(text: string): void {
    this.#parser.write(text);
  }
}

/** A whole document's root. */
export function parseXml(text: string): Xml {
  let root: Xml | undefined;
  new XmlStream(0, (element) => (root = element)).push(text);
  if (root === undefined) throw new Error(`No whole document: ${text}`);
  return root;
}

/** The text as content or as an attribute between double quotes. */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
