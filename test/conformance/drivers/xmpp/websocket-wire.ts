import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { refusalOf } from "../sse.ts";
import { HttpRefusal } from "./refusal.ts";
import { DOMAIN, type OpenWire } from "./wire.ts";
import { parseXml } from "./xml.ts";

const FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";

/** WebSocket (RFC 7395), as behind a proxy that does TLS. */
export const openWebSocket: OpenWire = async (options, events) => {
  const url = `${options.url.replace("http", "ws")}/realtime/xmpp`;
  const headers = { "x-forwarded-proto": "https", ...options.headers };
  const socket = new WebSocket(url, ["xmpp"], { headers });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
    socket.once("unexpected-response", (_request, response: IncomingMessage) => {
      refusalOf(response).then((answer) => reject(new HttpRefusal(answer)), reject);
    });
  });
  socket.on("message", (bytes: Buffer) => events.received(parseXml(bytes.toString())));
  socket.on("error", () => undefined);
  socket.on("close", () => events.ended("cut"));
  return {
    open: () => socket.send(`<open xmlns="${FRAMING}" to="${DOMAIN}" version="1.0"/>`),
    // Without anything around it, each stanza says itself what it is.
    send: (xml) => socket.send(xml.replace(/^<(iq|message|presence)\b/, '$& xmlns="jabber:client"')),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    cut: () => socket.terminate(),
    close: async () => {
      if (socket.readyState === WebSocket.CLOSED) return;
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.close(1000);
      await closed;
    },
  };
};
