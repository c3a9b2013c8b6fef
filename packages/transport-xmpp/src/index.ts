export type { XmppAccount } from "./login.ts";
export type { XmppLimits } from "./shared.ts";
export type { XmppTcpOptions } from "./tcp-listener.ts";
export { xmpp, type XmppOptions, type XmppTransport } from "./xmpp.ts";
