import { loadConfig, startGateway, type Gateway } from "@sluice/gateway";

/** A gateway in this process, with a log in memory, on free ports. */
export async function startMemoryGateway(adminKey?: string): Promise<Gateway> {
  const set = (key: string, value: string): { readonly key: string; readonly value: string } => ({ key, value });
  const loaded = await loadConfig({
    env: {},
    mode: "serve",
    overrides: [
      set("public.listen", "127.0.0.1:0"),
      set("admin.listen", "127.0.0.1:0"),
      set("access.public", "**"),
      set("log.kind", "memory"),
      ...(adminKey === undefined ? [] : [set("admin.key", adminKey)]),
    ],
  });
  if ("faults" in loaded) throw new Error(JSON.stringify(loaded.faults));
  return startGateway({ config: loaded.config });
}

/** An event, as far as the tests look at it. */
export interface SeenEvent {
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly data: unknown;
}

/** All events of orders that the gateway has, the oldest first. */
export async function eventsOf(publicUrl: string): Promise<readonly SeenEvent[]> {
  const response = await fetch(`${publicUrl}/realtime/events?topic=orders/**&after=earliest&limit=1000`);
  return ((await response.json()) as { readonly events: readonly SeenEvent[] }).events;
}
