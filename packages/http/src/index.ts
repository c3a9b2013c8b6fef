export { Admission, canUpgrade, type Admitted, type AdmissionOptions } from "./admission.ts";
export { rawResponse } from "./client-error.ts";
export { applyCors, registerCors } from "./cors.ts";
export { acceptsEventStream, preferredWait } from "./header-values.ts";
export { HttpFault } from "./http-fault.ts";
export { createHttpServer, isWebSocketUpgrade, sendProblem, type HttpServerOptions } from "./http-server.ts";
export type { HttpTransport } from "./http-transport.ts";
export type { HttpLimits } from "./limits.ts";
export { refuseOtherMethods } from "./methods.ts";
export { checkOrigin, type CorsRules } from "./origin.ts";
export { bodyOf, etagOf, pageBody, sendPage, type PageBody } from "./reading/page.ts";
export { problem, PROBLEM_TYPE, toFault, type Problem } from "./problem.ts";
export { publicApi, resourceRoute, type PublicApiOptions } from "./public-api.ts";
export { publishRoute, type PublishRouteOptions, type TopicCheck } from "./publishing/publish-route.ts";
export {
  headerOf,
  NO_READ_OPTIONS,
  parametersOfQuery,
  parametersOfResource,
  type ReadParameters,
} from "./reading/read-parameters.ts";
export type { ReadOptions, ReadRequest, Seat } from "./reading/read-request.ts";
export { invalidParameter } from "./reading/query.ts";
export { Seats } from "./seats.ts";
export type { TakeSnapshot } from "./reading/snapshot.ts";
export type { OpeningOptions, StreamFormat } from "./streaming/stream-format.ts";
export { Streams, type StreamsOptions } from "./streaming/streams.ts";
