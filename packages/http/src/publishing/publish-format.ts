import type { IncomingHttpHeaders } from "node:http";
import { parsePublication, type EventDraft, type PublicationOptions } from "@sluice/core";
import { binaryEvent, isBinaryMode, structuredBatch, structuredEvent } from "./cloud-event.ts";
import { HttpFault } from "../http-fault.ts";
import { textOf } from "./publish-body.ts";

/** Makes events of a body. @throws {SluiceError} `invalid-json`, `invalid-event`, `invalid-topic`, `too-large` */
export type PublishFormat = (body: Buffer, options: PublicationOptions) => EventDraft[];

const ACCEPTED = "application/json, application/cloudevents+json, application/cloudevents-batch+json";

/**
 * What the body of a publication is, by its headers: JSON, or CloudEvents in structured, batch or binary mode.
 * @throws {SluiceError} `unsupported-media-type`
 */
export function formatOf(headers: IncomingHttpHeaders): PublishFormat {
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "") {
    throw new HttpFault("unsupported-media-type", "The body must not be compressed (Content-Encoding).", {
      headers: { "accept-encoding": "identity" },
    });
  }
  const { type, charset } = mediaType(headers["content-type"]);
  const isText = charset === undefined || charset === "utf-8" || charset === "utf8" || charset === "us-ascii";
  if (type === "application/cloudevents+json" && isText)
    return (body, options) => structuredEvent(textOf(body), options);
  if (type === "application/cloudevents-batch+json" && isText) {
    return (body, options) => structuredBatch(textOf(body), options);
  }
  if (isBinaryMode(headers) && !type.startsWith("application/cloudevents")) {
    return (body, options) => [binaryEvent(headers, type, body, options)];
  }
  if (type === "application/json" && isText) return (body, options) => parsePublication(textOf(body), options);
  throw new HttpFault("unsupported-media-type", `The body must be one of ${ACCEPTED}, in UTF-8.`, {
    headers: { accept: ACCEPTED },
  });
}

function mediaType(header: string | undefined): { readonly type: string; readonly charset: string | undefined } {
  const [type = "", ...parameters] = (header ?? "").split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  return { type, charset: charset?.slice("charset=".length).replaceAll('"', "") };
}
