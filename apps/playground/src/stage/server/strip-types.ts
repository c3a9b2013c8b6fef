import { stripTypeScriptTypes } from "node:module";

/** TypeScript as JavaScript: types are blanked out, so that lines and columns stay. @throws {SyntaxError} */
export function stripTypes(source: string): string {
  return stripTypeScriptTypes(source);
}

// Node calls this experimental with a warning, on its first use, to whoever looks at the terminal. The loader of every
// .ts file here does the same without one.
const emitWarning = process.emitWarning.bind(process);
process.emitWarning = () => undefined;
stripTypeScriptTypes("");
process.emitWarning = emitWarning;
