export { sse, type SseOptions } from "./sse.ts";
