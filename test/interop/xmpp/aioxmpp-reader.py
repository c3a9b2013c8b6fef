"""Subscribes with aioxmpp and prints each event. It connects again by itself, and resumes its stream (XEP-0198)."""

import asyncio
import json
import sys

import aioxmpp
import aioxmpp.connector
import aioxmpp.misc  # knows the container of XEP-0335
import OpenSSL

port, node, certificate = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def say(line: str) -> None:
    print(line, flush=True)


def tls_context() -> OpenSSL.SSL.Context:
    context = aioxmpp.security_layer.default_ssl_context()
    context.load_verify_locations(certificate)
    return context


def published(_service: aioxmpp.JID, _node: str, item: aioxmpp.pubsub.xso.EventItem, **_message: object) -> None:
    say(json.dumps(item.registered_payload.json_data))


async def main() -> None:
    jid = aioxmpp.JID.fromstr("aioxmpp@localhost/desk")
    security = aioxmpp.make_security_layer("pencil")._replace(ssl_context_factory=tls_context)
    way = ("127.0.0.1", port, aioxmpp.connector.STARTTLSConnector())
    client = aioxmpp.PresenceManagedClient(jid, security, override_peer=[way])
    service = aioxmpp.JID.fromstr("pubsub.localhost")
    pubsub = client.summon(aioxmpp.PubSubClient)
    pubsub.on_item_published.connect(published)
    client.on_stream_resumed.connect(lambda: say("back"))
    client.on_failure.connect(lambda error: sys.exit(str(error)))
    async with client.connected():
        await pubsub.subscribe(service, node=node, subscription_jid=client.local_jid)
        say("ready")
        await asyncio.Event().wait()


asyncio.run(main())
