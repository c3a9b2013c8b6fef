import { Pool, type Dispatcher } from "undici";

/** What the gateway answers for one published event. */
export interface Receipt {
  readonly id: string;
  readonly cursor: string;
  readonly duplicate?: boolean;
}

/** An event to publish. */
export interface TestEvent {
  readonly topic: string;
  readonly data?: unknown;
  readonly type?: string;
  readonly id?: string;
  readonly time?: string;
  readonly data_base64?: string;
  readonly datacontenttype?: string;
}

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  /** The body as JSON; throws if it is none. */
  json(): Record<string, unknown>;
}

/** Publishes by `POST /events` on the admin listener, or wherever it is told to. */
export class Publisher {
  readonly #pool: Pool;
  readonly #path: string;

  constructor(url: string, options: { readonly connections?: number; readonly path?: string } = {}) {
    this.#pool = new Pool(url, { connections: options.connections ?? 8, pipelining: 1 });
    this.#path = options.path ?? "/events";
  }

  /** Sends a body as it is. */
  async send(body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return answerOf(
      await this.#pool.request({
        method: "POST",
        path: this.#path,
        headers: { "content-type": "application/json", ...headers },
        body,
      }),
    );
  }

  /** Publishes the events as one batch. @throws {Error} unless the gateway says 200 or 201 */
  async publish(...events: readonly TestEvent[]): Promise<readonly Receipt[]> {
    return this.publishRaw(JSON.stringify(events.length === 1 ? events[0] : events));
  }

  /** The same for JSON text. */
  async publishRaw(text: string, headers: Readonly<Record<string, string>> = {}): Promise<readonly Receipt[]> {
    const answer = await this.send(text, headers);
    if (answer.status !== 201 && answer.status !== 200) throw new Error(`Publishing: ${answer.status} ${answer.text}`);
    return answer.json()["events"] as Receipt[];
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Reads the answer to its end. */
export async function answerOf(response: Dispatcher.ResponseData): Promise<Answer> {
  const text = await response.body.text();
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return {
    status: response.statusCode,
    headers,
    text,
    json: () => JSON.parse(text) as Record<string, unknown>,
  };
}
