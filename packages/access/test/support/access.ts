import { type Credentials, type Filter, parseFilter, type Principal, SluiceError } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { type AccessOptions, createAccess, type GatewayAccess } from "../../src/index.ts";
import { SECRET } from "./tokens.ts";

export function filters(...texts: string[]): readonly Filter[] {
  return texts.map((text) => parseFilter(text));
}

/** An access of the test's own clock: the secret's tokens, and `menu` public, unless said otherwise. */
export function accessWith(options: Partial<AccessOptions> = {}): { access: GatewayAccess; clock: ManualClock } {
  const clock = new ManualClock();
  const access = createAccess({ public: filters("menu"), jwt: { secret: SECRET }, clock, ...options });
  return { access, clock };
}

export function bearer(token: string): Credentials {
  return { authorization: `Bearer ${token}` };
}

/** The code with which it is refused, or `granted`. */
export async function outcome(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return "granted";
  } catch (error) {
    if (error instanceof SluiceError) return error.code;
    throw error;
  }
}

/** The whole way of a request: who is it, and may they read that? */
export async function mayRead(access: GatewayAccess, credentials: Credentials, ...topics: string[]): Promise<string> {
  return outcome(
    access.identify(credentials).then((principal: Principal) => access.check(principal, "read", filters(...topics))),
  );
}

/** Waits until `isSo`, giving the event loop its turns. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
