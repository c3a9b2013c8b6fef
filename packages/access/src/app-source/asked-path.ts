const SHAPE = /^\/(?!\/)[!-~]*$/;
/** What some server in between might read as a step up: `..`, and `..;` with which Java servers begin parameters. */
const STEP = /^\.{1,2}(?:;|$)/;

/**
 * Whether a path (and query) may be put into a request to the app: it begins with one slash, is printable ASCII, and no
 * segment of it, decoded, steps out of its place. Topics and resource rules can't make others; this is the last look
 * before the app is asked, so that a mistake up there can't become a request for something else.
 */
export function isPlainPath(path: string): boolean {
  if (!SHAPE.test(path) || path.includes("\\") || path.includes("#")) return false;
  const [beforeQuery = ""] = path.split("?", 1);
  return beforeQuery.slice(1).split("/").every(isPlainSegment);
}

function isPlainSegment(segment: string): boolean {
  const text = decoded(segment);
  return text !== undefined && !STEP.test(text) && !/[/\\\p{Cc}]/u.test(text);
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
