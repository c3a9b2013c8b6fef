import type { Answer } from "../../support/publisher.ts";
import { CERTIFICATE_KEY_PATH, CERTIFICATE_PATH } from "../../support/certificate.ts";
import type { Lack, ReaderDriver, ReaderOptions, TransportName } from "./reader-driver.ts";
import { openBosh } from "./xmpp/bosh-wire.ts";
import { HttpRefusal, XmppRefusal } from "./xmpp/refusal.ts";
import { openTcp } from "./xmpp/tcp-wire.ts";
import { openWebSocket } from "./xmpp/websocket-wire.ts";
import type { OpenWire } from "./xmpp/wire.ts";
import { XmppReader } from "./xmpp/xmpp-reader.ts";

const LACKS: Readonly<Partial<Record<Lack, string>>> = {
  types: "XMPP: a subscription knows no types",
  http: "XMPP: a refusal is a stanza's or a stream's error",
  cookies: "XMPP: nobody logs in with a cookie",
  "starting cursor": "XMPP: where a subscription begins the gateway remembers, and nobody is told",
  "quiet cursor": "XMPP: a quiet reader's cursor is the gateway's to move",
};

/** Tokens want TLS: of TCP here, of a proxy in front for the others. */
const SETTINGS = {
  public: { trust_proxy: ["127.0.0.0/8"] },
  transports: {
    xmpp: {
      tcp: {
        listen: "127.0.0.1:0",
        tls: { cert: CERTIFICATE_PATH, key: CERTIFICATE_KEY_PATH },
        direct_tls: "127.0.0.1:0",
      },
    },
  },
};

function xmppDriver(name: TransportName, open: OpenWire, lacks: ReaderDriver["lacks"]): ReaderDriver {
  return {
    name,
    metricName: "xmpp",
    staysConnected: true,
    settings: SETTINGS,
    lacks: { ...LACKS, ...lacks },
    connect: (options) => XmppReader.connect(open, options),
    refusal: (options) => refusalOf(open, options),
  };
}

/** XMPP by TCP, with TLS from the start. */
export const xmppByTcp: ReaderDriver = xmppDriver("xmpp-tcp", openTcp, {
  proxies: "TCP: nothing that a proxy says of its client",
});

/** XMPP by WebSocket (RFC 7395). */
export const xmppByWebSocket: ReaderDriver = xmppDriver("xmpp-websocket", openWebSocket, {});

/** XMPP by BOSH (XEP-0124, XEP-0206). */
export const xmppByBosh: ReaderDriver = xmppDriver("xmpp-bosh", openBosh, {
  vanishing: "BOSH: a client that asks no more is there until its inactivity is over",
});

async function refusalOf(open: OpenWire, options: ReaderOptions): Promise<Answer> {
  try {
    const reader = await XmppReader.connect(open, options);
    await reader.close();
  } catch (error) {
    if (error instanceof HttpRefusal) return error.answer;
    const hasCredentials = options.accessToken !== undefined || options.headers?.["authorization"] !== undefined;
    if (error instanceof XmppRefusal) return error.toAnswer(hasCredentials);
    throw error;
  }
  throw new Error("Not refused");
}
