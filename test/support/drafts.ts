import type { EventDraft } from "@sluice/core";

/** An event as the gateway itself would publish it, checked by nobody: for topics that no client may publish to. */
export function systemDraft(topic: string, data: string): EventDraft {
  return {
    id: `system-${Date.now()}`,
    topic,
    type: "message",
    time: new Date().toISOString(),
    data,
    dataContentType: null,
  };
}
