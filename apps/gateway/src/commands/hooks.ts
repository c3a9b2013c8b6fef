import type { Arguments } from "../cli/arguments.ts";
import type { Command, Io } from "../cli/command.ts";
import { CommandError, UsageError, type ExitCode } from "../cli/failure.ts";
import { DEFAULT_ADMIN_URL, NAME_ADMIN, NO_ADMIN, parseAddress } from "../client/address.ts";
import { callAdmin, type AdminCall } from "../client/admin.ts";

const ACTIONS = ["list", "add", "remove", "show", "retry", "pause", "resume"] as const;
type Action = (typeof ACTIONS)[number];
const OFF = "hooks are switched off there (transports.rest-hooks)";

/** `sluice hooks`: looks after the hooks of a running gateway, by its admin listener. */
export const hooks: Command = {
  usage: "list | add URL | remove|show|retry|pause|resume ID",
  arguments: { min: 1, max: 2 },
  details: [
    "Looks after the hooks of a running gateway, whoever made them. Prints one line of JSON for each hook; add prints the " +
      "secret too, this once. show prints the hook, its latest attempts and its dead letters. retry tries at once what " +
      "waits, and what had been given up again.",
  ],
  options: {
    topic: { value: "FILTER", help: "add: topics whose events are sent; ** unless given.", isRepeatable: true },
    event: { value: "TYPE", help: "add: types of events that are sent; all unless given.", isRepeatable: true },
    format: {
      value: "NAME",
      help: "add: standard, resthooks, cloudevents-binary, cloudevents-structured, raw or thin.",
    },
    ordering: { value: "NAME", help: "add: topic, hook or none; topic unless given." },
    from: { value: "PLACE", help: "resume: cursor or now; cursor unless given." },
    url: { value: "URL", help: `Address of the admin listener; ${DEFAULT_ADMIN_URL} unless given.` },
    key: { value: "KEY", help: "The admin key; unless given, that of SLUICE_ADMIN_KEY." },
  },
  examples: [
    ["sluice hooks add https://example.org/hook --topic 'orders/*'", "Sends all events of orders there."],
    ["sluice hooks show hk_4pXmTq0vJc8LrN2d", "Why does nothing arrive?"],
  ],
  run,
};

async function run(given: Arguments, io: Io): Promise<ExitCode> {
  const [name = "", subject] = given.positionals;
  const action = ACTIONS.find((known) => known === name);
  if (action === undefined) throw new UsageError(`hooks has no "${name}"; expected one of ${ACTIONS.join(", ")}`);
  if (action === "list" && subject !== undefined) throw new UsageError("hooks list takes nothing else");
  if (action !== "list" && subject === undefined) {
    throw new UsageError(`hooks ${action} needs ${action === "add" ? "a URL" : "the ID of a hook"}`);
  }
  const base = parseAddress(given.text("url") ?? DEFAULT_ADMIN_URL);
  const key = given.text("key") ?? io.env["SLUICE_ADMIN_KEY"];
  const call = (method: AdminCall["method"], path: string, body?: unknown): Promise<object> =>
    callAdmin({ base, key, method, path, orElse: OFF, ...(body === undefined ? {} : { body }) });
  // What is elsewhere than at the root is perhaps the public listener, which shows nobody whose the hooks are.
  let isEverybodys = action !== "list" || base.pathname === "/";
  for await (const line of linesOf(action, subject ?? "", given, call)) {
    isEverybodys ||= "owner" in line;
    io.stdout.write(`${JSON.stringify(line)}\n`);
  }
  if (!isEverybodys) io.stderr.write(`sluice: a public listener shows none but your own hooks; ${NAME_ADMIN}\n`);
  return 0;
}

type Call = (method: AdminCall["method"], path: string, body?: unknown) => Promise<object>;

async function* linesOf(action: Action, subject: string, given: Arguments, call: Call): AsyncGenerator<object> {
  const path = `/hooks/${encodeURIComponent(subject)}`;
  switch (action) {
    case "list":
      yield* list(call);
      return;
    case "add":
      yield await call("POST", "/hooks", draftOf(subject, given));
      return;
    case "remove":
      await call("DELETE", path);
      return;
    case "show": {
      const hook = await call("GET", path);
      const attempts = (await call("GET", `${path}/attempts`)) as { readonly attempts: unknown };
      const dead = (await call("GET", `${path}/dead-letters`)) as { readonly dead_letters: unknown };
      yield { ...hook, attempts: attempts.attempts, dead_letters: dead.dead_letters };
      return;
    }
    case "resume":
      yield await call("POST", `${path}/resume`, { from: given.text("from") ?? "cursor" });
      return;
    case "retry":
    case "pause":
      yield await call("POST", `${path}/${action}`);
  }
}

async function* list(call: Call): AsyncGenerator<object> {
  for (let after = ""; ;) {
    const page = (await call("GET", `/hooks?limit=100${after}`)) as { hooks?: readonly object[]; next: string | null };
    if (page.hooks === undefined) throw new CommandError(NO_ADMIN);
    yield* page.hooks;
    if (page.next === null) return;
    after = `&after=${page.next}`;
  }
}

function draftOf(target: string, given: Arguments): object {
  const [topics, events] = [given.texts("topic"), given.texts("event")];
  return {
    target_url: target,
    topics: topics.length === 0 ? ["**"] : topics,
    ...(events.length === 0 ? {} : { events }),
    ...(given.text("format") === undefined ? {} : { format: given.text("format") }),
    ...(given.text("ordering") === undefined ? {} : { ordering: given.text("ordering") }),
  };
}
