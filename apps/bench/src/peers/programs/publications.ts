import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

const PUBLISH = "/pub/";

/** A server that takes publications, `POST /pub/TOPIC`, and answers when they are handed on; the rest is its user's. */
export function publicationServer(publish: (topic: string, body: string) => void | Promise<void>): Server {
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await publish((request.url ?? "").slice(PUBLISH.length), await text(request));
    response.writeHead(204).end();
  };
  return createServer((request, response) => {
    if (request.url?.startsWith(PUBLISH) === true) void take(request, response);
  });
}
