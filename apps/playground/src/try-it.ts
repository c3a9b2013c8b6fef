/** Something to copy into a terminal. */
export interface Command {
  readonly title: string;
  /** One sentence on what happens. */
  readonly what: string;
  readonly command: string;
}

/** Where everything is, as URLs without a slash at the end. */
export interface Addresses {
  /** The page that shows the transports at work. */
  readonly page: string;
  /** The gateway's public listener, and with it the shop's. */
  readonly front: string;
  /** The gateway's admin listener. */
  readonly admin: string;
  /** The gateway's XMPP listener. */
  readonly xmpp: string;
  /** The shop itself. */
  readonly app: string;
}

// Double quotes, since they mean the same to every shell, the ones on Windows included.

/** One command per transport, each showing what happens to all orders; and one for the shop's own URL. */
export function watchCommands({ front, xmpp }: Addresses): readonly Command[] {
  const events = `${front}/realtime/events?topic=orders&topic=orders/**`;
  return [
    {
      title: "Polling",
      what: "Answers at once with the newest ten events and the cursor for the next question.",
      command: `curl "${events}&last=10"`,
    },
    {
      title: "Long polling",
      what: "Answers as soon as something happens, or after 30 seconds.",
      command: `curl "${events}&wait=30"`,
    },
    {
      title: "Server-Sent Events",
      what: "One request, and every event as it happens.",
      command: `curl -N -H "Accept: text/event-stream" "${events}"`,
    },
    {
      title: "WebSocket",
      what: "The same over a WebSocket, with the project's own command: many builds of curl have none.",
      command: `npm run -s sluice -- watch orders "orders/**" --transport websocket --url ${front}`,
    },
    {
      title: "XMPP",
      what: "A stock client. Any other does as well: log in to localhost as nobody, the nodes are at pubsub.localhost.",
      command: `node examples/xmpp/watch.js ${xmpp} orders "orders/**"`,
    },
    {
      title: "The shop's own URL",
      what: "GET /orders is the list of orders. Asked for as a stream, it is every new order; /orders/ID is what happens to one.",
      command: `curl -N -H "Accept: text/event-stream" ${front}/orders`,
    },
  ];
}

/** The command that makes something happen. */
export function orderCommand({ front }: Addresses): Command {
  return {
    title: "A margherita, please",
    what: "The shop takes the order, the cook bakes it, and it is ready: three requests to the shop, three events.",
    command: `curl -d pizza=margherita ${front}/orders`,
  };
}
