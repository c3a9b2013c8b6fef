import websocket from "@fastify/websocket";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import type { WebSocket } from "ws";
import { isLane } from "../lanes.ts";
import { gatewayOrderIn, laneOrderIn, moodIn, OrderError, speedIn } from "../stage-orders.ts";
import type { LaneName, LaneOrder, ReceiverMood, Setup } from "../stage-protocol.ts";
import { contentPolicy } from "./content-policy.ts";
import { isOwnHost, isOwnPage } from "./own-page.ts";
import { readPageFile } from "./page-files.ts";

/** What the page can see and do. */
export interface StageControls {
  readonly setup: () => Setup;
  /** A page begins to watch. */
  watch(page: WebSocket): void;
  order(lane: LaneName | "all", order: LaneOrder): void;
  setMood(mood: ReceiverMood): void;
  orderGateway(order: "restart" | "kill"): void;
  setSpeed(speed: number): void;
}

interface ByName {
  readonly Params: { readonly name: string };
}

const BODY_LIMIT_BYTES = 4096;
const FRAME_LIMIT_BYTES = 1024;

/**
 * The stage's HTTP interface, as `stage-protocol.ts` has it, and the page's files; it does not listen yet. It answers
 * to names of this machine only, and takes orders only from the page that it has served.
 */
export async function createStageServer(controls: StageControls): Promise<FastifyInstance> {
  const server = fastify({ bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });
  server.removeContentTypeParser("text/plain");
  await server.register(websocket, { options: { maxPayload: FRAME_LIMIT_BYTES } });

  server.addHook("onRequest", (request, reply, done) => {
    reply.headers({
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
    });
    const mayEnter = request.method === "POST" || request.ws ? isOwnPage(request) : isOwnHost(request);
    if (mayEnter) done();
    else void refuse(reply, 403, "This is for the page that is served here.");
  });
  server.setErrorHandler((error: FastifyError, _request, reply) => {
    // What can't be read is as wrong as what can't be done.
    const isWrong = error instanceof OrderError || error.statusCode === 400;
    return refuse(reply, isWrong ? 422 : (error.statusCode ?? 500), error.message);
  });
  server.setNotFoundHandler((_request, reply) => refuse(reply, 404, "There is nothing here."));

  server.get("/stage/setup", () => controls.setup());
  server.get("/stage/live", { websocket: true }, (socket) => controls.watch(socket));
  server.post<ByName>("/stage/lanes/:name", (request, reply) => {
    const { name } = request.params;
    if (name !== "all" && !isLane(name)) throw new OrderError(`there is no lane ${name}`);
    controls.order(name, laneOrderIn(request.body));
    return reply.code(204).send();
  });
  server.post("/stage/receiver", (request, reply) => {
    controls.setMood(moodIn(request.body));
    return reply.code(204).send();
  });
  server.post("/stage/gateway", (request, reply) => {
    controls.orderGateway(gatewayOrderIn(request.body));
    return reply.code(204).send();
  });
  server.post("/stage/cook", (request, reply) => {
    controls.setSpeed(speedIn(request.body));
    return reply.code(204).send();
  });
  server.get("/*", async (request, reply) => {
    const file = await readPageFile(request.url.split("?")[0] as string);
    if (file === null) return reply.callNotFound();
    if (file.contentType.startsWith("text/html")) {
      const { lanes, gateway, hooks } = controls.setup();
      const connects = [`http://${request.host}`, ...Object.values(lanes), gateway, hooks.url];
      reply.header("content-security-policy", contentPolicy(String(file.body), connects));
    }
    return reply.type(file.contentType).send(file.body);
  });
  return server;
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error });
}
