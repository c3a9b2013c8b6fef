import { eventsUrl, type OrderEvent } from "./reader.ts";

/** Where all lanes begin. */
export interface Beginning {
  /** The log's newest cursor. */
  readonly cursor: string;
  /** What happened shortly before. */
  readonly before: readonly OrderEvent[];
}

/**
 * Asks the gateway for the newest events and where they end, so that every lane begins at the same place.
 * @throws {Error} if it does not answer
 */
export async function readBeginning(gateway: string): Promise<Beginning> {
  const response = await fetch(eventsUrl(gateway, { last: "100" }));
  if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
  const { events, cursor } = (await response.json()) as { readonly events: OrderEvent[]; readonly cursor: string };
  return { cursor, before: events };
}
