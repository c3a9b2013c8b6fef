import { afterAll, describe, expect, test } from "vitest";
import { cursorOf } from "../support/event-json.ts";
import { sse } from "../conformance/drivers/sse.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

describe("a disk that is full", () => {
  let gateway: GatewayProcess | undefined;

  afterAll(() => gateway?.close());

  test.skipIf(process.platform === "win32")(
    "publishing is 503, what was acknowledged stays, reading goes on, and space brings it back (ulimit is a Unix shell's)",
    async () => {
      // No file may grow beyond 4 MB: to the log that is a disk that takes no more.
      gateway = await GatewayProcess.start({ retention: { bytes: "1GiB" } }, "ulimit -f 8192;");
      const reader = await sse.connect({ url: gateway.url, topics: ["t"] });
      const acknowledged: string[] = [];
      const data = "x".repeat(100_000);
      for (let count = 0; count < 300; count += 1) {
        const answer = await gateway.publisher.send(
          JSON.stringify([
            { topic: "t", data },
            { topic: "t", data },
          ]),
        );
        if (answer.status !== 201) {
          expect([answer.status, answer.json()["code"]]).toEqual([503, "log-unavailable"]);
          expect(answer.headers["retry-after"]).toMatch(/^\d+$/);
          break;
        }
        acknowledged.push(...(answer.json()["events"] as { cursor: string }[]).map(({ cursor }) => cursor));
      }
      expect(acknowledged.length).toBeGreaterThan(10);
      expect(acknowledged.length).toBeLessThan(600);
      const received = (await reader.inbox.take(acknowledged.length)).map(cursorOf);
      expect(received).toEqual(acknowledged);
      expect(gateway.isRunning).toBe(true);
      await gateway.kill("SIGKILL");
      reader.cut();
      await gateway.launch();
      const [next] = await gateway.publisher.publish({ topic: "t", data: "there is space again" });
      const again = await sse.connect({ url: gateway.url, topics: ["t"], after: "earliest" });
      expect((await again.inbox.take(acknowledged.length + 1)).map(cursorOf)).toEqual([...acknowledged, next?.cursor]);
      again.cut();
    },
  );
});
