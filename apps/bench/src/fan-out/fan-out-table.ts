import type { Row } from "./scenarios.ts";

/** The rows as Markdown tables, one per scenario and kind: medians of the rounds, and losses wherever there were any. */
export function table(rows: readonly Row[]): string {
  const groups = Map.groupBy(rows, ({ scenario, kind }) => `${scenario}, ${kind}`);
  return [...groups].map(([title, group]) => `\n${title}\n\n${lines(group)}`).join("");
}

function lines(rows: readonly Row[]): string {
  const isIdle = rows[0]?.scenario === "idle";
  const head = isIdle
    ? "| server | RSS per reader, KiB |\n| --- | --: |\n"
    : "| server | CPU per delivery, µs | (user) | deliveries/s | p50, ms | p99, ms | joined | lost, doubled, disordered |\n| --- | --: | --: | --: | --: | --: | --: | --: |\n";
  const byServer = Map.groupBy(rows, ({ server }) => server);
  const body = [...byServer].map(([server, own]) => (isIdle ? idleLine(server, own) : loadLine(server, own)));
  return head + body.join("");
}

function idleLine(server: string, rows: readonly Row[]): string {
  return `| ${server} | ${median(rows.map(({ measured }) => measured.kb_per_conn ?? Number.NaN)).toFixed(1)} |\n`;
}

function loadLine(server: string, rows: readonly Row[]): string {
  const of = (pick: (row: Row) => number, digits: number): string => median(rows.map(pick)).toFixed(digits);
  const worst = (pick: (row: Row) => number): number => Math.max(...rows.map(pick));
  const cells = [
    server,
    of(({ measured }) => measured.srv_us_per_msg, 2),
    of(({ measured }) => measured.srv_user_us, 2),
    of(({ measured }) => measured.deliv_per_s, 0),
    of(({ measured }) => measured.p50_ms, 1),
    of(({ measured }) => measured.p99_ms, 1),
    of(({ measured }) => measured.msgs_per_read, 1),
    [
      worst(({ measured }) => measured.lost),
      worst(({ measured }) => measured.dup),
      worst(({ measured }) => measured.ooo),
    ].join(", "),
  ];
  return `| ${cells.join(" | ")} |\n`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
