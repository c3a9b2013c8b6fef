import type { Arrow, LaneName } from "../stage-protocol.ts";
import { ByteReader, type Reading } from "./byte-reader.ts";
import { readRequests } from "./requests.ts";
import { readResponses } from "./responses.ts";
import { Piece } from "./piece.ts";
import type { Sight, Talk, Tell } from "./talk.ts";

/** Who is at an end of a connection. */
export type Party = Arrow["from"];

/** Numbers that are given once each, over all lanes. */
export interface Numbers {
  nextArrow(): number;
  nextConnection(): number;
}

/** Options of a {@link Conversation}. */
export interface ConversationOptions {
  readonly lane: LaneName;
  /** Who connected, and asks. */
  readonly asker: Party;
  readonly numbers: Numbers;
  readonly onArrow: (arrow: Arrow) => void;
}

/**
 * What is said over one connection, as arrows. Every byte of both directions is counted in exactly one of them; what
 * can't be read is one too.
 */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #connection: number;
  readonly #asking: Direction;
  readonly #answering: Direction;
  #isClosed = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#connection = options.numbers.nextConnection();
    const { asker } = options;
    const talk: Talk = { open: [], upgrade: null };
    const direction = (from: Party, read: typeof readRequests): Direction =>
      new Direction((reader, tell) => read(reader, talk, tell), this.#tellerOf(from));
    this.#asking = direction(asker, readRequests);
    this.#answering = direction(other(asker), readResponses);
  }

  opened(at: number): void {
    this.#mark("open", this.#options.asker, "connected", at);
  }

  /** The one who connected said something. */
  asked(bytes: Buffer, at: number): void {
    this.#asking.push(bytes, at);
  }

  /** The other one said something. */
  answered(bytes: Buffer, at: number): void {
    this.#answering.push(bytes, at);
  }

  /** Ends it; once. */
  closed(by: Party, label: string, at: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#asking.end();
    this.#answering.end();
    this.#mark("close", by, label, at);
  }

  #mark(what: "open" | "close", from: Party, label: string, at: number): void {
    const piece = new Piece();
    piece.count(Buffer.alloc(0), at);
    this.#tellerOf(from)({ what, label }, piece);
  }

  #tellerOf(from: Party): Tell {
    return ({ what, label, events = 0, isWasted = false, answerTo = null }, piece) => {
      const { lane, numbers, onArrow } = this.#options;
      const number = numbers.nextArrow();
      const { beganAt, endedAt, bytes, text, isTextCut } = piece;
      const connection = this.#connection;
      onArrow({
        kind: "arrow",
        number,
        lane,
        connection,
        answerTo,
        from,
        what,
        label,
        beganAt,
        endedAt,
        bytes,
        text,
        isTextCut,
        events,
        isWasted,
      });
      return number;
    };
  }
}

const RAW: Sight = { what: "frame", label: "unreadable" };
const CUT_OFF: Sight = { what: "frame", label: "cut off" };

/** One direction: bytes into a parser. */
class Direction {
  readonly #reader = new ByteReader();
  readonly #tell: Tell;
  readonly #parser: Reading;
  /** The parser has given up, or has ended. */
  #isRaw = false;

  constructor(parse: (reader: ByteReader, tell: Tell) => Reading, tell: Tell) {
    this.#tell = tell;
    this.#parser = parse(this.#reader, tell);
  }

  push(bytes: Buffer, at: number): void {
    this.#reader.push(bytes, at);
    this.#run();
    if (this.#isRaw) this.#flush(RAW);
  }

  end(): void {
    const sight = this.#isRaw ? RAW : CUT_OFF;
    this.#reader.end();
    this.#run();
    this.#flush(sight);
  }

  #run(): void {
    if (this.#isRaw) return;
    try {
      this.#isRaw = this.#parser.next().done === true;
    } catch {
      // Whatever is wrong with what came: the connection itself must not suffer from being looked at.
      this.#isRaw = true;
    }
  }

  #flush(sight: Sight): void {
    this.#reader.drain();
    if (this.#reader.piece.bytes > 0) this.#tell(sight, this.#reader.take());
  }
}

function other(party: Party): Party {
  return party === "client" ? "gateway" : "client";
}
