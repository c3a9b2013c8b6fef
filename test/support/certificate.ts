import { fileURLToPath } from "node:url";

/** A certificate for `localhost` and 127.0.0.1, and its key: they are for tests alone, and public. */
export const CERTIFICATE_PATH: string = inXmppTests("test-cert.pem");
export const CERTIFICATE_KEY_PATH: string = inXmppTests("test-key.pem");

function inXmppTests(name: string): string {
  return fileURLToPath(new URL(`../../packages/transport-xmpp/test/support/${name}`, import.meta.url));
}
