import { setPriority } from "node:os";

const NICENESS = 10;

/**
 * Lets the thread that calls this stand back: whenever the event loop that serves readers has something to do, it goes
 * first. With two cores and 2000 deliveries a second that is most of what a storm of hooks costs readers. Only Linux
 * knows a niceness of threads; elsewhere it would be the whole process's.
 */
export function standBack(): void {
  if (process.platform === "linux") setPriority(NICENESS);
}
