/** Something to copy into a terminal. */
export interface Command {
  readonly title: string;
  /** One sentence on what happens. */
  readonly what: string;
  readonly command: string;
}

/** Where everything is, as URLs without a slash at the end. */
export interface Addresses {
  readonly shop: string;
  readonly gateway: string;
  readonly admin: string;
}

// Double quotes, since they mean the same to every shell, the ones on Windows included.

/** One command per transport, each showing what happens to all orders. */
export function watchCommands({ gateway }: Addresses): readonly Command[] {
  const events = `${gateway}/realtime/events?topic=orders/**`;
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
      command: `npm run -s sluice -- watch "orders/**" --transport websocket --url ${gateway}`,
    },
  ];
}

/** The command that makes something happen. */
export function orderCommand({ shop }: Addresses): Command {
  return {
    title: "A margherita, please",
    what: "The shop takes the order, bakes it, and it is ready: three events.",
    command: `curl -d pizza=margherita ${shop}/orders`,
  };
}
