import { isTopic } from "@sluice/core";

/** Whether the text can stand in a segment of a topic. */
export function isTopicPart(text: string): boolean {
  return !text.includes("/") && isTopic(text);
}
