/**
 * Cuts JSON texts out of JSON texts without parsing them, so that a test sees the very bytes of an event.
 * The text must be valid JSON.
 */

/** The texts of an array's elements. */
export function rawElements(array: string): string[] {
  return parts(array);
}

/** The text of a member's value; `undefined` if the object lacks it. */
export function rawMember(object: string, name: string): string | undefined {
  for (const part of parts(object)) {
    const end = endOfString(part, 0);
    if (JSON.parse(part.slice(0, end)) === name) return part.slice(part.indexOf(":", end) + 1).trim();
  }
  return undefined;
}

/** What stands between the commas of the outermost array or object. */
function parts(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    if (char === '"') {
      at = endOfString(text, at) - 1;
    } else if (char === "[" || char === "{") {
      depth += 1;
      if (depth === 1) start = at + 1;
    } else if (char === "]" || char === "}") {
      depth -= 1;
      if (depth === 0 && text.slice(start, at).trim() !== "") found.push(text.slice(start, at).trim());
    } else if (char === "," && depth === 1) {
      found.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  return found;
}

function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}
