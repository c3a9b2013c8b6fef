// Targets that cost as little as can be, in a process of their own: COUNT servers on sockets, 200 to each request, which
// must have a Content-Length. On a machine with few cores a receiver's work would else be measured as the gateway's delay.
import { createServer, type AddressInfo } from "node:net";

const OK = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
const HEAD_END = Buffer.from("\r\n\r\n");

/** The bytes of the first whole request; 0 if there is none yet. */
function requestBytes(bytes: Buffer): number {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return 0;
  const length = /content-length: *(\d+)/i.exec(bytes.toString("latin1", 0, headEnd))?.[1] ?? "0";
  const end = headEnd + HEAD_END.length + Number(length);
  return bytes.length < end ? 0 : end;
}

const [count = 1] = process.argv.slice(2).map(Number);
const ports: number[] = [];
for (let index = 0; index < count; index += 1) {
  const server = createServer({ noDelay: true }, (socket) => {
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = requestBytes(rest); end > 0; end = requestBytes(rest)) {
        rest = rest.subarray(end);
        socket.write(OK);
      }
    });
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ports.push((server.address() as AddressInfo).port);
}
process.send?.(ports);
