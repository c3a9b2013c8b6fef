export { comet, type CometOptions } from "./comet.ts";
