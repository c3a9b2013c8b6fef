import { expect, test } from "vitest";
import { errorFields, SluiceError } from "../src/errors.ts";

test("an error of ours is logged with its cause and without a stack, any other as it is", () => {
  const cause = new Error("database or disk is full");
  expect(errorFields(new SluiceError("log-unavailable", "The log can't take events now.", { cause }))).toEqual({
    reason: "The log can't take events now. database or disk is full",
  });
  expect(errorFields(new SluiceError("log-unavailable", "The log is closed."))).toEqual({
    reason: "The log is closed.",
  });
  expect(errorFields(cause)).toEqual({ err: cause });
});
