/** Why events are missing: retention has passed the reader by, or its cursor is of another log. */
export type GapReason = "expired" | "reset";

/** Events that a reader asked for and that the log no longer holds. Always told, never silent. */
export interface Gap {
  /** The cursor that the reader came with. */
  readonly after: string;
  /** Reading after this cursor gives the first retained event, without a gap. */
  readonly resumedAt: string;
  readonly reason: GapReason;
}

/** The gap's JSON as every transport shows it; `lead` are members to put first. */
export function gapJson(gap: Gap, lead: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...lead, after: gap.after, resumed_at: gap.resumedAt, reason: gap.reason });
}
