import { NO_GRANTS, type Credentials, type Principal, type StoredEvent } from "@sluice/core";
import type { FastifyRequest } from "fastify";

/**
 * Takes what a topic, a resource of the app, is now: one event of the type `snapshot`, whose cursor is from before the
 * app was asked, so that the changes behind it are all that the snapshot may lack.
 * @param credentials to ask the app with
 * @throws {SluiceError} `invalid-parameter` if the topic is no resource, the app's refusal, `too-large`
 */
export type TakeSnapshot = (topic: string, credentials: Credentials) => Promise<StoredEvent>;

/**
 * What of a client's credentials is for the app. A Bearer of ours is ours alone. A token of the query stands alone too:
 * any page can put one into an address and have the browser add its user's cookies.
 */
export function credentialsForApp(request: FastifyRequest, principal: Principal, hasQueryToken: boolean): Credentials {
  const { authorization, cookie } = request.headers;
  const site = `${request.protocol}://${request.host}`;
  if (hasQueryToken) return { site };
  const isByToken = principal.subject !== null || principal.expiresAtMs !== null || principal.grants !== NO_GRANTS;
  const isOurBearer = isByToken && !principal.isByCookie && /^\s*bearer\b/i.test(authorization ?? "");
  return { authorization: isOurBearer ? undefined : authorization, cookie, site };
}
