// node watch.js xmpp://localhost:5222 "orders/**"
import { client, xml } from "@xmpp/client";

const [service, ...nodes] = process.argv.slice(2);
const { XMPP_NAME: username, XMPP_PASSWORD: password } = process.env; // neither: ANONYMOUS
const xmpp = client({ service, resource: "node", username, password });
const seen = new Set();

xmpp.on("error", ({ message }) => console.error(message)); // it connects again by itself

xmpp.on("stanza", (stanza) => {
  const item = stanza.getChild("event")?.getChild("items")?.getChild("item");
  if (item === undefined || seen.has(item.attrs.id)) return; // what was not acknowledged comes again
  seen.add(item.attrs.id);
  console.log(item.getChildText("json"));
});

// After a login. A stream that is resumed has its subscriptions.
xmpp.on("online", async (jid) => {
  await xmpp.send(xml("presence")); // what was missed comes now
  for (const node of nodes) {
    const subscribe = xml("subscribe", { node, jid: jid.toString() });
    const pubsub = xml("pubsub", "http://jabber.org/protocol/pubsub", subscribe);
    const iq = xml("iq", { type: "set", to: `pubsub.${jid.domain}` }, pubsub);
    await xmpp.iqCaller.request(iq).catch(({ message }) => console.error(`${node}: ${message}`));
  }
});

xmpp.start().catch(() => process.exit(1)); // a wrong password, say; "error" has told which
