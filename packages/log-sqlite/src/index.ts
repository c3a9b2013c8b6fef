/** The name of this package. */
export const packageName: string = "@sluice/log-sqlite";
