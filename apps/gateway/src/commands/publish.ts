import { Agent, request } from "undici";
import type { Arguments } from "../cli/arguments.ts";
import type { Command, Io } from "../cli/command.ts";
import { CommandError, UsageError, type ExitCode } from "../cli/failure.ts";
import { DEFAULT_ADMIN_URL, NO_ADMIN, parseAddress, publishUrl } from "../client/address.ts";
import { adminHint } from "../client/admin.ts";
import { readRefusal, readText } from "../client/answer.ts";
import { networkWords } from "../client/network.ts";

/** What is read from stdin at the most; the gateway's own limit is lower unless somebody has raised it. */
const STDIN_MAX_BYTES = 64 * 1024 * 1024;
const ANSWER_MAX_BYTES = 1024 * 1024;
const TIMEOUT_MS = 30_000;

/** `sluice publish`: one event to the admin listener. */
export const publish: Command = {
  usage: "TOPIC [DATA|-]",
  arguments: { min: 1, max: 2 },
  details: [
    "DATA is the event's data: JSON if it is valid JSON, else a text. With - it is read from stdin; without it the " +
      "data is null. Prints the event's id and cursor as one line of JSON, after the gateway has it durably.",
  ],
  options: {
    type: { value: "TYPE", help: 'The event\'s type; "message" unless given.' },
    id: { value: "ID", help: "The event's id. The same id again within ten minutes publishes nothing." },
    text: { help: "Take DATA as a text, even if it is valid JSON." },
    url: { value: "URL", help: `Address of the admin listener; ${DEFAULT_ADMIN_URL} unless given.` },
    key: { value: "KEY", help: "The admin key; unless given, that of SLUICE_ADMIN_KEY." },
  },
  examples: [
    [`sluice publish orders/42 '{"pizza":"margherita"}' --type order.ready`, "Publishes an object."],
    ["date | sluice publish clock -", "Publishes a text from stdin."],
  ],
  run,
};

async function run(given: Arguments, io: Io): Promise<ExitCode> {
  const [topic = "", data] = given.positionals;
  const base = parseAddress(given.text("url") ?? DEFAULT_ADMIN_URL);
  const key = given.text("key") ?? io.env["SLUICE_ADMIN_KEY"];
  const dataText = await readData(data, given.has("text"), io);
  const members = [`"topic":${JSON.stringify(topic)}`];
  for (const name of ["type", "id"]) {
    const value = given.text(name);
    if (value !== undefined) members.push(`"${name}":${JSON.stringify(value)}`);
  }
  // The data goes out as it was written: numbers beyond a double's precision stay what they are.
  members.push(`"data":${dataText}`);
  io.stdout.write(`${await post(base, key, `{${members.join(",")}}`)}\n`);
  return 0;
}

async function readData(data: string | undefined, isText: boolean, io: Io): Promise<string> {
  if (data === undefined) {
    if (isText) throw new UsageError("--text needs DATA, or - for stdin");
    return "null";
  }
  // Programs end their lines; a text from a pipe is meant without that.
  const text = data === "-" ? (await readStdin(io)).replace(/\r?\n$/, "") : data;
  return !isText && isJson(text) ? text : JSON.stringify(text);
}

async function readStdin(io: Io): Promise<string> {
  try {
    return await readText(io.stdin, STDIN_MAX_BYTES);
  } catch (error) {
    const why = error instanceof RangeError ? error.message : "it is not text in UTF-8";
    throw new CommandError(`stdin can't be published: ${why}`);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function post(base: URL, key: string | undefined, body: string): Promise<string> {
  const dispatcher = new Agent({ headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  try {
    const response = await request(publishUrl(base), {
      method: "POST",
      dispatcher,
      headers: {
        "content-type": "application/json",
        ...(key === undefined || key === "" ? {} : { authorization: `Bearer ${key}` }),
      },
      body,
    });
    if (response.statusCode === 200 || response.statusCode === 201) {
      return firstEvent(await readText(response.body, ANSWER_MAX_BYTES));
    }
    const refusal = await readRefusal(response.statusCode, response.headers, response.body);
    throw new CommandError(
      `the gateway refused the event: ${refusal.detail.replace(/\.$/, "")}${adminHint(refusal, base)}`,
    );
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(
      `${base.origin} can't be reached: ${networkWords(error)}; is the gateway running there? --url names another address`,
    );
  } finally {
    await dispatcher.destroy();
  }
}

function firstEvent(text: string): string {
  try {
    const [event] = (JSON.parse(text) as { readonly events: readonly unknown[] }).events;
    if (event !== undefined) return JSON.stringify(event);
  } catch {
    // Falls through: whatever it is, it is no answer of a gateway.
  }
  throw new CommandError(NO_ADMIN);
}
