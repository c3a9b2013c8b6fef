/**
 * For `vi.waitUntil`: how long a test waits for something before it gives up. Far more than it takes on the slowest
 * machine, which the second that is the default is not.
 */
export const WAIT = { timeout: 45_000 } as const;
