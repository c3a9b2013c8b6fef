"""Subscribes with slixmpp and prints each event. It connects again by itself, and resumes its stream (XEP-0198)."""

import sys

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

port, node, certificate = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def say(line: str) -> None:
    print(line, flush=True)


class Reader(slixmpp.ClientXMPP):
    def __init__(self) -> None:
        super().__init__("slixmpp@localhost/desk", "pencil")
        self.ca_certs = certificate
        for name in ("xep_0060", "xep_0198", "xep_0199"):
            self.register_plugin(name)
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("session_resumed", lambda _: say("back"))
        self.add_event_handler("disconnected", lambda _: self.connect(address))
        self.add_event_handler("failed_auth", lambda _: sys.exit("login failed"))
        self.register_handler(Callback("events", MatchXPath("{jabber:client}message"), self.received))

    async def started(self, _event: object) -> None:
        self.send_presence()
        await self["xep_0060"].subscribe("pubsub.localhost", node, bare=False)
        say("ready")

    def received(self, message: slixmpp.Message) -> None:
        for event in message.xml.iter("{urn:xmpp:json:0}json"):
            say(event.text)


address = ("127.0.0.1", port)
client = Reader()
client.connect(address)
client.process(forever=True)
