/**
 * What every event of the benchmark carries in its data, so that it is found in any framing: which it is, and when it
 * was due. Only digits between marks: no encoding of JSON or XML changes it.
 *
 *     ~S:phase.topic.sequence.dueUs~
 */
export interface Stamp {
  /** Which part of the run: sequences begin anew in each. */
  readonly phase: number;
  readonly topic: number;
  /** From 0, per topic and phase. */
  readonly sequence: number;
  /** When it was to be published, in microseconds of the monotonic clock. */
  readonly dueUs: number;
}

const MARK = "~S:";
const MARK_BYTES = Buffer.from(MARK);
const DIGITS = { phase: 3, topic: 5, sequence: 8, dueUs: 16 } as const;
const TOPIC_AT = MARK.length + DIGITS.phase + 1;
const SEQUENCE_AT = TOPIC_AT + DIGITS.topic + 1;
const DUE_AT = SEQUENCE_AT + DIGITS.sequence + 1;
const TILDE = 0x7e;
const ZERO = 0x30;

/** Length of a stamp. */
export const STAMP_BYTES: number = DUE_AT + DIGITS.dueUs + 1;

/** The stamp as text. */
export function stampText({ phase, topic, sequence, dueUs }: Stamp): string {
  const part = (value: number, width: number): string => String(value).padStart(width, "0");
  return `${MARK}${part(phase, DIGITS.phase)}.${part(topic, DIGITS.topic)}.${part(sequence, DIGITS.sequence)}.${part(dueUs, DIGITS.dueUs)}~`;
}

/** An event's data, a JSON string of `bytes` bytes in all, if the stamp leaves it room. */
export function stampedData(stamp: Stamp, bytes: number): string {
  return `"${stampText(stamp)}${"x".repeat(Math.max(0, bytes - STAMP_BYTES - 2))}"`;
}

/** Called once for each stamp, with its parts rather than an object: there are many. */
export type StampListener = (phase: number, topic: number, sequence: number, dueUs: number) => void;

/** Finds the whole stamps between two places, in order; answers how many there were. */
export function findStamps(bytes: Buffer, from: number, to: number, listener: StampListener): number {
  let count = 0;
  for (let start = bytes.indexOf(MARK_BYTES, from); start >= 0; start = bytes.indexOf(MARK_BYTES, start)) {
    const end = start + STAMP_BYTES;
    if (end > to) break;
    if (bytes[end - 1] !== TILDE) {
      start += MARK.length;
      continue;
    }
    const phase = digits(bytes, start + MARK.length, DIGITS.phase);
    const topic = digits(bytes, start + TOPIC_AT, DIGITS.topic);
    const sequence = digits(bytes, start + SEQUENCE_AT, DIGITS.sequence);
    listener(phase, topic, sequence, digits(bytes, start + DUE_AT, DIGITS.dueUs));
    count += 1;
    start = end;
  }
  return count;
}

function digits(bytes: Buffer, from: number, count: number): number {
  let value = 0;
  for (let index = from; index < from + count; index += 1) value = value * 10 + ((bytes[index] ?? ZERO) - ZERO);
  return value;
}
