import type { Framing } from "./framing.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** The way to one client, as a session sees it: a binding's own framing is behind it. */
export interface Channel {
  /** Whether nobody between can read along. */
  readonly isSecure: boolean;
  /** Whether the client has to start TLS before anything else. */
  readonly needsTls: boolean;
  /** What a stanza must declare since nothing around it does: ` xmlns="jabber:client"`, or nothing. */
  readonly declaration: string;
  readonly framing: Framing;
  /** Whether more has been written than the client has taken. */
  readonly isBacklogged: boolean;
  /** Whether bytes that were given to {@link write} are still needed: they may not be written over. */
  readonly isHolding: boolean;
  /** Whether the channel itself knows what has arrived, and tells `Session.arrived`; then nobody needs to be asked. */
  readonly isConfirming: boolean;
  /** Why this is no start of a stream in the channel's own framing, a stream error; `null` if it is one. */
  faultOf(root: XmlNode): string | null;
  /** Answers a stream's start. */
  open(from: string, id: string): void;
  /** Sends whole elements, each framed. Answers whether more may come at once; what was given is sent all the same. */
  write(framed: Buffer): boolean;
  /** The client is going to start its stream anew. */
  restart(): void;
  /** Goes over to TLS; the client has been told. */
  startTls(): void;
  /** Stops or goes on reading. */
  pause(isPaused: boolean): void;
  /** Ends the stream, then the connection; by an error, which has been written, or by the client's wish. */
  end(condition: string | null): void;
  /** Ends the connection. */
  destroy(): void;
}
