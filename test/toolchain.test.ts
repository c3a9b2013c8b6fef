import { expect, test } from "vitest";

test("tests run on the pinned Node, whatever the machine has", () => {
  const [major] = process.versions.node.split(".").map(Number);
  expect(major).toBeGreaterThanOrEqual(24);
});

test("this Node runs TypeScript without a build", () => {
  expect(process.features.typescript).toBe("strip");
});
