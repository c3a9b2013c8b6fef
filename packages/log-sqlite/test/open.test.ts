import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
  copyFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { LogOpenError } from "../src/index.ts";
import { drafts, emptyFolder, filesIn, open, readAll } from "./support.ts";

/** A folder with a log of a few thousand events, closed in good order. */
async function filledFolder(): Promise<string> {
  const folder = emptyFolder();
  const log = await open(folder);
  for (let count = 0; count < 4; count += 1) {
    await log.append(drafts(1000, { data: JSON.stringify("x".repeat(200)) }));
  }
  await log.close();
  return folder;
}

/** A folder as a crash leaves it: a copy of that of an open log, its write-ahead log and all. */
async function crashedFolder(): Promise<string> {
  const folder = emptyFolder();
  const log = await open(folder);
  await log.append(drafts(300));
  const copy = emptyFolder();
  for (const name of ["log.db", "log.db-wal"]) copyFileSync(join(folder, name), join(copy, name));
  expect(statSync(join(copy, "log.db-wal")).size).toBeGreaterThan(0);
  return copy;
}

function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const handle = openSync(path, "r+");
  writeSync(handle, bytes, 0, bytes.length, at);
  closeSync(handle);
}

function bigEndian(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Opening is refused with one line that matches, and what is in the folder stays as it is. */
async function expectRefusal(folder: string, message: RegExp): Promise<void> {
  const { "lock.db": _lock, ...before } = filesIn(folder);
  const refusal = await open(folder).then(
    () => expect.fail("it was opened"),
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(LogOpenError);
  expect((refusal as Error).message).toMatch(message);
  expect((refusal as Error).message).not.toContain("\n");
  const { "lock.db": _lockAfter, ...after } = filesIn(folder);
  expect(after).toEqual(before);
}

describe("opening", () => {
  it("makes the folder, and what leads to it", async () => {
    const folder = join(emptyFolder(), "some", "where");
    const log = await open(folder);
    expect(log.bounds()).toEqual({ trimmedThrough: 0, newest: 0 });
    expect(existsSync(join(folder, "log.db"))).toBe(true);
  });

  it("leaves one file when it is closed, beside its lock", async () => {
    expect(Object.keys(filesIn(await filledFolder()))).toEqual(["lock.db", "log.db"]);
  });

  it("finds everything in what a crash left", async () => {
    const log = await open(await crashedFolder());
    expect(log.bounds()).toEqual({ trimmedThrough: 0, newest: 300 });
    expect(await readAll(log, "a")).toHaveLength(300);
  });

  it("begins anew where making the file was cut short", async () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, "log.db.new"), "half a file");
    const log = await open(folder);
    await log.append(drafts(1));
    expect(existsSync(join(folder, "log.db.new"))).toBe(false);
  });

  it("names all options that are wrong", async () => {
    const retention = { ageMs: Number.NaN, events: -1, bytes: 0 };
    await expect(open("", { retention, deduplicationMs: Number.NaN })).rejects.toThrow(
      /path is empty; retention.ageMs .*; retention.events .*; deduplicationMs /u,
    );
  });
});

describe("opening is refused, and leaves all files as they are, if", () => {
  it.skipIf(process.platform !== "linux")(
    "the folder can't be made where it is to be (/proc is on Linux alone)",
    async () => {
      await expect(open("/proc/no-such-process/log")).rejects.toThrow(/can't be made/u);
    },
  );

  it("the folder is a file", async () => {
    const path = join(emptyFolder(), "file");
    writeFileSync(path, "x");
    await expect(open(path)).rejects.toThrow(/file is no folder: name one/u);
    expect(readFileSync(path, "utf8")).toBe("x");
  });

  it("the file is not SQLite's", async () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, "log.db"), "This is not a database. ".repeat(500));
    await expectRefusal(folder, /no SQLite file/u);
    expect(Object.keys(filesIn(folder))).toEqual(["log.db"]);
  });

  it("the file is empty", async () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, "log.db"), "");
    await expectRefusal(folder, /no SQLite file/u);
  });

  it("the file belongs to another application", async () => {
    const folder = emptyFolder();
    const db = new DatabaseSync(join(folder, "log.db"));
    db.exec("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
    db.close();
    await expectRefusal(folder, /another application/u);
    expect(Object.keys(filesIn(folder))).toEqual(["log.db"]);
  });

  it.each([
    ["closed in good order", filledFolder],
    ["not closed", crashedFolder],
  ])("the file has a newer format: %s", async (_, folderWith) => {
    const folder = await folderWith();
    overwrite(join(folder, "log.db"), 60, bigEndian(2));
    await expectRefusal(folder, /format 2, .* newer version/u);
  });

  it("the file has a format that never was", async () => {
    const folder = await filledFolder();
    overwrite(join(folder, "log.db"), 60, bigEndian(0));
    await expectRefusal(folder, /unknown format 0/u);
  });

  it("the file is cut off", async () => {
    const folder = await filledFolder();
    const path = join(folder, "log.db");
    truncateSync(path, Math.floor(statSync(path).size / 2));
    await expectRefusal(folder, /damaged \(its end is missing\).*put a copy back/u);
  });

  it.each([1, 2, 5, 50, 150])("page %i is garbage", async (page) => {
    const folder = await filledFolder();
    const at = (page - 1) * 4096 + (page === 1 ? 100 : 0);
    overwrite(join(folder, "log.db"), at, Buffer.alloc(page === 1 ? 3996 : 4096, 0xa5));
    await expectRefusal(folder, /damaged/u);
  });

  it("a file that was not closed is damaged", async () => {
    const folder = await crashedFolder();
    overwrite(join(folder, "log.db"), 4096, Buffer.alloc(4096 * 4, 0xa5));
    // What the write-ahead log holds makes up for pages of the file; without it the damage shows.
    truncateSync(join(folder, "log.db-wal"), 32);
    await expectRefusal(folder, /damaged/u);
  });

  it("the file is missing, but its write-ahead log is not", async () => {
    const folder = await crashedFolder();
    renameSync(join(folder, "log.db"), join(folder, "elsewhere.db"));
    await expectRefusal(folder, /log.db is missing, but/u);
  });

  it("the file is a folder", async () => {
    const folder = emptyFolder();
    mkdirSync(join(folder, "log.db"));
    await expect(open(folder)).rejects.toThrow(LogOpenError);
  });
});

describe("one folder", () => {
  it("is for one log of a process at a time", async () => {
    const folder = emptyFolder();
    const log = await open(folder);
    await expect(open(folder)).rejects.toThrow(/in use by another process/u);
    await log.append(drafts(1));
    await log.close();
    const again = await open(folder);
    expect(await readAll(again, "a")).toHaveLength(1);
  });

  it("is for one process at a time, also if that is killed", async () => {
    const folder = emptyFolder();
    const child = spawn(process.execPath, [join(import.meta.dirname, "publisher.ts"), folder, "1"]);
    await once(child.stdout, "data");
    await expect(open(folder)).rejects.toThrow(/in use by another process/u);
    child.kill("SIGKILL");
    await once(child, "exit");
    const log = await open(folder);
    expect(log.bounds().newest).toBeGreaterThan(0);
  });
});
