/** The one element of a document or a part of it. @throws {Error} if there is none */
// Which kind it is, the selector says; and whoever asks knows the page.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function find<Kind extends Element = HTMLElement>(root: ParentNode, selector: string): Kind {
  const element = root.querySelector<Kind>(selector);
  if (element === null) throw new Error(`no ${selector} in the page`);
  return element;
}

/** A new element with a class and a text. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = "",
  text = "",
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (className !== "") element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

/** Sets a text where it is another one: what does not change costs nothing. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
