import { BoshClient } from "./bosh-client.ts";
import type { Client, ClientHost } from "./client.ts";
import { HookClient } from "./hook-client.ts";
import { HookReceivers } from "./hook-receivers.ts";
import { PollClient } from "./poll-client.ts";
import { SseClient } from "./sse-client.ts";
import type { Target } from "./targets.ts";
import { WebSocketClient } from "./websocket-client.ts";
import { XmppTcpClient } from "./xmpp-tcp-client.ts";
import { XmppWebSocketClient } from "./xmpp-websocket-client.ts";

/** So many clients of a target, none of them open. */
export function clientsOf(host: ClientHost, target: Target, count: number): readonly Client[] {
  const make = makerOf(host, target);
  return Array.from({ length: count }, (_, client) => make(client));
}

function makerOf(host: ClientHost, target: Target): (client: number) => Client {
  switch (target.kind) {
    case "poll":
      return (client) => new PollClient(host, target, client);
    case "sse":
      return (client) => new SseClient(host, target, client);
    case "websocket":
      return (client) => new WebSocketClient(host, target, client);
    case "xmpp-tcp":
      return (client) => new XmppTcpClient(host, target, client);
    case "xmpp-websocket":
      return (client) => new XmppWebSocketClient(host, target, client);
    case "bosh":
      return (client) => new BoshClient(host, target, client);
    case "hooks":
      break;
  }
  const receivers = new HookReceivers(host, target.origins);
  return (client) => new HookClient(host, target, client, receivers);
}
