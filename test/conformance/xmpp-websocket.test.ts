import { keptCursorCases } from "./cases/kept-cursor.ts";
import { describeConformance } from "./describe-conformance.ts";
import { xmppByWebSocket } from "./drivers/xmpp.ts";

describeConformance(xmppByWebSocket);
keptCursorCases(xmppByWebSocket);
