// Entry of the thread that sends: sockets, TLS, HTTP and signatures. A file of its own that bundlers must put beside the
// link's.
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { standBack } from "../background-thread.ts";
import { AskedResolver } from "./asked-resolver.ts";
import { Sender, type TargetRequest } from "./sender.ts";
import type { FromSender, SenderInit, TicketedAnswer, ToSender, UnsignedRequest } from "./sender-messages.ts";
import { Signer } from "./signer.ts";
import { TargetGuard } from "./target-guard.ts";

const USER_AGENT = ["user-agent", "Sluice"] as const;

/** The thread's side of a `SenderLink`. */
class SenderThread {
  readonly #port: MessagePort;
  readonly #sender: Sender;
  readonly #resolver: AskedResolver;
  readonly #signers = new Map<string, Signer>();
  #ownPorts: readonly number[] = [];
  #answers: TicketedAnswer[] = [];

  constructor(port: MessagePort, { canUseHttp, allow, hasResolver, timeoutMs, perOrigin, ca }: SenderInit) {
    this.#port = port;
    this.#resolver = new AskedResolver((ticket, hostname) => this.#say({ kind: "resolve", ticket, hostname }));
    const guard = new TargetGuard({
      canUseHttp,
      allow,
      ownPorts: () => this.#ownPorts,
      resolve: hasResolver ? (hostname) => this.#resolver.resolve(hostname) : undefined,
    });
    this.#sender = new Sender({ guard, timeoutMs, perOrigin, ca });
  }

  begin(): void {
    this.#port.on("message", (message: ToSender) => this.#receive(message));
    this.#say({ kind: "ready" });
  }

  #receive(message: ToSender): void {
    switch (message.kind) {
      case "send":
        this.#ownPorts = message.ownPorts ?? this.#ownPorts;
        for (const { hook, secrets } of message.secrets) this.#signers.set(hook, new Signer(secrets));
        for (const { ticket, ...request } of message.requests) void this.#send(ticket, request);
        for (const hook of message.forgotten) this.#signers.delete(hook);
        return;
      case "resolved":
        this.#resolver.resolved(message.ticket, message.addresses);
        return;
      case "unresolved":
        this.#resolver.failed(message.ticket, message.code, message.reason);
        return;
      case "abort":
        this.#sender.abort();
        return;
      case "close":
        void this.#close();
    }
  }

  /** Nothing is left then that keeps the thread alive. */
  async #close(): Promise<void> {
    this.#sender.abort();
    await this.#sender.close();
    this.#port.close();
  }

  async #send(ticket: number, request: UnsignedRequest): Promise<void> {
    const answer = await this.#sender.send(this.#signed(request));
    this.#answers.push({ ticket, answer });
    if (this.#answers.length > 1) return;
    // All that is answered in this turn of the loop goes back together.
    setImmediate(() => {
      const answers = this.#answers;
      this.#answers = [];
      this.#say({ kind: "answers", answers });
    });
  }

  #signed({ url, method, payload, headers, signing }: UnsignedRequest): TargetRequest {
    const body = payload?.body ?? null;
    const signer = signing === null ? undefined : this.#signers.get(signing.hook);
    return {
      url: new URL(url),
      method,
      headers: [
        ...USER_AGENT,
        ...(payload?.headers ?? []),
        ...(signing === null || body === null ? [] : (signer?.headers(signing, body) ?? [])),
        ...headers,
      ],
      body,
    };
  }

  #say(message: FromSender): void {
    this.#port.postMessage(message);
  }
}

if (parentPort !== null) {
  standBack();
  new SenderThread(parentPort, workerData as SenderInit).begin();
}
