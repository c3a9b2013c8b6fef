# python3 watch.py 127.0.0.1:5222 "orders/**"
import os
import sys

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

address, *nodes = sys.argv[1:]
host, port = address.split(":")
name, password = os.environ.get("XMPP_NAME"), os.environ.get("XMPP_PASSWORD")  # neither: ANONYMOUS


class Watcher(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(f"{name}@localhost/python" if name else "localhost", password)
        self.seen = set()
        for plugin in ("xep_0060", "xep_0198", "xep_0199"):  # PubSub, stream management, ping
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.subscribe)  # not after a stream that was resumed
        self.add_event_handler("disconnected", lambda _: self.open())
        self.register_handler(Callback("items", StanzaPath("message/pubsub_event/items"), self.received))

    def open(self):
        # Elsewhere self.connect() will do: it finds the JID's host by its name, and wants TLS.
        self.connect((host, int(port)), disable_starttls=True)

    async def subscribe(self, _event):
        self.send_presence()  # what was missed comes now
        for node in nodes:
            await self["xep_0060"].subscribe(f"pubsub.{self.boundjid.domain}", node, bare=False)

    def received(self, message):
        for item in message["pubsub_event"]["items"]:
            if item["id"] not in self.seen:  # what was not acknowledged comes again
                self.seen.add(item["id"])
                print(item["payload"].text, flush=True)  # the event's JSON


watcher = Watcher()
watcher.open()
watcher.loop.run_forever()
