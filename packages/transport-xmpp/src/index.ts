export type { JidGrant } from "./component/jid-grants.ts";
export type { ComponentAddress } from "./component/component-stream.ts";
export {
  xmppComponent,
  type ComponentFigures,
  type XmppComponent,
  type XmppComponentOptions,
} from "./component/component.ts";
export { HOST_META_PATHS } from "./discovery/host-meta.ts";
export type { XmppAccount } from "./login/login.ts";
export type { XmppLimits } from "./session/shared.ts";
export type { XmppTcpOptions } from "./tcp/tcp-listener.ts";
export { xmpp, type XmppOptions, type XmppTransport } from "./xmpp.ts";
