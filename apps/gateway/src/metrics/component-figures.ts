import type { XmppComponent } from "@sluice/transport-xmpp";
import { Counter, Gauge, type Registry } from "prom-client";

/** Figures of the link to another XMPP server. None has a label that a user could choose. */
export function registerComponentFigures(registry: Registry, component: XmppComponent | null): () => void {
  if (component === null) return () => undefined;
  const registers = [registry];
  const joined = new Gauge({
    name: "sluice_xmpp_component_joined",
    help: "1 while the gateway is a component of the XMPP server",
    registers,
  });
  const streams = new Counter({
    name: "sluice_xmpp_component_streams_total",
    help: "Streams to the XMPP server, by what became of them",
    registers,
    labelNames: ["outcome"],
  });
  const users = new Gauge({ name: "sluice_xmpp_component_users", help: "Users with subscriptions", registers });
  return () => {
    const { figures } = component;
    joined.set(figures.state === "joined" ? 1 : 0);
    streams.reset();
    for (const [outcome, count] of Object.entries(figures.streams)) streams.inc({ outcome }, count);
    users.set(figures.users);
  };
}
