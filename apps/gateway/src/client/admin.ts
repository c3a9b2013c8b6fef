import { Agent, request } from "undici";
import { CommandError } from "../cli/failure.ts";
import { NAME_ADMIN, NO_ADMIN } from "./address.ts";
import { readRefusal, readText, type Refusal } from "./answer.ts";
import { networkWords } from "./network.ts";

const ANSWER_MAX_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

/** One call to the admin listener. */
export interface AdminCall {
  readonly base: URL;
  readonly key: string | undefined;
  readonly method: "GET" | "POST" | "DELETE";
  /** Path below the base, with its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Why else the right listener may have nothing at that path. */
  readonly orElse: string;
}

/**
 * The object that the answer is, without members if it has no body.
 * @throws {CommandError} with what the gateway said, or that it can't be reached
 */
export async function callAdmin({ base, key, method, path, body, orElse }: AdminCall): Promise<object> {
  const dispatcher = new Agent({ headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  try {
    const response = await request(new URL(base.pathname.replace(/\/+$/, "") + path, base), {
      method,
      dispatcher,
      headers: {
        "content-type": "application/json",
        ...(key === undefined || key === "" ? {} : { authorization: `Bearer ${key}` }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    if (response.statusCode >= 200 && response.statusCode < 300) {
      return parse(await readText(response.body, ANSWER_MAX_BYTES));
    }
    const refusal = await readRefusal(response.statusCode, response.headers, response.body);
    const hint = adminHint(refusal, base) + (refusal.isNowhere ? `; or ${orElse}` : "");
    throw new CommandError(`the gateway refused it: ${refusal.detail.replace(/\.$/, "")}${hint}`);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(
      `${base.origin} can't be reached: ${networkWords(error)}; is the gateway running there? --url names another address`,
    );
  } finally {
    await dispatcher.destroy();
  }
}

/**
 * What to do about a refusal, where its own words can't know. An address with a path is perhaps that of the public
 * listener, which refuses in the same way and knows less.
 */
export function adminHint({ status, isNowhere }: Refusal, base: URL): string {
  const hints = [
    ...(status === 401 ? ["give the admin key with --key or SLUICE_ADMIN_KEY"] : []),
    ...(isNowhere || ((status === 401 || status === 404) && base.pathname !== "/") ? [NAME_ADMIN] : []),
  ];
  return hints.length === 0 ? "" : `; ${hints.join("; ")}`;
}

function parse(text: string): object {
  if (text === "") return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new CommandError(NO_ADMIN);
  }
  if (typeof parsed !== "object" || parsed === null) throw new CommandError(NO_ADMIN);
  return parsed;
}
