const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the host's name can't be resolved now",
  ECONNRESET: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  ETIMEDOUT: "there was no answer in time",
  UND_ERR_CONNECT_TIMEOUT: "there was no answer in time",
  UND_ERR_HEADERS_TIMEOUT: "there was no answer in time",
  UND_ERR_BODY_TIMEOUT: "the answer stopped",
  EHOSTUNREACH: "the host can't be reached",
  ENETUNREACH: "the network can't be reached",
  HPE_INVALID_CONSTANT: "what answers there is not HTTP",
};

/** The code of a network error, however it is wrapped. */
export function networkCode(error: unknown): string | null {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === "string") return code;
    const [first] = at instanceof AggregateError ? (at.errors as readonly unknown[]) : [];
    if (first !== undefined) return networkCode(first);
  }
  return null;
}

/** A network error in a few words. */
export function networkWords(error: unknown): string {
  const code = networkCode(error);
  return (code === null ? undefined : WORDS[code]) ?? (error instanceof Error ? error.message : String(error));
}
