import { Agent } from "node:http";
import { Socket, type SocketConstructorOpts, type TcpSocketConnectOpts } from "node:net";

/** The other side has closed its connection: whatever is written to it is lost. */
const CLOSED: ReadonlySet<string | undefined> = new Set(["EPIPE", "ECONNRESET"]);

type Done = (error?: Error | null) => void;

/**
 * A connection to the app that is read to its end though the app takes nothing more. An app that refuses an upload answers
 * and closes at once; the next write finds the connection broken, and Node would then give it up with the answer unread.
 * What ends the connection here is reading, which comes upon the same break right behind the answer.
 */
class AppSocket extends Socket {
  // The names are those that Node gives to what a stream is made of.
  /* oxlint-disable no-underscore-dangle */
  override _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void {
    super._write(chunk, encoding, forgiving(done));
  }

  override _writev(chunks: { readonly chunk: Buffer; readonly encoding: BufferEncoding }[], done: Done): void {
    super._writev?.(chunks, forgiving(done));
  }
  /* oxlint-enable no-underscore-dangle */
}

function forgiving(done: Done): Done {
  return (error) => {
    const code = error !== undefined && error !== null && "code" in error ? String(error.code) : undefined;
    done(CLOSED.has(code) ? null : error);
  };
}

/** Makes connections of that kind. */
export class AppAgent extends Agent {
  override createConnection(options: TcpSocketConnectOpts & SocketConstructorOpts): Socket {
    return new AppSocket(options).connect(options);
  }
}
