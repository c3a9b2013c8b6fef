/** The name of this package. */
export const packageName: string = "@sluice/transport-polling";
