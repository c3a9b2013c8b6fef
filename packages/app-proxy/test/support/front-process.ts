import { Front } from "./front.ts";

// A gateway in a process of its own, so that its memory can be told from the test's.
const front = await Front.start({ url: process.argv[2] as string, rules: [{ path: "/orders/:id" }] });
process.on("message", () => process.send?.({ maxRssBytes: process.resourceUsage().maxRSS * 1024 }));
process.send?.({ url: front.url });
