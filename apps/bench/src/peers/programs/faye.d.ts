/** What is used of faye, which has no types of its own. */
declare module "faye" {
  import type { Server } from "node:http";

  export class NodeAdapter {
    constructor(options: { readonly mount: string; readonly timeout: number });
    attach(server: Server): void;
    getClient(): { publish(channel: string, message: unknown): Promise<void> };
  }
}
