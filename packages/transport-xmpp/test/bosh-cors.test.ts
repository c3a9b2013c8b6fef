import type { CorsRules } from "@sluice/http";
import { afterEach, describe, expect, test } from "vitest";
import { body } from "./support/bosh-client.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const ALLOWED = "https://app.example.org";
const CREATION = body({ rid: 1, to: "localhost", wait: 1, hold: 1 });

let server: XmppServer | null = null;

afterEach(async () => {
  await server?.stop();
  server = null;
});

async function start(cors: CorsRules): Promise<string> {
  server = await XmppServer.start({ cors });
  return server.boshUrl;
}

/** What a browser asks before it sends a page's request to another origin. */
function preflight(url: string, origin: string): Promise<Response> {
  const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" };
  return fetch(url, { method: "OPTIONS", headers });
}

function post(url: string, origin: string, text: string): Promise<Response> {
  return fetch(url, { method: "POST", headers: { origin, "content-type": "text/xml" }, body: text });
}

const sharing = ({ headers }: Response): readonly (readonly [string, string])[] =>
  [...headers].filter(([name]) => name.startsWith("access-control-allow-"));

describe.each([false, true])("BOSH from pages of other origins; credentials for other routes: %s", (hasCredentials) => {
  test("an allowed origin may, without credentials", async () => {
    const url = await start({ origins: [ALLOWED], hasCredentials });
    const asked = await preflight(url, ALLOWED);
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe(ALLOWED);
    expect(asked.headers.get("access-control-allow-methods")).toContain("POST");
    expect(asked.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("content-type");
    expect(asked.headers.get("access-control-allow-credentials")).toBeNull();
    const answered = await post(url, ALLOWED, CREATION);
    expect(await answered.text()).toContain("sid=");
    expect(answered.headers.get("vary")).toContain("Origin");
    expect(sharing(answered)).toEqual([["access-control-allow-origin", ALLOWED]]);
  });

  test("refusals can be read by it too", async () => {
    const url = await start({ origins: [ALLOWED], hasCredentials });
    for (const text of ["hello", "x".repeat(300_000)]) {
      expect(sharing(await post(url, ALLOWED, text))).toEqual([["access-control-allow-origin", ALLOWED]]);
    }
  });

  test.each(["https://evil.example", "https://app.example.org.evil.example", "http://app.example.org", "null"])(
    "%s may not",
    async (origin) => {
      const url = await start({ origins: [ALLOWED], hasCredentials });
      expect(sharing(await preflight(url, origin))).toEqual([]);
      expect(sharing(await post(url, origin, CREATION))).toEqual([]);
    },
  );
});

test("without a rule no other origin may", async () => {
  const url = await start({ origins: [], hasCredentials: false });
  expect(sharing(await preflight(url, ALLOWED))).toEqual([]);
  expect(sharing(await post(url, ALLOWED, CREATION))).toEqual([]);
});
