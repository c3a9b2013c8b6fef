import { PageReader, pageRefusal } from "./page-reader.ts";
import type { ReaderDriver } from "./reader-driver.ts";

const WAIT_SECONDS = 30;

/** Long polling. */
export const longPolling: ReaderDriver = {
  name: "long-polling",
  staysConnected: true,
  lacks: { "quiet cursor": "long polling says it only when its wait is over" },
  async connect(options) {
    const reader = new PageReader(options, WAIT_SECONDS);
    // A long poll says nothing until there is something: who wants to know where it starts asks without waiting first.
    if (options.after === undefined || options.after === "latest") await reader.prime();
    reader.start();
    return reader;
  },
  refusal: (options) => pageRefusal(options, 1),
};
