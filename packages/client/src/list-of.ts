/** One, or several, as several. */
export function listOf<One extends string | object>(some: One | readonly One[]): readonly One[] {
  return Array.isArray(some) ? (some as readonly One[]) : [some as One];
}
