"""Subscribes with slixmpp, prints the data of each event, ends behind the one that was asked for."""

import asyncio
import json
import sys

import slixmpp

port, node, last = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


class Reader(slixmpp.ClientXMPP):
    def __init__(self) -> None:
        super().__init__("slixmpp@localhost/desk", "pencil")
        self.register_plugin("xep_0060")
        self.register_plugin("xep_0199")
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_auth", lambda _: sys.exit("login failed"))
        self.register_handler(
            slixmpp.xmlstream.handler.Callback(
                "json",
                slixmpp.xmlstream.matcher.MatchXPath("{jabber:client}message"),
                self.received,
            )
        )

    async def started(self, _event: object) -> None:
        self.send_presence()
        await self["xep_0060"].subscribe("pubsub.localhost", node, bare=False)
        print("subscribed", file=sys.stderr, flush=True)

    def received(self, message: slixmpp.Message) -> None:
        for found in message.xml.iter("{urn:xmpp:json:0}json"):
            data = json.loads(found.text)["data"]
            print(data, flush=True)
            if data == last:
                self.disconnect()


client = Reader()
client.connect(("127.0.0.1", port), disable_starttls=True)
client.process(forever=False)
