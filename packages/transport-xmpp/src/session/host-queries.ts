import { createElement, type Element } from "ltx";
import manifest from "../../package.json" with { type: "json" };
import { NS } from "../xml/namespaces.ts";
import { StanzaError } from "../xml/stanza.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/**
 * What clients ask their server for, and wait for before they go on: a gateway has no contacts and no chat, so most
 * answers are empty.
 * @throws {StanzaError} `service-unavailable` for anything else
 */
export function answerHost(iq: XmlNode, service: string): readonly Element[] {
  const [query] = iq.children;
  const type = iq.attribute("type");
  if (query === undefined) throw new StanzaError("modify", "bad-request");
  switch (`${type} ${query.name} ${query.ns}`) {
    case `set session ${NS.session}`:
    case `get ping ${NS.ping}`:
    case `set enable ${NS.carbons}`:
    case `set disable ${NS.carbons}`:
      return [];
    case `set bind ${NS.bind}`:
      // RFC 6120 §7.6.2.2: a stream has one resource.
      throw new StanzaError("cancel", "not-allowed");
    case `get query ${NS.roster}`:
      return [createElement("query", { xmlns: NS.roster })];
    case `get query ${NS.version}`:
      return [software()];
    case `get query ${NS.discoInfo}`:
      return [info(iq, query.attribute("node"))];
    case `get query ${NS.discoItems}`:
      return [items(iq, query.attribute("node"), service)];
    default:
      throw new StanzaError("cancel", "service-unavailable");
  }
}

/** XEP-0092 §4: what it runs on is nobody's business, its version has to be said. */
function software(): Element {
  const [name, version] = [createElement("name", {}, "Sluice"), createElement("version", {}, manifest.version)];
  return createElement("query", { xmlns: NS.version }, name, version);
}

function info(iq: XmlNode, node: string | undefined): Element {
  const isAccount = iq.attribute("to")?.includes("@") ?? true;
  const identity = isAccount ? { category: "account", type: "registered" } : { category: "server", type: "im" };
  const features = [NS.discoInfo, NS.discoItems, NS.ping, NS.carbons];
  return createElement(
    "query",
    { xmlns: NS.discoInfo, node },
    createElement("identity", { ...identity, name: "Sluice" }),
    ...features.map((name) => createElement("feature", { var: name })),
  );
}

function items(iq: XmlNode, node: string | undefined, service: string): Element {
  const isHost = iq.attribute("to")?.includes("@") === false;
  const shown = isHost && node === undefined ? [createElement("item", { jid: service, name: "Topics" })] : [];
  return createElement("query", { xmlns: NS.discoItems, node }, ...shown);
}
