import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { CERTIFICATE_PATH } from "../../../support/certificate.ts";
import { DOMAIN, NS_STREAMS, type OpenWire } from "./wire.ts";
import { XmlStream } from "./xml.ts";

const HEAD =
  `<?xml version="1.0"?><stream:stream to="${DOMAIN}" version="1.0" xmlns="jabber:client" ` +
  `xmlns:stream="${NS_STREAMS}">`;

/** TCP with TLS from the start. */
export const openTcp: OpenWire = async ({ xmppPort = 0 }, events) => {
  const ca = readFileSync(CERTIFICATE_PATH);
  const socket = connect({ port: xmppPort, host: "127.0.0.1", servername: DOMAIN, ca });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  let text = new TextDecoder();
  let stream = new XmlStream(1, (element) => events.received(element));
  socket.on("data", (bytes: Buffer) => stream.push(text.decode(bytes, { stream: true })));
  socket.on("error", () => socket.destroy());
  socket.on("close", () => events.ended("cut"));
  return {
    open: () => {
      text = new TextDecoder();
      stream = new XmlStream(1, (element) => events.received(element));
      socket.write(HEAD);
    },
    send: (xml) => void (socket.writable && socket.write(xml)),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    cut: () => void socket.destroy(),
    close: async () => {
      if (socket.closed) return;
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.end("</stream:stream>");
      await closed;
    },
  };
};
