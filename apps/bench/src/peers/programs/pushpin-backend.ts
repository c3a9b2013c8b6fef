// The app behind Pushpin: it holds streams and sockets by GRIP, one topic each, and is not asked again for an event.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

/** WebSocket-over-HTTP: an event of the socket, with its content. */
function socketEvent(type: string, content?: string): string {
  return content === undefined ? `${type}\r\n` : `${type} ${Buffer.byteLength(content).toString(16)}\r\n${content}\r\n`;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const [, kind, topic = ""] = /^\/(ws|sse)\/(.*)$/.exec(request.url ?? "") ?? [];
  if (kind === "sse") {
    const headers = { "content-type": "text/event-stream", "grip-hold": "stream", "grip-channel": topic };
    response.writeHead(200, headers).end(": ready\n\n");
    return;
  }
  const subscribe = `c:${JSON.stringify({ type: "subscribe", channel: topic })}`;
  const opening = socketEvent("OPEN") + socketEvent("TEXT", subscribe) + socketEvent("TEXT", "READY");
  response.writeHead(200, {
    "content-type": "application/websocket-events",
    "sec-websocket-extensions": 'grip; message-prefix=""',
  });
  response.end(body.startsWith("OPEN") ? opening : "");
}

createServer((request, response) => void answer(request, response)).listen(Number(process.argv[2]), "127.0.0.1", 4096);
