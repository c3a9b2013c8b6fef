// Publishes until it is killed, and says the number of each event once it is acknowledged: node publisher.ts FOLDER PUBLISHERS
import { openSqliteLog } from "../src/index.ts";

const [folder = "", publishers = "1"] = process.argv.slice(2);
const log = await openSqliteLog({
  path: folder,
  retention: { ageMs: 1e12, events: 1e9, bytes: 1e12 },
  deduplicationMs: 600_000,
});

async function publish(publisher: number): Promise<never> {
  for (let round = 0; ; round += 1) {
    const names = [0, 1, 2].map((part) => `${process.pid}-${publisher}-${round}-${part}`);
    const drafts = names.map((id) => ({
      id,
      topic: `p/${publisher}`,
      type: "message",
      time: new Date().toISOString(),
      data: `"${id}"`,
      dataContentType: null,
    }));
    // Each waits for its acknowledgement.
    await log.append(drafts);
    process.stdout.write(`${names.join("\n")}\n`);
  }
}

await Promise.all(Array.from({ length: Number(publishers) }, (_, publisher) => publish(publisher)));
