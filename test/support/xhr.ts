interface Parser {
  parseFromString(text: string, type: string): unknown;
}

/** As much of XMLHttpRequest as BOSH clients use: Node has none. */
export class FetchRequest {
  readyState = 0;
  status = 0;
  responseText = "";
  /** Made by the parser that the client brings along. */
  responseXML: unknown = null;
  onreadystatechange: (() => void) | null = null;
  readonly #aborting = new AbortController();
  readonly #headers: Record<string, string> = {};
  #url = "";

  open(_method: string, url: string): void {
    this.#url = url;
    this.#moveTo(1);
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  overrideMimeType(): void {
    // The answer is text in any case.
  }

  abort(): void {
    this.#aborting.abort();
  }

  getAllResponseHeaders(): string {
    return "";
  }

  getResponseHeader(): null {
    return null;
  }

  send(body: string): void {
    void this.#send(body);
  }

  async #send(body: string): Promise<void> {
    try {
      const { signal } = this.#aborting;
      const response = await fetch(this.#url, { method: "POST", headers: this.#headers, body, signal });
      this.responseText = await response.text();
      this.status = response.status;
      const { DOMParser } = globalThis as unknown as { readonly DOMParser: new () => Parser };
      this.responseXML = new DOMParser().parseFromString(this.responseText, "text/xml");
    } catch {
      this.status = 0;
    }
    this.#moveTo(4);
  }

  #moveTo(state: number): void {
    this.readyState = state;
    this.onreadystatechange?.();
  }
}
