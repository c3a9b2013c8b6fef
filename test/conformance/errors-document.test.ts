import { readFile } from "node:fs/promises";
import { CLOSE_REASONS, ERRORS, type CloseCode, type ErrorCode } from "@sluice/core";
import { CLOSE_CODES } from "@sluice/transport-websocket";
import { describe, expect, test } from "vitest";

const text = await readFile(new URL("../../docs/errors.md", import.meta.url), "utf8");

/** The cells of a section's table, without its head. */
function rowsOf(heading: string): string[][] {
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe("docs/errors.md", () => {
  const codes = rowsOf("Codes");

  test("has every code of the product, in the product's order, and no other", () => {
    expect(codes.map(([code]) => code?.replaceAll("`", ""))).toEqual(Object.keys(ERRORS));
  });

  test.each(codes)("%s has the status %s, retry: %s", (code = "", status, retry, meaning, remedy) => {
    const entry = ERRORS[code.replaceAll("`", "") as ErrorCode];
    expect([status, retry]).toEqual([String(entry.status), entry.isRetryable ? "yes" : "no"]);
    expect(meaning).toMatch(/\.$/);
    expect(remedy).toMatch(/\.$/);
  });

  test("has every close reason under the code that it is closed with", () => {
    const documented: Record<string, number> = {};
    for (const [code, reasons = ""] of rowsOf("WebSocket close codes")) {
      for (const [, reason = ""] of reasons.matchAll(/`([a-z-]+)`/g)) documented[reason] = Number(code);
    }
    expect(documented).toEqual({ ...CLOSE_CODES });
    expect(Object.keys(documented).sort()).toEqual((Object.keys(CLOSE_REASONS) as CloseCode[]).sort());
  });
});
