/** Whether one of the filters matches the topic: `*` is one segment, a last `**` one or more, neither `$sys` at the start. */
export function matchesAny(filters: Iterable<string>, topic: string): boolean {
  for (const filter of filters) if (matches(filter, topic)) return true;
  return false;
}

function matches(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  const wanted = filter.split("/");
  const present = topic.split("/");
  const isOpen = wanted.at(-1) === "**";
  if (isOpen ? present.length < wanted.length : present.length !== wanted.length) return false;
  if (present[0] === "$sys" && wanted[0] !== "$sys") return false;
  return wanted.every((segment, index) => segment === "*" || segment === "**" || segment === present[index]);
}
