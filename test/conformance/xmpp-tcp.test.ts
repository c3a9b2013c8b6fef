import { keptCursorCases } from "./cases/kept-cursor.ts";
import { describeConformance } from "./describe-conformance.ts";
import { xmppByTcp } from "./drivers/xmpp.ts";

describeConformance(xmppByTcp);
keptCursorCases(xmppByTcp);
