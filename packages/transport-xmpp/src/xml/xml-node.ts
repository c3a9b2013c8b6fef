/** An element that came from a client: resolved names, no prefixes. */
export class XmlNode {
  /** Without prefix. */
  readonly name: string;
  readonly ns: string;
  /** By their names as written (`xml:lang`, and `xmlns` where it stands); those of another namespace as `URI NAME`. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlNode[] = [];
  #text = "";

  constructor(name: string, ns: string, attributes: ReadonlyMap<string, string>) {
    this.name = name;
    this.ns = ns;
    this.attributes = attributes;
  }

  /** The text directly in the element, put together. */
  get text(): string {
    return this.#text;
  }

  addText(text: string): void {
    this.#text += text;
  }

  is(name: string, ns: string): boolean {
    return this.name === name && this.ns === ns;
  }

  attribute(name: string): string | undefined {
    return this.attributes.get(name);
  }

  /** The same in another namespace, with all in it that shares the one it has. */
  movedTo(ns: string): XmlNode {
    const moved = new XmlNode(this.name, ns, this.attributes);
    moved.addText(this.#text);
    moved.children.push(...this.children.map((child) => (child.ns === this.ns ? child.movedTo(ns) : child)));
    return moved;
  }

  /** The first child of that name, in the namespace or in the element's own. */
  child(name: string, ns: string = this.ns): XmlNode | undefined {
    return this.children.find((child) => child.is(name, ns));
  }
}
