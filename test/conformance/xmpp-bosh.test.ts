import { keptCursorCases } from "./cases/kept-cursor.ts";
import { describeConformance } from "./describe-conformance.ts";
import { xmppByBosh } from "./drivers/xmpp.ts";

describeConformance(xmppByBosh);
keptCursorCases(xmppByBosh);
