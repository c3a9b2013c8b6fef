import { PageReader, pageRefusal } from "./page-reader.ts";
import type { ReaderDriver } from "./reader-driver.ts";

/** Short polling. */
export const polling: ReaderDriver = {
  name: "polling",
  staysConnected: false,
  lacks: { connections: "polling holds none" },
  async connect(options) {
    const reader = new PageReader(options, null);
    await reader.prime();
    reader.start();
    return reader;
  },
  refusal: (options) => pageRefusal(options, null),
};
