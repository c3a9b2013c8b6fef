import { expect, test } from "vitest";
import { useBench } from "./support/bench.ts";

const bench = useBench();

test("the benchmark is a command like the others", async () => {
  const help = await bench.run(["bench", "--help"]);
  expect(help).toMatchObject({ code: 0, stderr: "" });
  expect(help.stdout).toContain("Usage: sluice bench ");
  expect(help.stdout).toContain("sluice bench --quick\n");
  const wrong = await bench.run(["bench", "--clients", "many"]);
  expect(wrong).toEqual({
    code: 2,
    stdout: "",
    stderr: "sluice: --clients: expected a whole number from 1 to 100000 (see sluice bench --help)\n",
  });
  const missing = await bench.run(["bench", "--compare", "one.json", "other.json"]);
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("one.json can't be read") as string });
  // Said before anything is measured: the place for the results is a file.
  const taken = await bench.run(["bench", "--quick", "--out", process.execPath]);
  expect(taken).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("nothing can be written to") as string,
  });
});
