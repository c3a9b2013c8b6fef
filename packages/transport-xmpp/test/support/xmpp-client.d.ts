/** What the tests use of @xmpp/client, which has no types of its own. */
declare module "@xmpp/client" {
  export interface Stanza {
    readonly name: string;
    readonly attrs: Readonly<Record<string, string>>;
    is(name: string, xmlns?: string): boolean;
    getChild(name: string, xmlns?: string): Stanza | undefined;
    getChildren(name: string): readonly Stanza[];
    getChildText(name: string): string | null;
    text(): string;
    toString(): string;
  }
  export interface XmppClient {
    readonly jid: { toString(): string; bare(): { toString(): string } };
    readonly socket: { destroy?(): void; end(): void; readonly socket?: { destroy(): void } } | null;
    readonly reconnect: { stop(): void; start(): void };
    readonly status: string;
    readonly streamManagement: { id: string; enabled: boolean; inbound: number };
    readonly iqCaller: { request(iq: Stanza, timeoutMs?: number): Promise<Stanza> };
    on(event: "stanza", listener: (stanza: Stanza) => void): void;
    on(event: "error", listener: (error: Error) => void): void;
    on(event: "online" | "offline" | "disconnect", listener: () => void): void;
    start(): Promise<{ toString(): string }>;
    stop(): Promise<void>;
    send(stanza: Stanza): Promise<void>;
  }
  export function client(options: Readonly<Record<string, unknown>>): XmppClient;
  export function xml(
    name: string,
    attrs?: Readonly<Record<string, string>>,
    ...children: readonly (Stanza | string)[]
  ): Stanza;
}
