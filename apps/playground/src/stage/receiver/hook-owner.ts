interface Hook {
  readonly id: string;
  readonly status: string;
}

/** Whose token the page registers hooks with, at the gateway's REST Hooks API. */
export class HookOwner {
  /** `http://127.0.0.1:8080/realtime/hooks` */
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, token: string) {
    this.url = url;
    this.#headers = { authorization: `Bearer ${token}` };
  }

  /** Takes away what was left from earlier days: nobody listens at those targets any more. */
  async forgetAll(): Promise<void> {
    await Promise.all((await this.#list()).map(({ id }) => this.#ask("DELETE", `/${id}`)));
  }

  /**
   * Tells the gateway that the receiver is well again. It would find out by itself: but once it has given up on a
   * receiver, it asks but every now and then. Does nothing while the gateway can't be reached.
   */
  async resumeFailing(): Promise<void> {
    try {
      const failing = (await this.#list()).filter(({ status }) => status === "failing" || status === "disabled");
      await Promise.all(failing.map(({ id }) => this.#ask("POST", `/${id}/resume`)));
    } catch {
      // It will be asked by the gateway.
    }
  }

  async #list(): Promise<readonly Hook[]> {
    const { hooks = [] } = (await (await this.#ask("GET", "")).json()) as { readonly hooks?: readonly Hook[] };
    return hooks;
  }

  #ask(method: string, path: string): Promise<Response> {
    return fetch(this.url + path, { method, headers: this.#headers });
  }
}
