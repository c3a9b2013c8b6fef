"""Logs in with slixmpp as any client does, subscribes its bare JID to a node if it is told one, and prints each item's data."""

import json
import sys

import slixmpp

port, user, service = int(sys.argv[1]), sys.argv[2], "pubsub.example.org"
node = sys.argv[3] if len(sys.argv) > 3 else None


class Watcher(slixmpp.ClientXMPP):
    def __init__(self) -> None:
        super().__init__(f"{user}@example.org", user)
        self.register_plugin("xep_0060")
        self.register_plugin("xep_0199")
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_auth", lambda _: sys.exit("login failed"))
        path = slixmpp.xmlstream.matcher.MatchXPath("{jabber:client}message")
        self.register_handler(slixmpp.xmlstream.handler.Callback("items", path, self.received))

    async def started(self, _event: object) -> None:
        self.send_presence()
        await self.get_roster()
        if node is not None:
            await self["xep_0060"].subscribe(service, node)
        print("ready", flush=True)

    def received(self, message: slixmpp.Message) -> None:
        for found in message.xml.iter("{urn:xmpp:json:0}json"):
            print(json.loads(found.text)["data"], flush=True)


client = Watcher()
client.connect(("127.0.0.1", port), disable_starttls=True)
client.process(forever=True)
