import { howToGet, NEEDS } from "./needs.ts";

/** Says behind the results which tests were skipped for want of a program, and what to do about it. */
export function teardown(): void {
  const missing = Object.values(NEEDS).filter(({ find }) => find() === null);
  if (missing.length === 0) return;
  const lines = missing.map((need) => `  ${need.name.padEnd(10)} ${howToGet(need)}\n`);
  process.stderr.write(`\nTests that need a program which is not here were skipped:\n\n${lines.join("")}\n`);
}
