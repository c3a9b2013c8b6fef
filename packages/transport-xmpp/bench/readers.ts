// A thousand readers in a process of their own. Told a kind, it connects them; asked for a count, it says how many events
// have come; told to close, it does.
import { Reader, type Gateway, type Kind } from "./reader.ts";

/** What the process can be told. */
export type Asked =
  | { readonly open: Kind; readonly count: number; readonly gateway: Gateway }
  | { readonly count: true }
  | { readonly close: true };

const AT_A_TIME = 50;
let readers: Reader[] = [];

async function answer(asked: Asked): Promise<number> {
  if ("open" in asked) {
    while (readers.length < asked.count) {
      const names = Array.from({ length: Math.min(AT_A_TIME, asked.count - readers.length) }, (_, n) => n);
      const opening = names.map((n) => Reader.open(asked.open, `reader${readers.length + n}`, asked.gateway));
      readers.push(...(await Promise.all(opening)));
    }
  } else if ("close" in asked) {
    for (const reader of readers) reader.close();
    readers = [];
  }
  return readers.reduce((sum, { count }) => sum + count, 0);
}

process.on("message", (asked: Asked) => {
  answer(asked).then(
    (count) => process.send?.(count),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
