import { type Filter, type Grants, NO_GRANTS, parseFilter, SluiceError } from "@sluice/core";

/**
 * The grants of a token's `sluice` claim: `{"read":[filters],"publish":[filters],"hooks":[filters]}`, any of them
 * missing or null. Members of other names mean nothing. A claim of which any part is not understood grants nothing at
 * all: half a grant would hide the mistake.
 */
export function readGrants(claim: unknown): Grants {
  if (typeof claim !== "object" || claim === null) return NO_GRANTS;
  const members = claim as Readonly<Record<string, unknown>>;
  const read = readFilters(members["read"]);
  const publish = readFilters(members["publish"]);
  const hooks = readFilters(members["hooks"]);
  if (read === undefined || publish === undefined || hooks === undefined) return NO_GRANTS;
  return Object.freeze({ read, publish, hooks });
}

function readFilters(list: unknown): readonly Filter[] | undefined {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) return undefined;
  const filters: Filter[] = [];
  for (const text of list as readonly unknown[]) {
    const filter = typeof text === "string" ? readFilter(text) : undefined;
    if (filter === undefined) return undefined;
    filters.push(filter);
  }
  return filters;
}

function readFilter(text: string): Filter | undefined {
  try {
    return parseFilter(text);
  } catch (error) {
    if (error instanceof SluiceError) return undefined;
    throw error;
  }
}
