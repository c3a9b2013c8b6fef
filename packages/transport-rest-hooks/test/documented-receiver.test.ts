import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { reasonToSkip, type Need } from "../../../test/support/needs.ts";
import { newSecret } from "../src/sending/signer.ts";
import { HookGateway } from "./support/hook-gateway.ts";
import { Receiver } from "./support/receiver.ts";
import { until } from "./support/until.ts";

const INTERPRETER = "/usr/bin/python3";
const PYTHON: Need = {
  name: "Python",
  package: "python3",
  find: () => (existsSync(INTERPRETER) ? INTERPRETER : null),
};
const DOCUMENT = new URL("../../../docs/rest-hooks.md", import.meta.url);
/** Serves the document's handler on a free port, and says which. */
const SERVE = `
import runpy, sys
from http.server import ThreadingHTTPServer
server = ThreadingHTTPServer(("127.0.0.1", 0), runpy.run_path(sys.argv[1])["Hook"])
print(server.server_port, flush=True)
server.serve_forever()
`;

/** The code of a section of the document. */
function codeUnder(heading: string): string {
  const text = readFileSync(DOCUMENT, "utf8");
  const start = text.indexOf(`### ${heading}\n`);
  const code = /```python\n([^]*?)```/.exec(text.slice(start))?.[1];
  if (start < 0 || code === undefined) throw new Error(`no code under ${heading}`);
  return code;
}

const reason = reasonToSkip(PYTHON);
describe.skipIf(reason !== null)(
  `the documented receiver without a library${reason === null ? "" : `: ${reason}`}`,
  () => {
    const secret = newSecret();
    let folder: string;
    let receiver: ChildProcess;
    let url: string;
    let spy: Receiver;
    let gateway: HookGateway;

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), "sluice-receiver-"));
      const path = join(folder, "hook.py");
      writeFileSync(path, codeUnder("Without a library"));
      receiver = spawn(INTERPRETER, ["-c", SERVE, path], {
        stdio: ["ignore", "pipe", "ignore"],
        env: { HOOK_SECRET: secret },
      });
      const [port] = (await once(receiver.stdout as NonNullable<typeof receiver.stdout>, "data")) as [Buffer];
      url = `http://127.0.0.1:${Number(port.toString())}/hook`;
      spy = await Receiver.start();
      gateway = await HookGateway.start();
    });
    afterEach(async () => {
      receiver.kill();
      await gateway.close();
      await spy.close();
      rmSync(folder, { recursive: true });
    });

    test("takes what was signed, after a rotation too, and refuses all else", async () => {
      const hook = await gateway.hook(url, { secret });
      await gateway.hook(spy.url(), { secret });
      const statuses = async (count: number): Promise<readonly unknown[]> =>
        until(`${count} attempts`, async () => {
          const { json } = await gateway.ask("GET", `/hooks/${hook.id}/attempts`);
          const attempts = json["attempts"] as readonly { status: number }[];
          return attempts.length >= count ? attempts.map(({ status }) => status) : undefined;
        });
      await gateway.publish("orders/42", { pizza: "funghi \u2028 ü" });
      expect(await statuses(1)).toEqual([204]);
      await gateway.ask("POST", `/hooks/${hook.id}/rotate-secret`);
      await gateway.publish("orders/43", null);
      expect(await statuses(2)).toEqual([204, 204]);

      const [first] = await spy.take(1);
      const { headers, body } = first as NonNullable<typeof first>;
      const id = String(headers["webhook-id"]);
      const timestamp = Number(headers["webhook-timestamp"]);
      const signatureAt = (seconds: number): string =>
        new Webhook(secret).sign(id, new Date(seconds * 1000), body.toString());
      const post = async (text: string, changed: Readonly<Record<string, string>>): Promise<number> => {
        const signature = String(headers["webhook-signature"]);
        const own = { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signature };
        return (await fetch(url, { method: "POST", body: text, headers: { ...own, ...changed } })).status;
      };
      const at = (seconds: number): Readonly<Record<string, string>> => ({
        "webhook-timestamp": String(seconds),
        "webhook-signature": signatureAt(seconds),
      });
      expect(await post(body.toString(), {})).toBe(204);
      expect(await post(body.toString(), at(timestamp - 10))).toBe(204);
      expect(await post(body.toString().replace("funghi", "salami"), {})).toBe(401);
      expect(await post(body.toString(), at(timestamp - 301))).toBe(401);
      expect(await post(body.toString(), at(timestamp + 400))).toBe(401);
      expect(await post(body.toString(), { "webhook-signature": "v1" })).toBe(401);
      expect(await post(body.toString(), { "webhook-timestamp": "soon" })).toBe(401);
    });
  },
);
