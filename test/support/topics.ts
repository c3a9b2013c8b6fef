let count = 0;

/** A topic that no other test uses. */
export function freshTopic(name = "topic"): string {
  count += 1;
  return `${name}-${count.toString(36)}-${process.pid.toString(36)}`;
}
