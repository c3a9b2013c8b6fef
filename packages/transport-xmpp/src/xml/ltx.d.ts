/** What is used of ltx, which has no types of its own. */
declare module "ltx" {
  export class Element {
    readonly name: string;
    toString(): string;
  }
  export function createElement(
    name: string,
    attrs?: Readonly<Record<string, string | undefined>> | null,
    ...children: readonly (Element | string)[]
  ): Element;
  export function escapeXML(text: string): string;
  export function escapeXMLText(text: string): string;
}
